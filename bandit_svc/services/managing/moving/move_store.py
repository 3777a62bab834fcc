"""Move all that a store holds to an empty one, and compare the two.

Owns the order: a draft is filled, read back, compared and asked, and takes its place
only then. Whatever is refused leaves the store where it is.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from bandit_svc.errors import Conflict
from bandit_svc.services.managing.moving.compared import differing, equal_models
from bandit_svc.services.managing.moving.ports import (
    Moved,
    MovedRows,
    MovePorts,
    MoveSteps,
)
from bandit_svc.storage.moving.sides import Snapshot
from bandit_svc.storage.moving.tables import (
    MovedTable,
    Rows,
    TableHash,
    moved_tables,
)

_MOST_READ_AGAIN: Final = 100_000
"""Tables of more rows are written by the learner alone, which stands still."""
_ALWAYS_CHANGING: Final = frozenset({"key_uses"})
"""Written by whoever uses a key; it says no more than when."""
_NOTHING: Final = "nothing was moved"
_NOTHING_SAID: Final = "Nothing was moved"


def move_store(ports: MovePorts, steps: MoveSteps) -> Moved:
    """Copy every table, compare, and put the new store in its place.

    Call it while no learner runs.

    Raises:
        Conflict: the new place holds something, the store has damage that nobody has
            acknowledged, it was changed meanwhile, or the two differ.
        Unavailable: one of the two can't be used.
    """
    ports.draft.check_vacant()
    if ports.partitions and ports.left.facts.sources(ports.partitions):
        raise Conflict(
            "the store follows a stream already, and goes on with it where it is moved "
            f"to; leave --stream out. {_NOTHING_SAID}"
        )
    if not ports.left.units.are_in_order():
        raise Conflict(
            "the states of units are those of an earlier version, and are made anew "
            f"when a learner starts; let one run first. {_NOTHING_SAID}"
        )
    with ports.rows.snapshot() as snapshot:
        move = _Move(ports, steps, snapshot)
        move.copy()
        left_behind = move.check_source()
        move.read_back()
        ports.draft.end(snapshot.sums_from_start(), ports.left.pseudonym_key())
    with closing(ports.draft.storage()) as new:
        found = ", ".join(differing(ports.left, new)) if not left_behind else ""
        if found:
            raise Conflict(f"the two stores differ in {found}; {_NOTHING}")
        models = equal_models(ports.left, new)
        steps.verify(new)
    move.check_unchanged()
    if ports.partitions:
        ports.draft.follow_stream(ports.partitions)
    ports.draft.finish()
    ports.rows.leave(ports.place)
    return Moved(move.tables, models, left_behind)


class _Move:
    """The tables of one move."""

    def __init__(self, ports: MovePorts, steps: MoveSteps, snapshot: Snapshot) -> None:
        self._ports = ports
        self._steps = steps
        self._snapshot = snapshot
        self._work = [
            (place, table, snapshot.count(place, table))
            for place in snapshot.places()
            for table in moved_tables(place.part)
        ]
        # All is read once, and once again from the draft.
        self._total = 2 * sum(count for *_, count in self._work)
        self._done = 0
        self._read: list[int] = []
        self.tables: list[MovedRows] = []

    def copy(self) -> None:
        """Fill the draft."""
        self._ports.draft.begin(self._snapshot.places())
        for place, table, _ in self._work:
            hashed = TableHash(table)
            before = self._done
            rows = self._snapshot.read(place, table)
            self._ports.draft.fill(place, table, self._hashed(rows, table, hashed))
            self._read.append(self._done - before)
            self.tables.append(
                MovedRows(place, table.name, hashed.rows, hashed.sha256())
            )

    def check_source(self) -> int:
        """Require that no row was missing; return how many were left behind.

        Raises:
            Conflict: some were, and nobody has acknowledged it.
        """
        met = set(self._snapshot.damaged())
        known = {
            kept.damage
            for kept in self._ports.left.damages.all()
            if kept.acknowledged_at_ms is not None
        }
        if met - known:
            raise Conflict(
                f"{len(met - known)} rows of the store don't fit their checksums, the "
                f"first is: {min(met - known)}. `bandit-svc doctor` names all of them; "
                "restore the data folder from a copy, or accept the loss with "
                f"`bandit-svc doctor --acknowledge ID`. {_NOTHING_SAID}"
            )
        for (place, table, count), read in zip(self._work, self._read, strict=True):
            if count != read and not met:
                raise Conflict(
                    f"the table {table.name} ({place}) has {read} rows, and {count} "
                    f"were counted; restore the store from a copy. {_NOTHING_SAID}"
                )
        return len(met)

    def read_back(self) -> None:
        """Require that the draft has the same rows.

        Raises:
            Conflict: a table differs.
        """
        with self._ports.draft.filled().snapshot() as snapshot:
            for moved, (place, table, _) in zip(self.tables, self._work, strict=True):
                hashed = TableHash(table)
                for _rows in self._hashed(snapshot.read(place, table), table, hashed):
                    pass
                if (hashed.rows, hashed.sha256()) != (moved.rows, moved.sha256):
                    raise Conflict(
                        f"the table {table.name} ({place}) has {moved.rows} rows of "
                        f"SHA-256 {moved.sha256}, and arrived as {hashed.rows} rows of "
                        f"{hashed.sha256()}; {_NOTHING}"
                    )

    def check_unchanged(self) -> None:
        """Require that nobody but a learner has written to the store meanwhile.

        Raises:
            Conflict: a small table differs from what was read.
        """
        with self._ports.rows.snapshot() as snapshot:
            for moved, (place, table, _) in zip(self.tables, self._work, strict=True):
                if table.name in _ALWAYS_CHANGING or moved.rows > _MOST_READ_AGAIN:
                    continue
                hashed = TableHash(table)
                for rows in snapshot.read(place, table):
                    hashed.add(table.fitting(rows))
                if hashed.sha256() != moved.sha256:
                    raise Conflict(
                        f"the table {table.name} ({place}) was changed while it was "
                        "copied; change no definition, key or unit meanwhile, stop the "
                        "web processes where strict caps are in use, and begin again. "
                        f"{_NOTHING_SAID}"
                    )

    def _hashed(
        self, batches: Iterator[Rows], table: MovedTable, hashed: TableHash
    ) -> Iterator[Rows]:
        for rows in batches:
            own = table.fitting(rows)
            hashed.add(own)
            self._done += len(rows)
            self._steps.show(self._done, self._total, f"rows, {table.name}")
            yield own
