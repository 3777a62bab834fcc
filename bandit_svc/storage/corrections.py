"""Corrected rewards: what they were, and whether what was learned follows them.

Owns the records and the protocol that every backend implements; see storage.interface
for the words that hold of all protocols. Corrections are kept with the other facts
(`Facts.ingest`). Each one of a decision that was joined before has a number in the
order of its experiment, and is *pending* until joined rewards, sums and model were made
anew with it. That is done in a store of its own beside this one (`Storage.beside`),
which is taken over as a whole.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.storage.rows import ClosedRow


class KnownReward(NamedTuple):
    """The value of a reward, and since when it is the newest.

    Attributes:
        received_at_ms: of the newest correction; 0 of a reward without one.
    """

    value: float
    received_at_ms: int


class CorrectionSums(NamedTuple):
    """What the corrections of an experiment's main metric come to.

    Attributes:
        rewards: those that have another value than they were reported with.
        change: the sum of the differences, in reward units.
        newest_ms: when the newest correction was received; None without one.
        pending: corrections, of any metric, that sums and model do not follow yet.
    """

    rewards: int = 0
    change: float = 0.0
    newest_ms: int | None = None
    pending: int = 0


class CorrectionState(NamedTuple):
    """How far an experiment follows its corrections.

    Attributes:
        number: of the experiment.
        wanted: the number of the newest correction.
        learned: up to which one sums and model follow.
        learned_at_ms: when that was last changed; None if never.
        took_ms: how long it took to make them anew the last time.
    """

    number: int
    wanted: int = 0
    learned: int = 0
    learned_at_ms: int | None = None
    took_ms: int = 0


class JoinedChange(NamedTuple):
    """The reward of a joined decision, and of how many reports it is, as corrected.

    Attributes:
        slots: what a page earned as a whole, and in each of its slots.
    """

    position: int
    reward: float
    counted: int
    slots: Sequence[float] | None = None


class TakeOver(NamedTuple):
    """What replaces the sums, the candidates and the model of an experiment.

    Attributes:
        number: of the experiment.
        name: of the store beside this one that has the sums and the candidates.
        learned: up to which correction they follow.
        changes: the corrected decisions.
        model: to be published with them; None where there is none.
        parent_version: the newest version that is known; 0 for none.
        now_ms: the time.
        took_ms: how long all this has taken.
    """

    number: int
    name: str
    learned: int
    changes: Sequence[JoinedChange]
    model: ModelVersion | None
    parent_version: int
    now_ms: int
    took_ms: int


class Corrections(Protocol):
    """The corrected rewards of a store."""

    def known_reward(
        self, decision_id: str, metric: str, reward_id: str
    ) -> KnownReward | None:
        """Return the newest value of a reward; None if the store lacks it."""

    def sums(self, number: int) -> CorrectionSums:
        """Return what the corrections of an experiment come to."""

    def state(self, number: int) -> CorrectionState:
        """Return how far an experiment follows its corrections."""

    def waiting(self) -> list[CorrectionState]:
        """Return the experiments with pending corrections; costs one look-up."""

    def corrected(self, state: CorrectionState) -> list[ClosedRow]:
        """Return the joined decisions with pending corrections, in the joined order."""

    def outdated(self, number: int) -> set[int]:
        """Return the versions that have learned rewards that were corrected since."""

    def learn_again(self, number: int) -> None:
        """Make all corrections of an experiment pending."""

    def take_over(self, taken: TakeOver) -> bool:
        """Replace sums, candidates, joined rewards and model in one transaction.

        Returns:
            False, and nothing was changed, if the newest model version is not
            `parent_version`: somebody restored another model meanwhile.
        """
