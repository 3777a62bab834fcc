"""Compute when an estimate that grows more precise leaves its interval's reach.

Owns the distribution of the first n at which the lower end of a sequence is above 0,
for an estimate whose error is that of a Brownian motion: n times the estimate is
drift n + deviation W(n), and the lower end is above 0 where that exceeds n times the
half width. The first passage solves Volterra's equation of the first kind,

    P(W(t) >= c(t)) = integral of P(W(t) >= c(t) | W(s) = c(s)) dF(s),

with c(t) = (t half(t) - drift t) / deviation, since a path that is above c(t) at t has
crossed c before. F is computed on a grid of STEPS points that grow by one ratio, with
the masses at the geometric middles of its stretches. No constant is fitted: half
widths of any sequence, padding and tuning included, can be passed.

References:
    Peskir (2002), "On integral equations arising in the first-passage problem for
    Brownian motion", Journal of Integral Equations and Applications 14(4). Park and
    Schuurmann (1976), "Evaluations of barrier-crossing probabilities of Wiener paths",
    Journal of Applied Probability 13(2), for the discrete form.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.arrays import FloatArray

STEPS = 240
SURE = 3.0
"""Standard errors below a sure crossing at which the grid ends."""
MOST = 1e15
"""Decisions beyond which nothing is said."""

SOONEST = 1e-3
"""The first look after what is known, as a share of its decisions."""


class Begun(NamedTuple):
    """An estimate after some decisions."""

    decisions: float
    estimate: float


NOTHING_BEGUN = Begun(0.0, 0.0)
HalfWidth = Callable[[FloatArray], FloatArray]


def crossing_counts(
    half_width: HalfWidth,
    drift: float,
    deviation: float,
    first: float,
    chances: Sequence[float],
    begun: Begun = NOTHING_BEGUN,
) -> list[float]:
    """Return by which n the interval excludes 0, with each of some chances.

    Args:
        half_width: of the interval after n decisions, for an array of n.
        drift: the true difference, above 0.
        deviation: the standard error of the estimate times the root of n, above 0.
        first: the n before which no interval is shown.
        chances: in (0, 1), increasing.
        begun: what is known already; the interval has held 0 so far.

    Returns:
        Counts of decisions, with those of `begun`; infinite where none up to MOST is
        enough.
    """
    known = begun.decisions

    def line(more: FloatArray) -> FloatArray:
        n = known + more
        ahead = n * half_width(n) - known * begun.estimate - drift * more
        return np.asarray(ahead / deviation)

    start = max(first - known, known * SOONEST)
    last = _last(line, start)
    if last is None:
        return [math.inf for _ in chances]
    ends = np.geomspace(start, last, STEPS + 1)
    middles = np.sqrt(ends[1:] * ends[:-1])
    crossed = _crossed(ends, line(ends), middles, line(middles))
    return [known + _quantile(ends, crossed, chance) for chance in chances]


def _last(line: HalfWidth, start: float) -> float | None:
    """Return by when almost every path is above the line; None beyond MOST."""
    more = start
    while more <= MOST:
        more *= 2
        if float(line(np.array([more]))[0]) < -SURE * math.sqrt(more):
            return more
    return None


def _crossed(
    ends: FloatArray, at_ends: FloatArray, middles: FloatArray, at_middles: FloatArray
) -> FloatArray:
    """Return the chance to have crossed the line by each end."""
    above = _exceeds(at_ends / np.sqrt(ends))
    mass = np.zeros(ends.size)
    mass[0] = above[0]
    # Whoever was above the line at its beginning is taken to have been on it.
    gaps = np.sqrt(ends[1:] - ends[0])
    from_first = _exceeds((at_ends[1:] - at_ends[0]) / gaps)
    for i in range(1, ends.size):
        gap = np.sqrt(ends[i] - middles[:i])
        again = _exceeds((at_ends[i] - at_middles[:i]) / gap)
        before = mass[0] * from_first[i - 1] + float(again[:-1] @ mass[1:i])
        mass[i] = max(0.0, (above[i] - before) / max(float(again[-1]), 1e-12))
    return np.minimum(np.cumsum(mass), 1.0)


def _quantile(ends: FloatArray, crossed: FloatArray, chance: float) -> float:
    place = int(np.searchsorted(crossed, chance))
    if place == 0:
        return float(ends[0])
    if place >= ends.size:
        return float(ends[-1])
    share = (chance - crossed[place - 1]) / (crossed[place] - crossed[place - 1])
    return float(ends[place - 1] * (ends[place] / ends[place - 1]) ** share)


def _exceeds(z: FloatArray) -> FloatArray:
    """Return the chance that a standard normal number is above z."""
    scaled = (z / math.sqrt(2)).tolist()
    return np.array([0.5 * math.erfc(one) for one in scaled])
