"""Model versions in SQLite.

Owns the table snapshots, and every other one of its columns; see
storage.control.model_versions.ModelVersions.
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
_ALL = 2**62
SNAPSHOTS = "snapshots"
"""The table of the models of the experiments' own policies."""


class SqliteModelVersions:
    """See storage.control.model_versions.ModelVersions."""

    def __init__(self, database: Database, table: str = SNAPSHOTS) -> None:
        self._database = database
        self._table = table

    def latest_versions(self) -> Mapping[int, int]:
        """See the interface."""
        with self._database.read() as connection:
            return dict(connection.execute(newest_of_all(self._table)).fetchall())

    def known_versions(self) -> Mapping[int, int]:
        """See the interface."""
        return self.latest_versions()

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
                f"SELECT version, created_at_ms FROM {self._table}"  # noqa: S608 - our own name
                " WHERE number = ?",
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
                f"SELECT {_META} FROM sound_{self._table} WHERE number = ?"  # noqa: S608 - constants
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
            newest = newest_version(connection, meta.number, self._table)
            if newest != parent_version:
                return False
            insert_version(connection, published, self._table)
            connection.executemany(
                f"DELETE FROM {self._table} WHERE number = ? AND version = ?",  # noqa: S608 - our own name
                [(meta.number, version) for version in drop],
            )
            if evaluations is not None:
                save_evaluations(connection, meta.number, evaluations)
        return True

    def _one(self, where: str, parameters: list[int]) -> ModelVersion | None:
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_META}, state FROM sound_{self._table} WHERE {where}",  # noqa: S608 - constants
                parameters,
            ).fetchone()
        if row is None:
            return None
        # A state that is damaged loads into no policy, as an empty one does not: the
        # learner builds the model again from the log.
        state = row[_META_COUNT] or b""
        return ModelVersion(meta=_meta(row[:_META_COUNT]), state=state)


def newest_of_all(table: str) -> str:
    """Return the statement that reads the newest version of each experiment.

    It takes one step down the primary key for each experiment, instead of a walk over
    every kept version.
    """
    return (
        "SELECT number, newest FROM (SELECT e.number,"  # noqa: S608 - our own name
        f" (SELECT max(version) FROM {table} s WHERE s.number = e.number) AS newest"
        " FROM experiments e) AS each WHERE newest IS NOT NULL"
    )


def newest_version(
    connection: sqlite3.Connection, number: int, table: str = SNAPSHOTS
) -> int:
    """Return the newest model version of an experiment, 0 for none."""
    (newest,) = connection.execute(
        f"SELECT coalesce(max(version), 0) FROM {table} WHERE number = ?",  # noqa: S608 - our own name
        [number],
    ).fetchone()
    return int(newest)


def insert_version(
    connection: sqlite3.Connection, published: ModelVersion, table: str = SNAPSHOTS
) -> None:
    """Keep a model version, in the caller's transaction."""
    meta = published.meta
    connection.execute(
        f"INSERT INTO {table} ({_META}, state)"  # noqa: S608 - constants
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
