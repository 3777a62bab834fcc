"""Splits: the models of their other policies, their sums, and the steps they took.

Owns the records and the protocol that every backend implements; see storage.interface
for the words that hold of all protocols. An experiment has one split at a time. Its
steps are kept for ever; its sums end with it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.splits.step import Step


class SplitSums(NamedTuple):
    """The sums of a split's comparison.

    Attributes:
        since: of the split.
        position: up to which joined decisions are in them.
        state: what services.learning.splits.comparison makes of it.
    """

    since: int
    position: int
    state: bytes


class Splits(Protocol):
    """What is kept of the splits of all experiments, but for the models.

    Those of the other policies are `Storage.branch_versions`; they are numbered from 1
    on through all splits of an experiment.
    """

    def revise(
        self,
        experiment: Experiment,
        definition: Definition,
        now_ms: int,
        steps: Sequence[Step],
        note: str = "",
        model: ModelVersion | None = None,
    ) -> Experiment:
        """Store the next revision with the steps that it takes.

        Args:
            experiment: as it was read.
            definition: of the next revision.
            now_ms: the time.
            steps: of its splits.
            note: who or what made it and why.
            model: the next model version of the experiment's own policy, where the
                other policy takes its place.

        Raises:
            Conflict: somebody revised it, or published another model, meanwhile.
        """

    def keep(self, number: int, steps: Sequence[Step]) -> None:
        """Keep the first step of a split that an experiment was created with."""

    def steps(self, number: int) -> list[Step]:
        """Return the steps of all splits of an experiment, oldest first."""

    def sums(self, number: int) -> SplitSums | None:
        """Return the sums of the newest split, or None."""

    def unit_states(self, number: int, units: Collection[int]) -> Mapping[int, bytes]:
        """Return what the sums know of those of the units that they have seen."""

    def save(
        self, number: int, sums: SplitSums, units: Mapping[int, bytes], *, anew: bool
    ) -> None:
        """Replace the sums, and the states of units that changed with them.

        Args:
            number: of the experiment.
            sums: the new ones.
            units: by their hash.
            anew: whether all other units are forgotten.
        """

    def outdated_to(self, number: int) -> int:
        """Return the newest version of a branch that has learned what changed since.

        Later corrections have changed rewards that it and all earlier ones have
        learned; 0 for none.
        """
