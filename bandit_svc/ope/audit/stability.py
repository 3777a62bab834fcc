"""Detect that a log has changed over time.

Owns two comparisons of later with earlier decisions: the share that got a reward, with
a test valid at every look, and the population stability index of a categorical
feature, which is an effect size and no test.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import FloatArray

STAKES = np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
MOST_BORDERS = 3_300
"""Number of borders that are ever tested for a drop: 200 stretches, and 100 new ones
for each of 31 doublings of their length."""
HALVINGS = 40
SMOOTHING = 0.5
"""Added to each count, so that the index of a value that was never seen is finite."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A share that fell.

    Attributes:
        border: the index of the first stretch after the fall.
        before: the share in all stretches before it.
        after: the share from there on.
    """

    border: int
    before: float
    after: float


def share_drop(
    n: FloatArray, happened: FloatArray, factor: float, risk: float
) -> Drop | None:
    """Return where a share fell below `factor` times its earlier value, or None.

    If the probability of a decision never falls below `factor` times its largest
    earlier value, then the probability of ever finding a drop, at any of any number of
    looks, is at most `risk`. For each border between two stretches:

    * L is a lower bound of the largest chance before it. Against "all chances are at
      most q" exp(t happened - n log(1 + q (exp(t) - 1))), t > 0, is a supermartingale;
      L is the largest q that a mean over stakes t refutes.
    * Against "all chances after it are at least q = factor L" the same product with
      t < 0 is one. A mean over stakes that reaches 2 MOST_BORDERS / risk refutes it.

    Each of both errs with probability risk / (2 MOST_BORDERS) (Ville's inequality), for
    each of the borders there can ever be. Assumes that decisions are counted about in
    the order of the stretches.

    A night counts as a drop too, if it is as deep. In 24 runs of eight days by the
    hour, 400 decisions an hour and a factor of 0.5, none found one where the best hour
    had 2, 3 or 4 times the chance of the worst, and 21 did where it had 9 times.

    Args:
        n: (m,), decisions of each stretch, oldest first.
        happened: (m,), how many of them got a reward.
        factor: in (0, 1), how deep a reported drop must be.
        risk: in (0, 1).

    Returns:
        The border at which the evidence is strongest, or None.

    References:
        Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by
        betting", JRSS-B 86(1), for tests by supermartingales.
    """
    if n.size <= 1:
        return None
    before, had = np.cumsum(n)[:-1], np.cumsum(happened)[:-1]
    after, has = n.sum() - before, happened.sum() - had
    needed = math.log(2 * MOST_BORDERS / risk)
    least = _lower_bound(before, had, needed)
    evidence = _log_mean(-STAKES, after, has, factor * least)
    border = int(np.argmax(evidence))
    if evidence[border] < needed or least[border] <= 0:
        return None
    return Drop(
        border + 1,
        float(had[border] / before[border]),
        float(has[border] / after[border]),
    )


def _lower_bound(n: FloatArray, happened: FloatArray, needed: float) -> FloatArray:
    # Bisection: the capital falls as the claimed probability grows.
    low, high = np.zeros(n.size), np.ones(n.size)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        refuted = _log_mean(STAKES, n, happened, middle) >= needed
        low, high = np.where(refuted, middle, low), np.where(refuted, high, middle)
    return low


def _log_mean(
    stakes: FloatArray, n: FloatArray, happened: FloatArray, chance: FloatArray
) -> FloatArray:
    """Return the logarithm of the mean over stakes of both products, (m,)."""
    # n times the log of the Bernoulli moment generating function at t, 1 + q (e^t - 1).
    odds = np.log1p(chance[:, None] * np.expm1(stakes))
    logs = stakes * happened[:, None] - n[:, None] * odds
    top = logs.max(axis=1)
    total: FloatArray = top + np.log(np.exp(logs - top[:, None]).mean(axis=1))
    return total


def population_stability(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the population stability index of two counts over the same categories.

    The sum of (q - p) log(q / p) over categories with shares p before and q after: 0
    for equal shares; by convention, below 0.1 is no change and above 0.25 a large one.
    For B categories and no change its mean is about (B - 1) (1 / n_before + 1 /
    n_after).

    References:
        Yurdakul and Naranjo (2020), "Statistical properties of the population stability
        index", Journal of Risk Model Validation 14(4).
    """
    p, q = (
        np.asarray(counts, dtype=np.float64) + SMOOTHING for counts in (before, after)
    )
    # The sum of both Kullback-Leibler divergences (Jeffreys' divergence).
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())
