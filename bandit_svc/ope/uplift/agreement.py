"""Test whether two weightings of the same decisions agree, at every look.

Owns the statistics of two checks. ONE_STEP less TRAJECTORY tests whether a unit's
earlier decisions change its later ones (`carry_over`): only then do their means
differ. TRAJECTORY less RANDOMISED tests whether the group acts on rewards other than
through what is shown (`exclusion`), say by a slower page. Both weightings see the same
rows, so that the noise that they share cancels: the error is that of the difference of
their influences, summed by unit, which is much smaller than that of either uplift.

A difference that is not found is no proof that there is none.
"""

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.sequences.asymptotic import boundary
from bandit_svc.ope.uplift.by_unit import Band
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    ONE_STEP,
    RANDOMISED,
    TRAJECTORY,
    TREATMENT,
)
from bandit_svc.ope.uplift.sides import (
    Part,
    enough_units,
    few_units_factor,
    mean_form,
    product,
)
from bandit_svc.ope.uplift.totals import Totals

ROUNDING = 1e-9
"""Of the means: weightings that are equal differ by rounding alone."""


def carry_over(totals: Totals, confidence: float) -> Band:
    """Bound how much ONE_STEP's uplift exceeds TRAJECTORY's, in reward units.

    Earlier decisions of a unit matter where 0 is not between the ends.
    """
    return _difference(totals, (ONE_STEP, TRAJECTORY), confidence)


def exclusion(totals: Totals, confidence: float) -> Band:
    """Bound how much TRAJECTORY's uplift exceeds RANDOMISED's, in reward units.

    The group acts other than through what is shown where 0 is not between the ends.
    """
    return _difference(totals, (TRAJECTORY, RANDOMISED), confidence)


def _difference(totals: Totals, weightings: tuple[int, int], confidence: float) -> Band:
    estimate: FloatArray = np.zeros(())
    scale: FloatArray = np.zeros(())
    form: Part = ()
    for weighting, order in zip(weightings, (1.0, -1.0), strict=True):
        for group, side in ((TREATMENT, 1.0), (BASELINE, -1.0)):
            mean, _, part = mean_form(totals, weighting, group, 0)
            estimate = estimate + order * side * mean
            scale = scale + np.abs(mean)
            form += tuple((column, order * side * share) for column, share in part)
    squared = few_units_factor(totals) * product(totals, totals.by_unit, form, form)
    n = np.maximum(totals.decisions.sum(axis=-1), 1.0)
    half = boundary(n, confidence) * np.sqrt(n * np.maximum(squared, 0.0))
    half = half + ROUNDING * scale
    return Band(estimate, estimate - half, estimate + half, enough_units(totals))
