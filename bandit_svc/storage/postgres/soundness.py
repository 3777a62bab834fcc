"""Contradictions between the facts and the sums of a PostgreSQL store.

Owns which sums every fact is in: all, where the tables are older than the service.
Damage of pages is the server's to find.
"""

from typing import Final, cast

from bandit_svc.storage.postgres.connection import Connection
from bandit_svc.storage.sqlite.facts import Check
from bandit_svc.storage.sqlite.rows.due import EmbeddedConnection
from bandit_svc.storage.sqlite.soundness import EVERY_SUM, contradictions

MADE_AT: Final = "tables_at_ms"
"""The name of the row of meta that says when the tables were made."""
_TIME: Final = "SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?"


def _faults(connection: Connection) -> list[str]:
    made, created = (
        connection.execute(_TIME, (name,)).fetchone()
        for name in (MADE_AT, "created_at_ms")
    )
    is_whole = made is not None and created is not None and made[0] <= created[0]
    whole = EVERY_SUM if is_whole else frozenset[str]()
    # The connection takes the statements of the embedded store.
    return contradictions(cast("EmbeddedConnection", connection), whole)


CHECK: Final = cast("Check", _faults)
