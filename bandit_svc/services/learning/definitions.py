"""Definitions of the past, by revision.

Owns a small cache: a revision never changes, so it is read once.
"""

from collections import OrderedDict

from bandit_svc.domain.experiment import Definition
from bandit_svc.storage.interface import Experiments

KEPT = 2_000


class Definitions:
    """Revisions by (experiment number, revision). Not thread-safe."""

    def __init__(self, experiments: Experiments) -> None:
        self._experiments = experiments
        self._known: OrderedDict[tuple[int, int], Definition] = OrderedDict()

    def at(self, number: int, revision: int) -> Definition | None:
        """Return one definition, or None if the store never had it."""
        key = (number, revision)
        definition = self._known.get(key)
        if definition is None:
            definition = self._experiments.at_revision(number, revision)
            if definition is not None:
                self._known[key] = definition
                if len(self._known) > KEPT:
                    self._known.popitem(last=False)
        return definition
