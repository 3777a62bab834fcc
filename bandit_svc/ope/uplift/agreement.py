"""Test whether two weightings of the same decisions agree, at every look.

Owns the statistics of two checks. ONE_STEP less TRAJECTORY tests whether a unit's
earlier decisions change its later ones (`carry_over`): only then do their means
differ. TRAJECTORY less RANDOMISED tests whether the group acts on rewards other than
through what is shown (`exclusion`), say by a slower page. Both weightings see the same
rows, so that the noise that they share cancels: the error is that of the difference of
their influences, summed by unit, which is much smaller than that of either uplift. It
is padded, like TRAJECTORY's smaller group: few units carry
most of the difference, so that its variance is underestimated at first. As both uplifts
have the pseudo-rewards of asymptotic.py, and at worst with opposite signs, their
standard errors add: four times the squared error that one of them gets. In A/A worlds
of 10,000 decisions the checks then fired at any of 1,000 looks in at most 5 % of 300
runs in each of 8 cells; without padding in up to 15 %.
For rewards that money.py bounds, the range so far takes the declared one's place.

A difference that is not found is no proof that there is none.
"""

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.sequences.asymptotic import boundary
from bandit_svc.ope.uplift.by_unit import Band, Possible
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    ONE_STEP,
    RANDOMISED,
    TRAJECTORY,
    TREATMENT,
)
from bandit_svc.ope.uplift.sides import (
    GROUPS,
    Part,
    enough_units,
    few_units_factor,
    mean_form,
    product,
    pseudo_error,
    sides,
)
from bandit_svc.ope.uplift.totals import LARGEST, Totals

ROUNDING = 1e-9
"""Of the means: weightings that are equal differ by rounding alone."""
RATE = Possible(0.0, 1.0)
BOTH = 4
"""The squared sum of two equal standard errors, over the square of one."""


def carry_over(totals: Totals, confidence: float, possible: Possible = RATE) -> Band:
    """Bound how much ONE_STEP's uplift exceeds TRAJECTORY's, in reward units.

    Earlier decisions of a unit matter where 0 is not between the ends.
    """
    return _difference(totals, (ONE_STEP, TRAJECTORY), confidence, possible)


def exclusion(totals: Totals, confidence: float, possible: Possible = RATE) -> Band:
    """Bound how much TRAJECTORY's uplift exceeds RANDOMISED's, in reward units.

    The group acts other than through what is shown where 0 is not between the ends.
    """
    return _difference(totals, (TRAJECTORY, RANDOMISED), confidence, possible)


def _difference(
    totals: Totals, weightings: tuple[int, int], confidence: float, possible: Possible
) -> Band:
    estimate: FloatArray = np.zeros(())
    scale: FloatArray = np.zeros(())
    form: Part = ()
    for weighting, order in zip(weightings, (1.0, -1.0), strict=True):
        for group, side in ((TREATMENT, 1.0), (BASELINE, -1.0)):
            mean, _, part = mean_form(totals, weighting, group, possible.value)
            estimate = estimate + order * side * mean
            scale = scale + np.abs(mean)
            form += tuple((column, order * side * share) for column, share in part)
    squared = few_units_factor(totals) * product(totals, totals.by_unit, form, form)
    # Weightings that are equal so far differ by rounding; nothing pads that.
    differ = squared > (ROUNDING * scale) ** 2
    squared = np.where(differ, squared + _padding(totals, confidence, possible), 0.0)
    n = np.maximum(totals.decisions.sum(axis=-1), 1.0)
    at = boundary(n, confidence, tightest_at=possible.tightest_at)
    half = at * np.sqrt(n * squared) + ROUNDING * scale
    return Band(estimate, estimate - half, estimate + half, enough_units(totals))


def _padding(totals: Totals, confidence: float, possible: Possible) -> FloatArray:
    """Return the squared error that the pseudo-rewards of both uplifts add."""
    two = sides(totals, TRAJECTORY, possible.value)
    unit = BOTH * np.maximum(
        *(pseudo_error(two, group, confidence, 1.0) for group in GROUPS)
    )
    if not possible.is_money:
        return np.asarray(possible.width**2 * unit)
    largest = totals.plain[..., possible.value, LARGEST]
    return np.asarray(np.maximum(largest - possible.minimum, 0.0) ** 2 * unit)
