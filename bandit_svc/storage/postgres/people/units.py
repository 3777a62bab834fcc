"""States of units in a schema of their own; see storage.units.Units."""

import secrets
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, cast

from bandit_svc.domain.people.unit_state import UnitState
from bandit_svc.storage.postgres.control.listening import Listening
from bandit_svc.storage.postgres.people.tables import UNITS, Secret, drop, make, opened
from bandit_svc.storage.sqlite.database import Database as EmbeddedDatabase
from bandit_svc.storage.sqlite.people.state_marks import StateMarks
from bandit_svc.storage.sqlite.people.units import SqliteUnits
from bandit_svc.storage.sqlite.rows.due import EmbeddedConnection
from bandit_svc.storage.units import NO_OVERSHOOT, Overshoot, Units

KEPT_S: Final = 0.5
"""How long a state that was read is used: another machine may change it meanwhile."""
_MOST_KEPT: Final = 2_048
_TIME: Final = struct.Struct("<d")


class _Kept(NamedTuple):
    """A state as it was read, and until when it is used."""

    until_s: float
    state: UnitState | None


class _RecentStates:
    """What was read in the last half second; see StateMarks. Thread-safe.

    A visitor's page asks for several decisions at once, which cost one read.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def kept(self, unit_id: str) -> _Kept | None:
        """Return what was read of a unit, if it was a moment ago."""
        found = self._kept.get(unit_id)
        if found is None or found.until_s < time.monotonic():
            return None
        return found

    def number(self, _: bytes) -> bytes:
        """Return the time before the read, from which on the state gets old."""
        return _TIME.pack(time.monotonic())

    def keep(
        self, unit_id: str, _: bytes, number: bytes, state: UnitState | None
    ) -> None:
        """Keep a state that was read."""
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        (read_s,) = _TIME.unpack(number)
        self._kept[unit_id] = _Kept(read_s + KEPT_S, state)

    @contextmanager
    def changing(self, _: Iterable[bytes] | None = None) -> Iterator[None]:
        """Forget what was read before this process changes something."""
        try:
            yield
        finally:
            self._kept.clear()

    def close(self) -> None:
        """Forget everything."""
        self._kept.clear()


def _is_news(state: UnitState) -> bool:
    return len(state.ids) > 1 or state.consent == "denied"


class PostgresUnits(SqliteUnits):
    """See storage.units.Units."""

    def __init__(
        self,
        place: tuple[str, str],
        secret: Secret,
        listening: Listening | None = None,
        patience_s: float | None = None,
    ) -> None:
        """Describe the schema.

        Args:
            place: address of the server, and name of the schema.
            secret: returns the service's secret.
            listening: what the process has heard; None for states that nobody serves.
            patience_s: see Database.
        """
        self._place_of = place
        self._schema = opened(place, UNITS, patience_s=patience_s)
        # It takes the statements of the embedded one.
        self._database = cast("EmbeddedDatabase", self._schema)
        self._secret = secret
        self._marks = cast("StateMarks", _RecentStates())
        self._listening = listening

    def migrate(self) -> None:
        """Create the tables, where they are missing."""
        make(self._schema, UNITS)

    def must_be_read(self) -> bool:
        """See the interface."""
        return self._listening is not None and self._listening.units_are_read()

    def save(
        self,
        states: Iterable[UnitState],
        after: int,
        position: int,
        overshoot: Overshoot = NO_OVERSHOOT,
    ) -> bool:
        """See the interface."""
        kept = [*states]
        saved = super().save(kept, after, position, overshoot)
        if self._listening is not None and any(map(_is_news, kept)):
            self._listening.units_were_linked()
        return saved

    def are_in_order(self) -> bool:
        """See the interface."""
        return True

    def _mark_order(self, connection: EmbeddedConnection) -> None:
        """Do nothing: they always are."""

    @contextmanager
    def empty(self) -> Iterator[Units]:
        """See the interface."""
        address, name = self._place_of
        fresh = PostgresUnits((address, f"{name}_{secrets.token_hex(4)}"), self._secret)
        fresh.migrate()
        try:
            yield fresh
        finally:
            drop(fresh._schema)
            fresh.close()
