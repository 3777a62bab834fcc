"""First answers in a PostgreSQL store.

Owns the table first_claims; see storage.control.first_claims. A claim is a statement of
its own and waits for no other writer but one of the same id.
"""

import itertools
from typing import Final

from bandit_svc.storage.postgres.database import Database

CREATE: Final = """
    CREATE TABLE IF NOT EXISTS first_claims (
        decision_id text COLLATE "C" PRIMARY KEY, message bytea NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp())"""
_CLAIM: Final = """
    INSERT INTO first_claims (decision_id, message) VALUES (%s, %s)
    ON CONFLICT (decision_id) DO NOTHING RETURNING decision_id"""
_FIRST: Final = "SELECT message FROM first_claims WHERE decision_id = %s"
_FORGET: Final = """
    DELETE FROM first_claims WHERE at < clock_timestamp() - interval '1 day'"""
_FORGET_EVERY: Final = 1_000
"""Claims of one process, the first one included."""


class PostgresFirstClaims:
    """See storage.control.first_claims.FirstClaims."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claims = itertools.count()

    def claim(self, decision_id: str, message: bytes) -> bytes | None:
        """See the interface."""
        with self._database.plain() as plain:
            if next(self._claims) % _FORGET_EVERY == 0:
                plain.execute(_FORGET)
            while True:
                if plain.execute(_CLAIM, (decision_id, message)).fetchone():
                    return None
                row = plain.execute(_FIRST, (decision_id,)).fetchone()
                # It may have been forgotten between the two statements.
                if row is not None:
                    return bytes(row[0])
