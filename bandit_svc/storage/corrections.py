"""Corrected rewards: what they were, and whether what was learned follows them.

Owns the records and the protocol that every backend implements; see storage.interface
for the words that hold of all protocols. Corrections are kept with the other facts
(`Facts.ingest`); those of decisions that were joined before are *pending* until sums
and models were made anew with them.
"""

from typing import NamedTuple, Protocol


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
        rewards: rewards that have another value than they were reported with.
        change: the sum of the differences, in reward units.
        newest_ms: when the newest correction was received; None without one.
        pending: corrected rewards that sums and models do not follow yet.
    """

    rewards: int = 0
    change: float = 0.0
    newest_ms: int | None = None
    pending: int = 0


class Corrections(Protocol):
    """The corrected rewards of a store."""

    def known_reward(
        self, decision_id: str, metric: str, reward_id: str
    ) -> KnownReward | None:
        """Return the newest value of a reward; None if the store lacks it."""

    def sums(self, number: int) -> CorrectionSums:
        """Return what the corrections of an experiment come to."""
