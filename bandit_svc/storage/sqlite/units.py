"""Units, each counted once in the group in which it was first seen.

Owns the tables units, unit_counts and unit_looks. A unit is kept as eight bytes of a
salted hash, never as itself. The caller owns the transaction.
"""

import sqlite3
from hashlib import blake2b

import msgspec

from bandit_svc.domain.experiment import BASELINE, Group

EVERY_LOOK_TO = 100
LOOK_RATIO = 1.02
"""The counts are kept at each of the first hundred units and then whenever there are
2 % more, so that a sequential test reads the same looks however facts are batched:
some 35 rows an octave."""
HASH_BYTES = 8
_SALT_BYTES = 64


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
        self._salts: dict[int, bytes] = {}
        self._since: dict[int, dict[int, int]] = {}
        self._eras: dict[tuple[int, int], _Era] = {}

    def count(
        self, number: int, revision: int, group: Group, unit_id: str | None
    ) -> None:
        """Count the unit of an exposed decision if it is new.

        A decision without a unit had its group drawn for itself, so that it counts.
        """
        if number not in self._salts:
            self._load(number)
        if unit_id is not None:
            digest = blake2b(
                unit_id.encode("utf-8", "surrogatepass"),
                digest_size=HASH_BYTES,
                key=self._salts[number],
                person=b"unit",
            ).digest()
            new = self._connection.execute(
                "INSERT OR IGNORE INTO units VALUES (?, ?)",
                (number, int.from_bytes(digest, "big", signed=True)),
            ).rowcount
            if not new:
                return
        era = (number, self._since[number].get(revision, 1))
        if era not in self._eras:
            self._eras[era] = self._era(*era)
        self._eras[era].add(group)

    def write(self) -> None:
        """Keep the counts."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO unit_counts VALUES (?, ?, ?, ?, ?)",
            [
                (*key, era.treatment, era.baseline, era.looked)
                for key, era in self._eras.items()
            ],
        )
        self._connection.executemany(
            "INSERT INTO unit_looks VALUES (?, ?, ?, ?)",
            [
                (*key, treatment, baseline)
                for key, era in self._eras.items()
                for treatment, baseline in era.looks
            ],
        )

    def _load(self, number: int) -> None:
        """Read the salt, and for each revision since when its holdout has held."""
        (salt,) = self._connection.execute(
            "SELECT salt FROM experiments WHERE number = ?", (number,)
        ).fetchone() or ("",)
        self._salts[number] = salt.encode()[:_SALT_BYTES]
        since = self._since[number] = {}
        first, last = 1, None
        for revision, definition in self._connection.execute(
            "SELECT revision, definition FROM revisions WHERE number = ?"
            " ORDER BY revision",
            (number,),
        ):
            holdout = _holdouts.decode(definition).holdout
            if holdout != last:
                first, last = revision, holdout
            since[revision] = first

    def _era(self, number: int, since: int) -> _Era:
        row = self._connection.execute(
            "SELECT treatment, baseline, looked FROM unit_counts"
            " WHERE number = ? AND since = ?",
            (number, since),
        ).fetchone()
        return _Era(*row) if row else _Era()
