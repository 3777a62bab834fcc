"""Damages of the event log and of the store in SQLite.

Owns the table damages; see storage.damages.Damages. Those of the log are added in the
transaction of SqliteFacts.ingest, damaged rows behind the reading that met them.
"""

import logging
import sqlite3
from collections.abc import Sequence
from typing import Any

from bandit_svc.domain.events.damage import MOST_REMAINS_BYTES, Damage
from bandit_svc.errors import NotFound
from bandit_svc.storage.damages import KeptDamage
from bandit_svc.storage.rows import FoundDamages
from bandit_svc.storage.sqlite.database import Database

MOST_ALL_REMAINS_BYTES = 16_777_216

_SELECT = """
    SELECT id, found_at_ms, acknowledged_at_ms, partition, segment, offset, facts,
        bytes, what, at_least, format FROM sound_damages"""
_WAITING = "('waiting', 'replaced')"
_INSERT = """
    INSERT INTO damages (found_at_ms, partition, segment, offset, facts, bytes, what,
        at_least, format, remains)
    VALUES ({}, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (partition, segment, offset, what) DO UPDATE SET
        facts = excluded.facts, at_least = excluded.at_least
    WHERE excluded.facts > facts"""
_AT = _INSERT.format("?")
_NOW = _INSERT.format("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
_FORGET_WAITED = """
    DELETE FROM damages WHERE what = 'waited' AND EXISTS (SELECT 1 FROM damages AS over
        WHERE over.id = ? AND over.partition = damages.partition AND
            over.segment = damages.segment AND over.offset = damages.offset)"""
# One that stays in the table keeps its id from being given again.
_IS_OVER = """
    UPDATE damages SET what = 'waited', acknowledged_at_ms =
        coalesce(acknowledged_at_ms, ?) WHERE id = ?"""

_LOG = logging.getLogger(__name__)


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

    def waiting(self) -> list[KeptDamage]:
        """See the interface."""
        return self._kept(f"{_SELECT} WHERE what IN {_WAITING} ORDER BY id")

    def replace_waiting(
        self, waiting: Sequence[Damage], lost: Sequence[Damage], now_ms: int
    ) -> None:
        """See the interface."""
        with self._database.write() as connection:
            rows = connection.execute(f"{_SELECT} WHERE what IN {_WAITING}").fetchall()
            over = [kept.id for kept in map(_row, rows) if kept.damage not in waiting]
            for one in over:
                connection.execute(_FORGET_WAITED, (one,))
                connection.execute(_IS_OVER, (now_ms, one))
            add_damages(connection, FoundDamages([*waiting, *lost], now_ms))

    def remains(self, damage_id: int) -> bytes:
        """See the interface."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT coalesce(remains, x'') FROM sound_damages WHERE id = ?",
                [damage_id],
            ).fetchone()
        if found is None:
            raise _no_damage(damage_id)
        return bytes(found[0])

    def acknowledge(self, damage_id: int, now_ms: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            known = connection.execute(
                "UPDATE damages SET acknowledged_at_ms ="
                " coalesce(acknowledged_at_ms, ?) WHERE id = ?",
                [now_ms, damage_id],
            ).rowcount
        if not known:
            raise _no_damage(damage_id)

    def _kept(self, sql: str) -> list[KeptDamage]:
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(sql).fetchall()]


def add_damages(connection: sqlite3.Connection, found: FoundDamages) -> None:
    """Keep damages, in the caller's transaction; one that is known is kept once."""
    for damage in found.damages:
        remains = found.remains.get(damage, b"")[:MOST_REMAINS_BYTES]
        (kept_bytes,) = connection.execute(
            "SELECT coalesce(sum(length(remains)), 0) FROM damages"
        ).fetchone()
        if kept_bytes + len(remains) > MOST_ALL_REMAINS_BYTES:
            remains = b""
        connection.execute(_AT, (found.found_at_ms, *damage, remains or None))


def keep_damaged_rows(
    connection: sqlite3.Connection, damages: Sequence[Damage]
) -> None:
    """Keep damaged rows, in the caller's transaction, and log those that are new."""
    for damage in dict.fromkeys(damages):
        if connection.execute(_NOW, (*damage, None)).rowcount > 0:
            _LOG.warning("%s", damage)


def _no_damage(damage_id: int) -> NotFound:
    return NotFound(
        f"there is no damage {damage_id}; `bandit-svc doctor` lists the ids of those "
        "that are not acknowledged"
    )


def _row(row: tuple[Any, ...]) -> KeptDamage:
    damage_id, found_at_ms, acknowledged_at_ms, *of_damage = row
    damage = Damage(*of_damage)
    damage = damage._replace(at_least=bool(damage.at_least))
    return KeptDamage(damage_id, found_at_ms, damage, acknowledged_at_ms)
