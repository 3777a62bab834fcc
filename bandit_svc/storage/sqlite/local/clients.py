"""How many decisions each client has made, and how many of them are logged.

Owns the table local_clients, and from both numbers the counter of those that were lost.
The caller owns the transaction.
"""

import sqlite3
from collections import Counter

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.decision import Decision
from bandit_svc.storage.sqlite.rows.checksums import check_rows

LOGGED = "decisions_local"
LOST = "local_lost"
Client = tuple[int, str]
"""The experiment's number, and the client's name."""


def create_local_clients(db: UtilsDatabase) -> None:
    """Create the table; a part of a migration, so it is never edited."""
    db.execute(
        """CREATE TABLE local_clients (
            number INTEGER NOT NULL, client TEXT NOT NULL,
            made INTEGER NOT NULL, logged INTEGER NOT NULL,
            PRIMARY KEY (number, client)) WITHOUT ROWID"""
    )
    check_rows(db, "local_clients")


class LocalClients:
    """What one transaction adds to the numbers of clients."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._made: dict[Client, int] = {}
        self._logged: Counter[Client] = Counter()

    def decided(self, decision: Decision) -> None:
        """Count a new decision that a client made."""
        mark, number = decision.local, decision.number
        if mark is None:
            return
        self._logged[number, mark.client] += 1
        for ended in mark.made:
            key = number, ended.client
            self._made[key] = max(ended.made, self._made.get(key, 0))

    def write(self) -> Counter[tuple[int, str]]:
        """Keep the numbers; return what they add to the counters."""
        counts: Counter[tuple[int, str]] = Counter()
        for (number, client), made in sorted(self._made.items()):
            logged = self._logged[number, client]
            before = self._lost(number, client)
            self._connection.execute(
                "INSERT INTO local_clients (number, client, made, logged)"
                " VALUES (?, ?, ?, ?) ON CONFLICT (number, client) DO UPDATE SET"
                " made = max(made, excluded.made), logged = logged + excluded.logged",
                (number, client, made, logged),
            )
            counts[number, LOGGED] += logged
            counts[number, LOST] += self._lost(number, client) - before
        return counts

    def _lost(self, number: int, client: str) -> int:
        row = self._connection.execute(
            "SELECT made - logged FROM local_clients WHERE number = ? AND client = ?",
            (number, client),
        ).fetchone()
        return 0 if row is None else int(row[0])
