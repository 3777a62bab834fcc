"""Weigh a choice by the chances that it was drawn with.

Owns the weight of one logged choice under a target policy, and the chances that it is
weighed by. A unit draws its group once, and then a variant from the pmf of that group.
As long as nothing of a unit depended on its group, a variant was shown with the chance

    p(a) = h pi_B(a) + (1 - h) pi_T(a),

with h the chance of the baseline group and pi_B, pi_T the pmfs of both. Weighed by it,
decisions of both groups tell of any policy: weights are at most 1 / h for what the
baseline shows, where the pmf of a policy that seldom shows the same may be its
exploration floor over K. These are the weights that compare the groups too
(uplift/history_weights.py). They need that the group acts on rewards through the shown
variant only.

Once a unit has been shown something, its contexts and rewards may follow from its
group, and p is no longer the chance given the past. From there on its group counts as
known: decisions of the treatment have their own pmf, those of the baseline are left
out. Either way the weights of a target's pmf have the mean 1, given the past.

References:
    Veach and Guibas (1995), "Optimally combining sampling techniques for Monte Carlo
    rendering", the balance heuristic. Agarwal, Basu, Schnabel and Joachims (2017),
    "Effective evaluation using logged bandit feedback from multiple loggers", KDD.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bandit_svc.ope.progressive.corrected import Correction


class Chosen(Protocol):
    """A choice with the chances of all that was eligible."""

    @property
    def chosen(self) -> int:
        """Index of the choice."""

    @property
    def pmf(self) -> Sequence[float]:
        """Chances of the K eligible actions."""

    @property
    def propensity(self) -> float:
        """Its chance."""


class Draw(NamedTuple):
    """A choice with the chances that it is weighed by.

    Attributes:
        chosen: index of the choice.
        pmf: (K,), of the eligible actions, given what was known before the draw.
        propensity: the chance of the choice.
        bound: the largest weight that a policy could have had; None where it is not
            bounded.
        baseline_chance: h, if the group was drawn with the choice; 0 if it was known.
        is_first: true if nothing of its unit came before.
    """

    chosen: int
    pmf: Sequence[float]
    propensity: float
    bound: float | None
    baseline_chance: float = 0.0
    is_first: bool = True

    def largest_weight(self, *, as_baseline: bool) -> float | None:
        """Return a bound of the weights that is known before the draw.

        Args:
            as_baseline: true if the target's pmf is that of the baseline group.
        """
        if not (as_baseline and self.baseline_chance > 0):
            return self.bound
        # pi_B / (h pi_B + (1 - h) pi_T) is at most 1 / h.
        limit = 1 / self.baseline_chance
        return limit if self.bound is None else min(limit, self.bound)


def mixed_draw(
    chosen: int,
    treatment: Sequence[float],
    baseline: Sequence[float],
    baseline_chance: float,
    bound: float | None,
) -> Draw | None:
    """Return a draw of a group and then of an action; None if it is impossible.

    Args:
        chosen: index of the choice.
        treatment: (K,), the pmf of the treatment group.
        baseline: (K,), that of the baseline group.
        baseline_chance: h, in (0, 1).
        bound: the largest possible weight of the treatment's own draws.
    """
    h = baseline_chance
    pmf = [h * b + (1 - h) * t for t, b in zip(treatment, baseline, strict=True)]
    if pmf[chosen] <= 0:
        return None
    # (1 - h) pi_T is the least that an action's chance can be.
    largest = None if bound is None else bound / (1 - h)
    return Draw(chosen, pmf, pmf[chosen], largest, h)


class WeightedDecision(NamedTuple):
    """One decision under one policy.

    Attributes:
        weight: target probability over propensity.
        correction: the predictions of a reward model; None without one.
    """

    weight: float
    correction: Correction | None


def weight_of_action(
    draw: Chosen, action: int, predicted: Sequence[float] | None
) -> WeightedDecision:
    """Return the weight for a policy that always takes one action."""
    weight = 1.0 / draw.propensity if draw.chosen == action else 0.0
    if predicted is None:
        return WeightedDecision(weight, None)
    direct, chance = predicted[action], draw.pmf[action]
    largest = max(weight, 1.0 / chance if chance > 0.0 else math.inf)
    of_chosen = predicted[draw.chosen]
    return WeightedDecision(
        weight, Correction(of_chosen, direct, *_peaks(largest, direct))
    )


def weight_of_pmf(
    draw: Chosen, pmf: Sequence[float], predicted: Sequence[float] | None
) -> WeightedDecision:
    """Return the weight for a policy's pmf, (K,) like that of the draw."""
    chosen = draw.chosen
    weight = pmf[chosen] / draw.propensity
    if predicted is None:
        return WeightedDecision(weight, None)
    of_chosen = predicted[chosen]
    peaks = list(_peaks(weight, of_chosen))
    direct = 0.0
    for target, logged, value in zip(pmf, draw.pmf, predicted, strict=True):
        if target > 0.0:
            direct += target * value
            ratio = target / logged if logged > 0.0 else math.inf
            up, down = _peaks(ratio, value)
            peaks[0] = max(peaks[0], up)
            peaks[1] = max(peaks[1], down)
    return WeightedDecision(
        weight, Correction(of_chosen, min(direct, 1.0), peaks[0], peaks[1])
    )


def _peaks(weight: float, predicted: float) -> tuple[float, float]:
    # The largest that weight * (predicted - reward) and its negative can be for a
    # reward in [0, 1]; infinity times a prediction of 0 would be no number.
    if weight == math.inf:
        return math.inf, math.inf
    return weight * predicted, weight * (1.0 - predicted)
