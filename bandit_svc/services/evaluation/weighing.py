"""Weigh one logged decision under another policy.

Owns the importance weight and, given a reward model's predictions, what a doubly
robust estimate and its interval need of the decision. Pure.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.decision import Decision
from bandit_svc.ope.progressive.corrected import Correction


class Weighed(NamedTuple):
    """One decision under one policy: its weight, and what the model says of it."""

    weight: float
    correction: Correction | None


def weighed_variant(
    decision: Decision, index: int, predicted: Sequence[float] | None
) -> Weighed:
    """Weigh a decision for a policy that shows one variant for certain."""
    matches = decision.chosen == index
    weight = 1.0 / decision.propensity if matches else 0.0
    if predicted is None:
        return Weighed(weight, None)
    direct, chance = predicted[index], decision.pmf[index]
    largest = max(weight, 1.0 / chance if chance > 0.0 else math.inf)
    of_chosen = predicted[decision.chosen]
    return Weighed(weight, Correction(of_chosen, direct, *_peaks(largest, direct)))


def weighed_pmf(
    decision: Decision, pmf: Sequence[float], predicted: Sequence[float] | None
) -> Weighed:
    """Weigh a decision for a policy's whole pmf, (K,) like the decision's own."""
    chosen = decision.chosen
    weight = pmf[chosen] / decision.propensity
    if predicted is None:
        return Weighed(weight, None)
    of_chosen = predicted[chosen]
    peaks = list(_peaks(weight, of_chosen))
    direct = 0.0
    for target, logged, value in zip(pmf, decision.pmf, predicted, strict=True):
        if target > 0.0:
            direct += target * value
            ratio = target / logged if logged > 0.0 else math.inf
            up, down = _peaks(ratio, value)
            peaks[0] = max(peaks[0], up)
            peaks[1] = max(peaks[1], down)
    return Weighed(weight, Correction(of_chosen, min(direct, 1.0), peaks[0], peaks[1]))


def _peaks(weight: float, predicted: float) -> tuple[float, float]:
    if weight == math.inf:
        return math.inf, math.inf
    return weight * predicted, weight * (1.0 - predicted)
