"""Sum up a candidate policy's weighted rewards while the log grows.

Owns the sums and confidence sequences of one candidate, and their bytes in the store;
the sums that a reward model adds are in corrected.py. The bytes are a function of what
was added, in order: not of when they were written, or how often they were loaded. Their
size does not grow with the log.

Rewards are in [0, 1] here: the caller scales them by the declared range, and scales
estimates back. Knows neither policies nor decisions.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cache
from typing import Any, Literal

import msgspec

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.progressive.corrected import (
    CorrectedRewards,
    CorrectedSummary,
    Correction,
    PackedCorrections,
)
from bandit_svc.ope.progressive.pooled import pooled_intervals
from bandit_svc.ope.sequences.betting import ValueSequence
from bandit_svc.ope.sequences.bounded_mean import MeanSequence

CHUNK = 128
"""Weights above 0 are taken into the sums in chunks of this many, so that the last
bit of a sum does not depend on where a batch of the log ended."""


@dataclass(slots=True)
class Stretch:
    """Decisions in a row whose weights share one known bound.

    Attributes:
        value: the sequence of the policy's value, from the complete chunks.
        mean_weight: the sequence of the mean weight; None if it is not audited.
        sums: of the complete chunks.
        zeros: number of weights of 0; each adds the same, so that counting is enough.
        weights: those above 0 that wait for their chunk to be complete.
        rewards: of the same decisions.
    """

    value: ValueSequence
    mean_weight: MeanSequence | None
    sums: WeightedSums = field(default_factory=WeightedSums)
    zeros: int = 0
    weights: list[float] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)

    @classmethod
    def within(cls, limit: float, *, audited: bool) -> "Stretch":
        """Begin a stretch of weights up to a limit, 1 or more."""
        mean_weight = MeanSequence(0.0, limit, limit) if audited else None
        return cls(ValueSequence(limit), mean_weight)

    @property
    def limit(self) -> float:
        """The largest possible weight."""
        return self.value.max_weight

    @property
    def n(self) -> int:
        """The number of decisions."""
        return self.sums.n + len(self.weights) + self.zeros

    def add(self, weight: float, reward: float) -> None:
        """Add a decision of a weight above 0."""
        # Rounding can carry a weight a little beyond its bound.
        self.weights.append(min(weight, self.limit))
        self.rewards.append(reward)
        if len(self.weights) == CHUNK:
            self.take_in()

    def whole(self) -> "Stretch":
        """Return a copy with all weights and zeros in the sums, to be read."""
        copy = replace(self, weights=self.weights[:], rewards=self.rewards[:])
        if copy.weights:
            copy.take_in()
        zero_value, zero_mean = _of_zero(self.limit)
        copy.sums = replace(copy.sums, n=copy.sums.n + self.zeros)
        copy.value = copy.value.merge(zero_value.repeated(self.zeros))
        if copy.mean_weight is not None:
            copy.mean_weight = copy.mean_weight.merge(zero_mean.repeated(self.zeros))
        copy.zeros = 0
        return copy

    def take_in(self) -> None:
        """Add the waiting weights to the sums."""
        self.sums = self.sums.merge(WeightedSums.of(self.weights, self.rewards))
        self.value = self.value.add(self.weights, self.rewards)
        if self.mean_weight is not None:
            self.mean_weight = self.mean_weight.add(self.weights)
        self.weights.clear()
        self.rewards.clear()


class WeightedRewards:
    """The sums of a candidate's weighted rewards.

    Attributes:
        audited: true if the mean weight has an interval too.
        stretches: a new one begins when a weight's bound exceeds that of the last
            stretch, with at least twice that bound, so that there are few. A smaller
            bound begins none, since the larger one stays valid.
        unbounded: number of decisions that were left out, since they had no
            exploration floor: some of their variants may have had a propensity of 0.
        units: units whose first decision is in the sums.
        corrected: the sums by a reward model, where there was one.
    """

    def __init__(
        self,
        stretches: Sequence[Stretch] = (),
        unbounded: int = 0,
        units: int = 0,
        *,
        audited: bool = False,
    ) -> None:
        self.audited = audited
        self.stretches = list(stretches)
        self.unbounded = unbounded
        self.units = units
        self.corrected = CorrectedRewards()

    def add(
        self,
        weight: float,
        reward: float,
        bound: float,
        correction: Correction | None = None,
    ) -> None:
        """Add a decision.

        Args:
            weight: target probability over propensity.
            reward: in [0, 1].
            bound: the largest weight that was possible, known before the choice.
            correction: by a reward model; for every decision, or for none.
        """
        stretches = self.stretches
        if not stretches or bound > stretches[-1].limit:
            limit = max(bound, 2 * stretches[-1].limit) if stretches else bound
            stretches.append(Stretch.within(limit, audited=self.audited))
        if weight > 0.0:
            stretches[-1].add(weight, reward)
        else:
            stretches[-1].zeros += 1
        if correction is not None:
            self.corrected.add(weight, reward, correction, bound)

    def summary(self) -> "Summary":
        """Return the sums of all decisions so far, to be read."""
        stretches = [s.whole() for s in self.stretches]
        corrected = self.corrected.summary()
        return Summary(stretches, self.unbounded, corrected, self.units)

    def encode(self) -> bytes:
        """Return the state as bytes; equal states have equal bytes."""
        rows = [
            _Stretch(
                value=s.value.to_dict(),
                mean_weight=None if s.mean_weight is None else s.mean_weight.to_dict(),
                sums=astuple(s.sums),
                zeros=s.zeros,
                weights=s.weights,
                rewards=s.rewards,
            )
            for s in self.stretches
        ]
        corrected = self.corrected.packed()
        return msgspec.msgpack.encode(
            _PackedRewards(
                version="both groups",
                stretches=rows,
                unbounded=self.unbounded,
                units=self.units,
                audited=self.audited,
                corrected=corrected,
            )
        )

    @classmethod
    def decode(cls, state: bytes) -> "WeightedRewards":
        """Restore the state from `encode`, bit for bit.

        Raises:
            LoggedDataError: the bytes are damaged, or of another version.
        """
        try:
            kept = msgspec.msgpack.decode(state, type=_PackedRewards)
        except msgspec.DecodeError as error:
            raise LoggedDataError(
                f"the weighted rewards can't be read: {error}"
            ) from error
        stretches = [
            Stretch(
                value=ValueSequence.from_dict(row.value),
                mean_weight=(
                    None
                    if row.mean_weight is None
                    else MeanSequence.from_dict(row.mean_weight)
                ),
                sums=WeightedSums(*row.sums),
                zeros=row.zeros,
                weights=row.weights,
                rewards=row.rewards,
            )
            for row in kept.stretches
        ]
        new = cls(stretches, kept.unbounded, kept.units, audited=kept.audited)
        new.corrected = CorrectedRewards.unpacked(kept.corrected)
        return new


@dataclass(frozen=True, slots=True)
class Summary:
    """The sums of one look, and intervals that hold at every look."""

    stretches: Sequence[Stretch]
    unbounded: int
    corrected: CorrectedSummary | None = None
    units: int = 0

    @property
    def sums(self) -> WeightedSums:
        """The sums over all decisions."""
        total = WeightedSums()
        for stretch in self.stretches:
            total = total.merge(stretch.sums)
        return total

    def value_interval(self, confidence: float) -> Interval:
        """Bound the policy's mean value over the decisions so far, in [0, 1]."""
        return value_intervals([self], confidence)[0]


