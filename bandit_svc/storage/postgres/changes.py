"""A number that differs after any change to experiments or keys.

Owns the sequence `changes`. A change takes the next number before its transaction and
another one behind it, so that who reads between the two reads again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bandit_svc.storage.postgres.database import Database

CREATE: Final = "CREATE SEQUENCE IF NOT EXISTS changes"


class Changes:
    """See storage.sqlite.version_file.VersionFile."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> int:
        """Return the number."""
        return self._number("SELECT last_value FROM changes")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change the number around a transaction, so that every process sees it."""
        self.bump()
        try:
            yield
        finally:
            self.bump()

    def bump(self) -> None:
        """Take another number."""
        self._number("SELECT nextval('changes')")

    def _number(self, sql: str) -> int:
        with self._database.plain() as plain:
            row = plain.execute(sql).fetchone()
        return 0 if row is None else int(row[0])
