"""Model versions in SQLite.

Owns the table snapshots; see storage.interface.ModelVersions.
"""

import sqlite3
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from bandit_svc.domain.model_version import ModelVersion, ModelVersionMeta, VersionAge
from bandit_svc.storage.rows import EvaluationChanges
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.evaluations import save_evaluations

_META = "number, version, policy, spans, learned, sha256, created_at_ms, restored_from"
_META_COUNT = 8
_ALL = -1


class SqliteModelVersions:
    """See storage.interface.ModelVersions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest_versions(self) -> Mapping[int, int]:
        """See the interface."""
        with self._database.read() as connection:
            return dict(
                connection.execute(
                    # One step down the primary key for each experiment, instead of
                    # a walk over every kept version.
                    "SELECT e.number, (SELECT max(version) FROM snapshots s"
                    " WHERE s.number = e.number) AS v FROM experiments e"
                    " WHERE v IS NOT NULL"
                ).fetchall()
            )

    def latest(self, number: int) -> ModelVersion | None:
        """See the interface."""
        return self._one("number = ? ORDER BY version DESC LIMIT 1", [number])

    def get(self, number: int, version: int) -> ModelVersion | None:
        """See the interface."""
        return self._one("number = ? AND version = ?", [number, version])

    def ages(self, number: int) -> list[VersionAge]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT version, created_at_ms FROM snapshots WHERE number = ?",
                [number],
            ).fetchall()
        return [VersionAge(*row) for row in rows]

    def newest(self, number: int) -> ModelVersionMeta | None:
        """See the interface."""
        return next(iter(self._metas(number, 1)), None)

    def metas(self, number: int) -> list[ModelVersionMeta]:
        """See the interface."""
        return self._metas(number, _ALL)

    def _metas(self, number: int, limit: int) -> list[ModelVersionMeta]:
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_META} FROM sound_snapshots WHERE number = ?"  # noqa: S608 - a constant
                " ORDER BY version DESC LIMIT ?",
                [number, limit],
            ).fetchall()
        return [_meta(row) for row in rows]

    def publish(
        self,
        published: ModelVersion,
        parent_version: int,
        drop: Collection[int] = (),
        evaluations: EvaluationChanges | None = None,
    ) -> bool:
        """See the interface."""
        meta = published.meta
        with self._database.write() as connection:
            if newest_version(connection, meta.number) != parent_version:
                return False
            insert_version(connection, published)
            connection.executemany(
                "DELETE FROM snapshots WHERE number = ? AND version = ?",
                [(meta.number, version) for version in drop],
            )
            if evaluations is not None:
                save_evaluations(connection, meta.number, evaluations)
        return True

    def _one(self, where: str, parameters: list[int]) -> ModelVersion | None:
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_META}, state FROM sound_snapshots WHERE {where}",  # noqa: S608 - constants
                parameters,
            ).fetchone()
        if row is None:
            return None
        # A state that is damaged loads into no policy, as an empty one does not: the
        # learner builds the model again from the log.
        state = row[_META_COUNT] or b""
        return ModelVersion(meta=_meta(row[:_META_COUNT]), state=state)


def newest_version(connection: sqlite3.Connection, number: int) -> int:
    """Return the newest model version of an experiment, 0 for none."""
    (newest,) = connection.execute(
        "SELECT coalesce(max(version), 0) FROM snapshots WHERE number = ?", [number]
    ).fetchone()
    return int(newest)


def insert_version(connection: sqlite3.Connection, published: ModelVersion) -> None:
    """Keep a model version, in the caller's transaction."""
    meta = published.meta
    connection.execute(
        f"INSERT INTO snapshots ({_META}, state)"  # noqa: S608 - a constant
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            meta.number,
            meta.version,
            msgspec.json.encode(meta.policy).decode(),
            msgspec.json.encode(meta.spans).decode(),
            meta.learned,
            meta.sha256,
            meta.created_at_ms,
            meta.restored_from,
            published.state,
        ],
    )


def _meta(row: tuple[Any, ...]) -> ModelVersionMeta:
    number, version, policy, spans, learned, sha256, created_at_ms, restored = row
    return ModelVersionMeta(
        number=number,
        version=version,
        policy=msgspec.json.decode(policy),
        spans=msgspec.json.decode(spans, type=tuple[tuple[int, int], ...]),
        learned=learned,
        sha256=sha256,
        created_at_ms=created_at_ms,
        restored_from=restored,
    )
