"""Published model versions.

Owns the protocol.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from bandit_svc.domain.model_version import ModelVersion, ModelVersionMeta, VersionAge
from bandit_svc.storage.rows import EvaluationChanges


class ModelVersions(Protocol):
    """Published model versions."""

    def latest_versions(self) -> Mapping[int, int]:
        """Return the newest version of each experiment number that has one."""

    def known_versions(self) -> Mapping[int, int]:
        """Return the same, where a server keeps them as this process has heard of it.

        Raises:
            Unavailable: nothing was heard yet.
        """

    def latest(self, number: int) -> ModelVersion | None:
        """Return the newest model of an experiment, or None."""

    def get(self, number: int, version: int) -> ModelVersion | None:
        """Return one model version, or None if it was never published or is pruned."""

    def newest(self, number: int) -> ModelVersionMeta | None:
        """Return the newest version without its bytes, or None."""

    def ages(self, number: int) -> list[VersionAge]:
        """Return when each kept version was made; costs less than their metas."""

    def metas(self, number: int) -> list[ModelVersionMeta]:
        """Return the kept versions without their bytes, newest first."""

    def publish(
        self,
        published: ModelVersion,
        parent_version: int,
        drop: Collection[int] = (),
        evaluations: EvaluationChanges | None = None,
    ) -> bool:
        """Keep a model as the newest, and drop older ones.

        Args:
            drop: the versions that are kept no longer.
            evaluations: kept in the same transaction, as `Evaluations.save` would.

        Returns:
            False, and nothing was kept, if the newest version is not
            `parent_version`: somebody restored another model meanwhile.
        """
