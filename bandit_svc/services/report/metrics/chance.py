"""Tell the chance that the bandit is better, with the prior that it rests on.

Owns the prior: normal, centred at no difference, with a standard deviation of
PRIOR_SHARE of the baseline's mean. It says that differences of more than twice that are
rare, which few changes of a page reach.
"""

import math

from bandit_svc.domain.numbers import percent
from bandit_svc.ope.metrics.chance import chance_above
from bandit_svc.services.report.metrics.rows import Chance
from bandit_svc.services.values import Estimated

PRIOR_SHARE = 0.3
PRIOR = (
    "normal on the difference, mean 0, standard deviation "
    f"{percent(PRIOR_SHARE)} of the baseline's mean"
)
_NO_BASELINE = "the prior is a share of the baseline's mean, which is 0 or not known"
_NO_VARIANCE = "nothing varies yet"


def chance_to_beat(
    difference: Estimated,
    squared_error: float,
    baseline: float | None,
    *,
    higher_is_better: bool = True,
) -> Chance:
    """Return the chance that the bandit is better in one metric.

    Args:
        difference: as it is reported; without an interval there is no chance either.
        squared_error: of it, by unit.
        baseline: the baseline's mean.
    """
    estimate = difference.estimate
    if estimate is None or difference.interval == (None, None):
        return Chance(None, PRIOR, None, reason=difference.reason)
    scale = PRIOR_SHARE * abs(baseline or 0.0)
    if not (math.isfinite(scale) and scale > 0):
        return Chance(None, PRIOR, None, reason=_NO_BASELINE)
    above = chance_above(estimate, squared_error, scale)
    if above is None:
        return Chance(None, PRIOR, scale, reason=_NO_VARIANCE)
    return Chance(above if higher_is_better else 1 - above, PRIOR, scale)


def unknown_chance(reason: str) -> Chance:
    """Return that there is no chance, and why."""
    return Chance(None, PRIOR, None, reason=reason)