def value_intervals(summaries: Sequence[Summary], confidence: float) -> list[Interval]:
    """Return `value_interval` of each, searched together."""
    return pooled_intervals(
        [[s.value for s in one.stretches] for one in summaries],
        [confidence] * len(summaries),
    )


def mean_weight_intervals(
    summaries: Sequence[Summary], confidences: Sequence[float]
) -> list[Interval | None]:
    """Bound the mean weight of each, searched together; None where it is not audited.

    Args:
        summaries: of the policies.
        confidences: one for each.
    """
    sequences = [
        [s.mean_weight for s in one.stretches if s.mean_weight] for one in summaries
    ]
    asked = zip(sequences, confidences, strict=True)
    audited = [(some, confidence) for some, confidence in asked if some]
    found = iter(
        pooled_intervals([some for some, _ in audited], [c for _, c in audited])
    )
    return [next(found) if some else None for some in sequences]


@cache
def _of_zero(limit: float) -> tuple[ValueSequence, MeanSequence]:
    """Return what one weight of 0 adds to both; its reward does not matter."""
    value = ValueSequence(limit).add(0.0, 0.0)
    return value, MeanSequence(0.0, limit, limit).add(0.0)


class _Stretch(msgspec.Struct, array_like=True):
    value: dict[str, Any]
    mean_weight: dict[str, Any] | None
    sums: tuple[int, float, float, float, float, float, float]
    zeros: int
    weights: list[float]
    rewards: list[float]


class _PackedRewards(msgspec.Struct, array_like=True):
    # Sums of an earlier version have the treatment's decisions alone.
    version: Literal["both groups"]
    stretches: list[_Stretch]
    unbounded: int
    units: int
    audited: bool
    corrected: PackedCorrections
