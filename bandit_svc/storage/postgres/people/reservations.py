"""Places under strict caps in a schema of their own; see storage.interface.

Owns what differs from the embedded ones: a request holds the schema's writers up while
it takes its places, and the server ends that with the request's connection.
"""

from typing import cast

from bandit_svc.storage.postgres.people.tables import (
    CAPS,
    REQUEST_BUSY_S,
    Secret,
    make,
    opened,
)
from bandit_svc.storage.sqlite.database import Database as EmbeddedDatabase
from bandit_svc.storage.sqlite.programmes.reservations import SqliteReservations


class PostgresReservations(SqliteReservations):
    """See storage.programmes.reservations.Reservations."""

    def __init__(
        self, place: tuple[str, str], secret: Secret, patience_s: float | None = None
    ) -> None:
        """Describe the schema.

        Args:
            place: address of the server, and name of the schema.
            secret: returns the service's secret.
            patience_s: see Database.
        """
        self._schema = opened(place, CAPS, REQUEST_BUSY_S, patience_s)
        # It takes the statements of the embedded one.
        self._database = cast("EmbeddedDatabase", self._schema)
        self._secret = secret

    def migrate(self) -> None:
        """Create the tables, where they are missing."""
        make(self._schema, CAPS)

    def _is_there(self) -> bool:
        return True
