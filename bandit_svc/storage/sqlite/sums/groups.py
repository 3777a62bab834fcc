"""Units, each counted once in the group in which it was first seen.

Owns the tables units, unit_counts and unit_looks. A unit is kept as eight bytes of a
salted hash, never as itself, with the groups in which it has been seen and the time of
its first decision. The caller owns the transaction.
"""

import sqlite3
from collections import Counter

import msgspec

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Group, UnitHashes
from bandit_svc.storage.sqlite.rows.checksums import row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows

EVERY_LOOK_TO = 100
LOOK_RATIO = 1.02
"""The counts are kept at each of the first hundred units and then whenever there are
2 % more, so that a sequential test reads the same looks however facts are batched:
some 35 rows an octave."""

_BITS = {TREATMENT: 1, BASELINE: 2}
"""The groups of a unit are a sum of these; 0 is one of a store from before they were
kept, which gets those that it is seen in from now on."""
_BOTH = 3
NEVER_MS = 2**62
"""The first decision of a unit in a store from before its time was kept."""


_Sight = tuple[int, int]
"""The groups in which a unit was seen, and its first decision in milliseconds."""


class _Holdout(msgspec.Struct):
    holdout: float = 0.1


_holdouts = msgspec.json.Decoder(_Holdout)


class _Era:
    """The counts since the revision in which the holdout last changed."""

    __slots__ = ("baseline", "looked", "looks", "treatment")

    def __init__(self, treatment: int = 0, baseline: int = 0, looked: int = 0) -> None:
        self.treatment, self.baseline, self.looked = treatment, baseline, looked
        self.looks: list[tuple[int, int]] = []

    def add(self, group: Group) -> None:
        """Count one unit, and look where a look is due."""
        if group == BASELINE:
            self.baseline += 1
        else:
            self.treatment += 1
        n = self.treatment + self.baseline
        if n <= EVERY_LOOK_TO or n >= int(self.looked * LOOK_RATIO):
            self.looked = n
            self.looks.append((self.treatment, self.baseline))


class Units:
    """The units of one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._hashes: dict[int, UnitHashes] = {}
        self._since: dict[int, dict[int, int]] = {}
        self._eras: dict[tuple[int, int], _Era] = {}
        self._seen: list[tuple[int, int, Group, int | None, int]] = []
        self._shown: Counter[tuple[int, str]] = Counter()

    def count(self, decision: Decision) -> None:
        """Count the unit of an exposed decision if it is new, when all are written.

        A decision without a unit had its group drawn for itself, so that it counts.
        What the caller's own system showed is in no group.
        """
        if decision.shown is not None:
            self._shown[decision.number, "decisions_shown"] += 1
            return
        number, unit_id = decision.number, decision.unit_id
        hashes = self._hashes.get(number) or self._load(number)
        unit = None if unit_id is None else hashes.of(unit_id)
        seen = number, decision.revision, decision.group, unit, decision.decided_at_ms
        self._seen.append(seen)

    def write(self) -> Counter[tuple[int, str]]:
        """Keep the units and their counts; return the counters that rise."""
        crossed = self._count_new()
        self._connection.executemany(
            "INSERT OR REPLACE INTO unit_counts VALUES (?, ?, ?, ?, ?, NULL)",
            [
                (*key, era.treatment, era.baseline, era.looked)
                for key, era in self._eras.items()
            ],
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO unit_looks VALUES (?, ?, ?, ?, NULL)",
            [
                (*key, treatment, baseline)
                for key, era in self._eras.items()
                for treatment, baseline in era.looks
            ],
        )
        return crossed + self._shown

    def _count_new(self) -> Counter[tuple[int, str]]:
        """Count each new unit once, in the order in which they came.

        Return how many units have now been in both groups, and had not before.
        """
        came: dict[int, dict[int, _Sight]] = {}
        for number, _, group, unit, at_ms in self._seen:
            if unit is not None:
                sights = came.setdefault(number, {})
                groups, first_ms = sights.get(unit, (0, at_ms))
                sights[unit] = (groups | _BITS[group], min(first_ms, at_ms))
        known = {number: self._known(number, units) for number, units in came.items()}
        crossed = self._write_groups(came, known)
        for number, revision, group, unit, _ in self._seen:
            if unit is not None:
                if unit in known[number]:
                    continue
                known[number][unit] = came[number][unit]
            era = (number, self._since[number].get(revision, 1))
            if era not in self._eras:
                self._eras[era] = self._era(*era)
            self._eras[era].add(group)
        self._seen.clear()
        return crossed

    def _write_groups(
        self, came: dict[int, dict[int, _Sight]], known: dict[int, dict[int, _Sight]]
    ) -> Counter[tuple[int, str]]:
        """Keep new units and new groups of known ones; count those now in both."""
        crossed: Counter[tuple[int, str]] = Counter()
        changed: list[tuple[int, int, int, int, bytes]] = []
        for number, units in came.items():
            # In the order of the key, so that neighbours are written together.
            for unit, (groups, first_ms) in sorted(units.items()):
                before = known[number].get(unit, (0, NEVER_MS))
                after = (groups | before[0], min(first_ms, before[1]))
                if after == before:
                    continue
                row = number, unit, *after
                changed.append((*row, row_crc("units", *row)))
                if after[0] == _BOTH != before[0]:
                    crossed[number, "units_in_both_groups"] += 1
        add = (
            "INSERT INTO units (number, unit, groups, first_ms, crc)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (number, unit) DO "
        )
        new = self._connection.executemany(add + "NOTHING", changed).rowcount
        if new < len(changed):
            self._connection.executemany(
                add + "UPDATE SET groups = excluded.groups,"
                " first_ms = excluded.first_ms, crc = excluded.crc",
                changed,
            )
        add_rows(self._connection, "units", max(0, new))
        return crossed

    def _known(self, number: int, units: dict[int, _Sight]) -> dict[int, _Sight]:
        """Return what is known of the units that are in the table already."""
        rows = self._connection.execute(
            "SELECT unit, groups, first_ms FROM sound_units WHERE number = ?"
            " AND unit IN (SELECT value FROM json_each(?))",
            (number, msgspec.json.encode(list(units))),
        )
        return {unit: (groups, first_ms) for unit, groups, first_ms in rows}

    def _load(self, number: int) -> UnitHashes:
        """Read the salt, and for each revision since when its holdout has held."""
        (salt,) = self._connection.execute(
            "SELECT salt FROM sound_experiments WHERE number = ?", (number,)
        ).fetchone() or ("",)
        self._hashes[number] = UnitHashes(salt)
        since = self._since[number] = {}
        first, last = 1, None
        for revision, definition in self._connection.execute(
            "SELECT revision, definition FROM sound_revisions WHERE number = ?"
            " ORDER BY revision",
            (number,),
        ):
            holdout = _holdouts.decode(definition).holdout
            if holdout != last:
                first, last = revision, holdout
            since[revision] = first
        return self._hashes[number]

    def _era(self, number: int, since: int) -> _Era:
        row = self._connection.execute(
            "SELECT treatment, baseline, looked FROM sound_unit_counts"
            " WHERE number = ?1 AND since = ?2"
            # Where the counts are damaged, those of the newest look come next to them.
            " UNION ALL SELECT * FROM (SELECT treatment, baseline, treatment + baseline"
            "  FROM sound_unit_looks WHERE number = ?1 AND since = ?2"
            "  ORDER BY treatment + baseline DESC LIMIT 1) AS newest LIMIT 1",
            (number, since),
        ).fetchone()
        return _Era(*row) if row else _Era()
