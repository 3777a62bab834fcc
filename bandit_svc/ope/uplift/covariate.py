"""Compare two groups by unit, less what a covariate explains.

Owns the uplift adjusted by one number that was known before each choice (CUPED, Deng et
al. 2013), from sums whose value 1 is that number. Its difference between the groups has
mean 0, since the group was drawn without it; so for any theta

    (uplift of the reward) - theta (difference of the covariate)

has the uplift as its mean. theta is the one of the least variance by unit,
Cov(reward, covariate) / Var(covariate) of the two differences. The interval is that of
by_unit.py with the adjusted errors, and as valid as that one: asymptotically.

A decision without the covariate counts with 0, as any other constant would do.
adjusted.py does the same by decision, exactly.

Reference: Deng, Xu, Kohavi and Walker (2013), "Improving the sensitivity of online
controlled experiments by utilizing pre-experiment data", WSDM.
"""

from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.sequences.asymptotic import boundary
from bandit_svc.ope.uplift.by_unit import Band, Possible
from bandit_svc.ope.uplift.columns import BASELINE, TREATMENT
from bandit_svc.ope.uplift.sides import (
    GROUPS,
    Part,
    design_effect,
    enough_units,
    few_units_factor,
    mean_form,
    pooled_design_effect,
    product,
    pseudo_error,
    sides,
)
from bandit_svc.ope.uplift.totals import Totals

REWARD, COVARIATE = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """The adjusted uplift at each look.

    Attributes:
        band: in reward units.
        variance_reduction: the share of the variance by unit that the covariate
            explains, at least 0.
    """

    band: Band
    variance_reduction: FloatArray


def adjusted(
    totals: Totals, weighting: int, confidence: float, possible: Possible
) -> Adjusted:
    """Bound mean(treatment) - mean(baseline), adjusted by value 1.

    Args:
        totals: with crossed products of the reward and the covariate.
        weighting: RANDOMISED, TRAJECTORY or ONE_STEP.
        confidence: in (0, 1), for all looks together.
        possible: the range of the reward, at most as wide as padding allows.

    Raises:
        LoggedDataError: the sums hold no covariate, or the range is one of money.
    """
    _check(totals, possible)
    gaps, forms = zip(
        *(_difference(totals, weighting, value) for value in (REWARD, COVARIATE)),
        strict=True,
    )
    raw = _quadratic(totals, totals.by_unit, forms)
    iid = _quadratic(totals, totals.by_decision, forms)
    spread = np.where(raw[2] > 0, raw[2], 1.0)
    theta = np.where(raw[2] > 0, raw[1] / spread, 0.0)
    left_raw, left_iid = (
        np.maximum(rr - 2 * theta * rx + theta**2 * xx, 0.0)
        for rr, rx, xx in (raw, iid)
    )
    two = sides(totals, weighting)
    padded = left_iid + sum(
        pseudo_error(two, group, confidence, possible.width) for group in GROUPS
    )
    more = few_units_factor(totals)
    effect = np.maximum(
        design_effect(more * left_raw, left_iid), pooled_design_effect(totals)
    )
    n = np.maximum(two.decisions, 1.0)
    half = boundary(n, confidence) * np.sqrt(n * padded * effect)
    estimate = gaps[REWARD] - theta * gaps[COVARIATE]
    band = Band(
        np.where(np.isnan(two.means[0] - two.means[1]), np.nan, estimate),
        np.maximum(estimate - half, -possible.width),
        np.minimum(estimate + half, possible.width),
        enough_units(totals),
    )
    known = np.where(raw[0] > 0, raw[0], 1.0)
    return Adjusted(band, np.where(raw[0] > 0, 1 - left_raw / known, 0.0))


def _check(totals: Totals, possible: Possible) -> None:
    if totals.columns.crossed < 2:  # noqa: PLR2004 - the reward and its covariate
        raise LoggedDataError(
            f"the sums cross {totals.columns.crossed} value; an adjusted uplift needs "
            "those of the reward and its covariate"
        )
    if possible.is_money:
        raise LoggedDataError(
            "a covariate adjusts rewards of a range of at most 1; declare a minimum "
            "and a maximum"
        )


def _difference(totals: Totals, weighting: int, value: int) -> tuple[FloatArray, Part]:
    """Return treatment less baseline of a value, and its linear form."""
    treatment, _, first = mean_form(totals, weighting, TREATMENT, value)
    baseline, _, second = mean_form(totals, weighting, BASELINE, value)
    return treatment - baseline, first + tuple((c, -share) for c, share in second)


def _quadratic(
    totals: Totals, products: FloatArray, forms: tuple[Part, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the squared errors of both differences with their covariance between."""
    reward, covariate = forms
    return (
        product(totals, products, reward, reward),
        product(totals, products, reward, covariate),
        product(totals, products, covariate, covariate),
    )
