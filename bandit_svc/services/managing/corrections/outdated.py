"""Which model versions have learned rewards that were corrected since.

Pure.
"""

from collections.abc import Iterable

from bandit_svc.domain.model_version import ModelVersionMeta
from bandit_svc.storage.corrections import Remade


def is_outdated(meta: ModelVersionMeta, remade: Iterable[Remade]) -> bool:
    """Return whether a version was made before one that was made anew for its past.

    Args:
        meta: of the version.
        remade: of its experiment.
    """
    return any(
        meta.version < one.version and meta.cursor >= one.position for one in remade
    )
