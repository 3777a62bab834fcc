"""Under which name a prior is among the files that an experiment has imported.

Owns the name, by which it is done once.
"""

from collections.abc import Iterable

from bandit_svc.storage.imports.kept import ImportedFile
from policies.prior.settings import Prior

_BEFORE = "prior:"


def name_of_prior(prior: Prior) -> str:
    """Return the name under which a prior is kept."""
    return f"{_BEFORE}{prior.experiment}:{prior.strength}"


def kept_prior(files: Iterable[ImportedFile]) -> str | None:
    """Return the name of the prior among imported files, None without one."""
    names = (file.name for file in files)
    return next((name for name in names if name.startswith(_BEFORE)), None)
