"""Damages of the event log in SQLite.

Owns the table damages; see storage.damages.Damages. Rows are added in the
transaction of SqliteFacts.ingest.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from bandit_svc.domain.events.damage import Damage
from bandit_svc.errors import NotFound
from bandit_svc.storage.damages import KeptDamage
from bandit_svc.storage.sqlite.database import Database

_SELECT = """
    SELECT id, found_at_ms, acknowledged_at_ms, partition, segment, offset, facts,
        bytes, what, at_least FROM damages"""
_INSERT = """
    INSERT INTO damages (found_at_ms, partition, segment, offset, facts, bytes, what,
        at_least)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (partition, segment, offset, what) DO NOTHING"""


class SqliteDamages:
    """See storage.damages.Damages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[KeptDamage]:
        """See the interface."""
        return self._kept(f"{_SELECT} ORDER BY id")

    def unacknowledged(self) -> list[KeptDamage]:
        """See the interface."""
        return self._kept(f"{_SELECT} WHERE acknowledged_at_ms IS NULL ORDER BY id")

    def acknowledge(self, damage_id: int, now_ms: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            known = connection.execute(
                "UPDATE damages SET acknowledged_at_ms ="
                " coalesce(acknowledged_at_ms, ?) WHERE id = ?",
                [now_ms, damage_id],
            ).rowcount
        if not known:
            raise NotFound(
                f"there is no damage {damage_id}; `bandit-svc doctor` lists the ids of "
                "those that are not acknowledged"
            )

    def _kept(self, sql: str) -> list[KeptDamage]:
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(sql).fetchall()]


def add_damages(
    connection: sqlite3.Connection, damages: Sequence[Damage], found_at_ms: int
) -> None:
    """Keep damages, in the caller's transaction; one that is known is kept once."""
    connection.executemany(_INSERT, [(found_at_ms, *damage) for damage in damages])


def _row(row: tuple[Any, ...]) -> KeptDamage:
    damage_id, found_at_ms, acknowledged_at_ms, *of_damage = row
    damage = Damage(*of_damage)
    damage = damage._replace(at_least=bool(damage.at_least))
    return KeptDamage(damage_id, found_at_ms, damage, acknowledged_at_ms)
