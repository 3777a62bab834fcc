"""Sum up a candidate policy's predicted and corrected rewards while the log grows.

Owns the sums of the direct method and of the doubly robust estimate of one candidate,
the confidence sequence of the latter, and their form in the store. As in weighted.py,
rewards are in [0, 1], and the state is a function of what was added, in order.

The direct method has no interval of its own: the sums do not tell its bias.
"""

from typing import Any, NamedTuple

import msgspec
import numpy as np

from bandit_svc.ope.interval import Interval
from bandit_svc.ope.sequences.corrected import CorrectedRounds, CorrectedSequence

CHUNK = 128
"""Decisions go to the sequence in chunks of this many; see weighted.CHUNK."""


class Correction(NamedTuple):
    """The predictions of a reward model for one decision under one policy.

    Attributes:
        predicted: for the logged action.
        direct: the mean prediction over the policy's pmf.
        peak: the largest weight times prediction over all actions.
        mirrored_peak: the largest weight times (1 - prediction).
    """

    predicted: float
    direct: float
    peak: float
    mirrored_peak: float


class PackedCorrections(msgspec.Struct, array_like=True):
    """The form in the store."""

    n: int
    direct: float
    corrected: float
    sequence: dict[str, Any] | None
    waiting: list[float]


class CorrectedRewards:
    """Sums over the decisions for which there was a prediction."""

    def __init__(self) -> None:
        self._n = 0
        self._direct = 0.0
        self._corrected = 0.0
        self._sequence: CorrectedSequence | None = None
        # Six numbers a decision, those of CorrectedRounds.
        self._waiting: list[float] = []

    def add(
        self, weight: float, reward: float, correction: Correction, bound: float
    ) -> None:
        """Add a decision.

        Args:
            weight: target probability over propensity.
            reward: in [0, 1].
            correction: predicted before the reward was learned from.
            bound: K / f, the largest possible weight; the first one sizes the bets.
        """
        if self._sequence is None:
            self._sequence = CorrectedSequence(bound)
        predicted, direct, peak, mirrored_peak = correction
        self._n += 1
        self._direct += direct
        # The doubly robust term, Dudik, Langford and Li (2011), section 2.
        self._corrected += direct + weight * (reward - predicted)
        waiting = self._waiting
        waiting += (weight, reward, predicted, direct, peak, mirrored_peak)
        if len(waiting) == 6 * CHUNK:
            self._sequence = self._sequence.add(_rounds(waiting))
            waiting.clear()

    def summary(self) -> "CorrectedSummary | None":
        """Return the estimates so far; None if nothing was added."""
        sequence = self._sequence
        if sequence is None:
            return None
        if self._waiting:
            sequence = sequence.add(_rounds(self._waiting))
        return CorrectedSummary(
            self._direct / self._n, self._corrected / self._n, sequence
        )

    def packed(self) -> PackedCorrections:
        """Return the form in the store."""
        sequence = self._sequence
        return PackedCorrections(
            n=self._n,
            direct=self._direct,
            corrected=self._corrected,
            sequence=None if sequence is None else sequence.to_dict(),
            waiting=self._waiting,
        )

    @classmethod
    def unpacked(cls, packed: PackedCorrections) -> "CorrectedRewards":
        """Restore the state from `packed`, bit for bit.

        Raises:
            LoggedDataError: it is of another version of the sequence.
        """
        new = cls()
        new._n, new._waiting = packed.n, packed.waiting
        new._direct, new._corrected = packed.direct, packed.corrected
        if packed.sequence is not None:
            new._sequence = CorrectedSequence.from_dict(packed.sequence)
        return new


class CorrectedSummary(NamedTuple):
    """Estimates to be read, in [0, 1].

    Attributes:
        direct: the direct method's; off by as much as the reward model is.
        doubly_robust: unbiased whatever the model; may leave [0, 1] by a little.
        sequence: of the policy's value.
    """

    direct: float
    doubly_robust: float
    sequence: CorrectedSequence

    def interval(self, confidence: float) -> Interval:
        """Bound the policy's mean value over the decisions so far, at every look."""
        return self.sequence.interval(confidence)


def _rounds(waiting: list[float]) -> CorrectedRounds:
    return CorrectedRounds(*np.array(waiting).reshape(-1, 6).T)
