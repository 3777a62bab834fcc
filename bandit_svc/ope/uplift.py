"""Compare the mean rewards of two groups, at every look.

Owns absolute and relative uplift of the treatment group over the baseline group.
Needs units assigned at random, each decision's group independent of its reward.

Both intervals rest on one sequence. After n = n_T + n_B decisions the difference of
the group means is the mean of n terms (up to a remainder that vanishes faster)

    (n / n_T) (reward - mean_T)   for a decision of the treatment group,
   -(n / n_B) (reward - mean_B)   for one of the baseline group,

the influence function of the difference in means, as in section 3 of Waudby-Smith
et al. (2024) with each group's mean as its regression. Their mean square is
n (s_T² / n_T + s_B² / n_B), which is the variance that the boundary of
confidence_sequence.py multiplies at count n. The variances are padded as told
there, and both groups need MINIMAL_COUNT rewards.

When it lies: the treatment group's policy learns, so its mean reward drifts. The
interval is then for the difference of what the groups were exposed to so far, not
for the difference of a frozen policy.
"""

import math

from bandit_svc.ope.confidence_sequence import (
    MINIMAL_COUNT,
    boundary,
    padded_variance,
)
from bandit_svc.ope.interval import UNBOUNDED, Estimate, Interval
from bandit_svc.ope.moments import Moments


def absolute_uplift(
    treatment: Moments,
    baseline: Moments,
    confidence: float,
    minimum: float,
    maximum: float,
) -> Estimate:
    """Estimate mean(treatment) - mean(baseline), in reward units.

    Args:
        treatment: rewards of the treatment group.
        baseline: rewards of the baseline group.
        confidence: in (0, 1), for all looks together.
        minimum: the smallest possible reward.
        maximum: the largest possible reward.

    Returns:
        The estimate is None while a group is empty. The interval always has both
        ends; while a group has fewer than MINIMAL_COUNT rewards they are the
        largest differences possible.
    """
    width = maximum - minimum
    if treatment.n == 0 or baseline.n == 0:
        return Estimate(None, Interval(-width, width))
    difference = treatment.mean - baseline.mean
    if min(treatment.n, baseline.n) < MINIMAL_COUNT:
        return Estimate(difference, Interval(-width, width))
    squared_error = sum(
        _squared_error(group, width, confidence) for group in (treatment, baseline)
    )
    n = treatment.n + baseline.n
    half_width = boundary(n, confidence) * math.sqrt(n * squared_error)
    return Estimate(
        difference,
        Interval(
            max(-width, difference - half_width), min(width, difference + half_width)
        ),
    )


def relative_uplift(
    treatment: Moments,
    baseline: Moments,
    confidence: float,
    minimum: float,
    maximum: float,
) -> Estimate:
    """Estimate the difference of the means as a share of the baseline's.

    (mean(treatment) - mean(baseline)) / |mean(baseline)|, so that plus is better
    also where rewards are negative. The interval is Fieller's (1954), with the
    boundary of the sequence in place of the t quantile: it holds each ratio r for
    which mean(treatment) - r * mean(baseline) can't be told from 0. For the true
    ratio this is a sequence as above, so the set covers it at every look.

    Args:
        treatment: rewards of the treatment group.
        baseline: rewards of the baseline group.
        confidence: in (0, 1), for all looks together.
        minimum: the smallest possible reward.
        maximum: the largest possible reward.

    Returns:
        The estimate is None while a group is empty or the baseline's mean is 0.
        Both ends of the interval are None while a group has fewer than
        MINIMAL_COUNT rewards, or the baseline's mean can't be told from 0: then no
        ratio, however large, is excluded.
    """
    if treatment.n == 0 or baseline.n == 0 or baseline.mean == 0:
        return Estimate(None, UNBOUNDED)
    top, bottom = treatment.mean, baseline.mean
    estimate = (top - bottom) / abs(bottom)
    if min(treatment.n, baseline.n) < MINIMAL_COUNT:
        return Estimate(estimate, UNBOUNDED)
    n = treatment.n + baseline.n
    width = maximum - minimum
    scale = n * boundary(n, confidence) ** 2
    top_spread = scale * _squared_error(treatment, width, confidence)
    bottom_spread = scale * _squared_error(baseline, width, confidence)
    # (top - r bottom)² <= top_spread + r² bottom_spread, a quadratic in r. It is
    # an interval only if its leading coefficient is positive.
    leading = bottom**2 - bottom_spread
    if leading <= 0:
        return Estimate(estimate, UNBOUNDED)
    root = math.sqrt(top_spread * leading + bottom_spread * top**2)
    ratios = ((top * bottom - root) / leading, (top * bottom + root) / leading)
    sign = math.copysign(1, bottom)
    lower, upper = sorted(sign * (ratio - 1) for ratio in ratios)
    # Rewards that can't be negative can't lose more than everything.
    return Estimate(
        estimate, Interval(max(lower, -1) if minimum >= 0 else lower, upper)
    )


def _squared_error(group: Moments, width: float, confidence: float) -> float:
    """The squared standard error of a group's mean, from its padded variance."""
    return padded_variance(group.n, group.variance, width, confidence) / group.n
