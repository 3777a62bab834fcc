"""Definitions of the past, by revision, and the hashes of units.

Owns a small cache: neither a revision nor a salt ever changes, so each is read once.
"""

from collections import OrderedDict

from bandit_svc.domain.experiment import Definition, UnitHashes
from bandit_svc.storage.control.experiments import Experiments

KEPT = 2_000


class Definitions:
    """Revisions by (experiment number, revision). Not thread-safe."""

    def __init__(self, experiments: Experiments) -> None:
        self._experiments = experiments
        self._known: OrderedDict[tuple[int, int], Definition] = OrderedDict()
        self._hashes: dict[int, UnitHashes] = {}

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

    def hashes(self, number: int) -> UnitHashes:
        """Return the hashes of an experiment's units."""
        if number not in self._hashes:
            found = self._experiments.numbered(number)
            self._hashes[number] = UnitHashes(found.salt if found else "")
        return self._hashes[number]

    def newest(self, number: int) -> Definition | None:
        """Return the current definition, read anew at each call."""
        found = self._experiments.numbered(number)
        return None if found is None else found.definition
