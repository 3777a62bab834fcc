"""States of units in a schema of their own; see storage.units.Units."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

from bandit_svc.domain.people.unit_state import UnitState
from bandit_svc.storage.postgres.people.tables import UNITS, Secret, drop, make, opened
from bandit_svc.storage.sqlite.database import Database as EmbeddedDatabase
from bandit_svc.storage.sqlite.people.state_marks import StateMarks
from bandit_svc.storage.sqlite.people.units import SqliteUnits
from bandit_svc.storage.sqlite.rows.due import EmbeddedConnection
from bandit_svc.storage.units import Units


class _NoMarks:
    """Nothing is kept of what was read: another machine may have changed it."""

    def kept(self, _: str) -> None:
        """Return None: every state is read."""

    def number(self, _: bytes) -> bytes:
        """Return a number that means nothing."""
        return b""

    def keep(self, _: str, __: bytes, ___: bytes, ____: UnitState | None) -> None:
        """Keep nothing."""

    @contextmanager
    def changing(self, _: Iterable[bytes] | None = None) -> Iterator[None]:
        """Do nothing around a transaction."""
        yield

    def close(self) -> None:
        """Do nothing."""


class PostgresUnits(SqliteUnits):
    """See storage.units.Units."""

    def __init__(self, place: tuple[str, str], secret: Secret) -> None:
        """Describe the schema.

        Args:
            place: address of the server, and name of the schema.
            secret: returns the service's secret.
        """
        self._place_of = place
        self._schema = opened(place, UNITS)
        # It takes the statements of the embedded one.
        self._database = cast("EmbeddedDatabase", self._schema)
        self._secret = secret
        self._marks = cast("StateMarks", _NoMarks())
        self._read = False

    def migrate(self) -> None:
        """Create the tables, where they are missing."""
        make(self._schema, UNITS)

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
