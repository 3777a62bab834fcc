"""Bound the rewards of a part of the decisions: a segment, a variant.

Owns the use of the design effect of all decisions for a part of them, and the bounds
for a range of money. Sums of a part are kept by decision, so that its own design effect
is not known; that of all decisions stands in for it. It is too small for a part whose
units come back more often, or are more alike, than all of them.
"""

import math
from collections.abc import Sequence

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray
from bandit_svc.ope.interval import UNBOUNDED, Interval
from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT, boundary, mean_interval
from bandit_svc.ope.sequences.discoveries import TUNED_FOR
from bandit_svc.ope.uplift import money
from bandit_svc.ope.uplift.by_unit import Possible
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.parts import PartDifferences, part_differences
from bandit_svc.ope.uplift.sides import (
    MINIMAL_UNITS,
    effective_units,
    pooled_design_effect,
)
from bandit_svc.ope.uplift.totals import LARGEST, ORDERS, TOTAL, Totals
from bandit_svc.services.values import CONFIDENCE


def differences(
    treatment: Sequence[Moments],
    baseline: Sequence[Moments],
    risk: float,
    totals: Totals,
    possible: Possible,
) -> PartDifferences:
    """Return the differences of the groups' means in each part.

    Args:
        treatment: rewards of the treatment group, one entry a part.
        baseline: likewise, in the same order.
        risk: of all parts together.
        totals: of all decisions.
        possible: the range of the reward.
    """
    if possible.is_money:
        return _money_differences(treatment, baseline, risk, totals, possible)
    effect = float(pooled_design_effect(totals))
    found = part_differences(treatment, baseline, risk, possible.width)
    return PartDifferences(
        difference=found.difference,
        squared_error=found.squared_error * effect,
        n=found.n,
        shown=found.shown & _has_units(treatment, baseline, totals),
    )


def mean_of(
    moments: Moments, effect: float, totals: Totals, possible: Possible
) -> Interval:
    """Bound the mean of a part of the treatment's decisions.

    Args:
        moments: rewards of the part.
        effect: the design effect of all decisions, asked for once for many parts.
        totals: of all decisions.
        possible: the range of the reward.
    """
    if moments.n < MINIMAL_COUNT:
        return UNBOUNDED
    if possible.is_money:
        if totals.plain[0, ORDERS] < money.MINIMAL_ORDERS:
            return UNBOUNDED
        rewards = _rewards([moments], effect)
        sizes = _sizes(rewards.rewards, rewards.weights, totals)
        ends = money.mean_ends(
            rewards, sizes, rewards.weights, CONFIDENCE, possible.minimum
        )
        lower, upper = (float(end[0]) for end in ends)
    else:
        width = possible.width
        plain = mean_interval(
            moments, CONFIDENCE, possible.minimum, possible.minimum + width
        )
        wider = math.sqrt(effect)
        lower = moments.mean - wider * (moments.mean - (plain.lower or 0.0))
        upper = moments.mean + wider * ((plain.upper or 0.0) - moments.mean)
    highest = math.inf if possible.maximum is None else possible.maximum
    return Interval(max(lower, possible.minimum), min(upper, highest))


def _money_differences(
    treatment: Sequence[Moments],
    baseline: Sequence[Moments],
    risk: float,
    totals: Totals,
    possible: Possible,
) -> PartDifferences:
    """Return the differences with the errors that the bounds for money imply."""
    effect = float(pooled_design_effect(totals))
    groups = _rewards(treatment, effect), _rewards(baseline, effect)
    n = groups[0].weights + groups[1].weights
    sizes = _sizes(groups[0].rewards + groups[1].rewards, n, totals)
    # At the strictest level that may be asked, that of one discovery.
    confidence = 1 - risk / max(len(treatment), 1)
    lower, upper = money.difference_ends(*groups, sizes, confidence, possible.minimum)
    difference = groups[0].mean - groups[1].mean
    half = np.maximum(difference - lower, upper - difference)
    count = np.maximum(n, 1.0)
    error = (half / boundary(count, confidence, TUNED_FOR)) ** 2 / count
    return PartDifferences(
        difference=difference,
        squared_error=np.maximum(error, money.LEAST),
        n=count,
        shown=_has_units(treatment, baseline, totals) & sizes.enough,
    )


def _has_units(
    treatment: Sequence[Moments], baseline: Sequence[Moments], totals: Totals
) -> BoolArray:
    """Return true for parts whose decisions are worth enough units in each group.

    As many for each decision as all decisions of the group are worth.
    """
    enough = np.ones(len(treatment), dtype=np.bool_)
    units = effective_units(totals)
    for place, group in enumerate((treatment, baseline)):
        worth = float(units[place]) / max(float(totals.decisions[place]), 1.0)
        n = np.array([moments.n for moments in group])
        enough &= n * worth >= MINIMAL_UNITS
    return enough


def _rewards(groups: Sequence[Moments], effect: float) -> money.GroupRewards:
    n, total, squares = (
        np.array(numbers, dtype=np.float64)
        for numbers in (
            [one.n for one in groups],
            [one.total for one in groups],
            [one.total_squares for one in groups],
        )
    )
    return money.GroupRewards(
        mean=total / np.maximum(n, 1.0),
        weights=n,
        squared_weights=n,
        rewards=total,
        squared_rewards=squares,
        design_effect=np.full(n.shape, effect),
    )


def _sizes(rewards: FloatArray, n: FloatArray, totals: Totals) -> money.OrderSizes:
    """Return the orders of parts, of the sizes that all decisions have."""
    whole = totals.plain[0]
    share = rewards / whole[TOTAL] if whole[TOTAL] else np.zeros(rewards.shape)
    return money.OrderSizes(
        n=np.maximum(n, 1.0),
        rewards=rewards,
        squared_rewards=share * whole[TOTAL + 1],
        orders=share * whole[ORDERS],
        largest=np.full(rewards.shape, max(float(whole[LARGEST]), 0.0)),
    )
