"""Published model versions, of which every process hears; see ModelVersions."""

from collections.abc import Collection, Mapping
from typing import cast

import msgspec

from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.storage.postgres.control.listening import Listening
from bandit_svc.storage.postgres.control.server import least_version
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.postgres.sharing.fence import beside_others
from bandit_svc.storage.rows import EvaluationChanges
from bandit_svc.storage.sqlite.database import Database as EmbeddedDatabase
from bandit_svc.storage.sqlite.model_versions import SNAPSHOTS, SqliteModelVersions


class PostgresModelVersions(SqliteModelVersions):
    """See storage.control.model_versions.ModelVersions."""

    def __init__(
        self, database: Database, listening: Listening, table: str = SNAPSHOTS
    ) -> None:
        # It takes the statements of the embedded one.
        super().__init__(cast("EmbeddedDatabase", database), table)
        self._server = database
        self._listening = listening

    def known_versions(self) -> Mapping[int, int]:
        """See the interface."""
        return self._listening.newest(self._table)

    def publish(
        self,
        published: ModelVersion,
        parent_version: int,
        drop: Collection[int] = (),
        evaluations: EvaluationChanges | None = None,
    ) -> bool:
        """See the interface."""
        meta = published.meta
        least = least_version(self._server)
        if meta.version < least:
            meta = msgspec.structs.replace(meta, version=least)
            published = msgspec.structs.replace(published, meta=meta)
        publish = super().publish
        done = beside_others(
            self._server, lambda: publish(published, parent_version, drop, evaluations)
        )
        if done:
            self._listening.published(self._table, meta.number, meta.version)
        return done
