"""Tell of the reward and the declared metrics what is told of derived ones.

Owns their chances to beat the baseline, and what the claims test of them.
"""

from collections.abc import Callable

import numpy as np

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.ope.uplift import by_unit
from bandit_svc.ope.uplift.by_unit import Band, Possible
from bandit_svc.ope.uplift.columns import BASELINE
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.services.report.metrics.chance import chance_to_beat, unknown_chance
from bandit_svc.services.report.metrics.claims import Tested
from bandit_svc.services.report.metrics.rows import Chance
from bandit_svc.services.report.uplift import Compared
from bandit_svc.services.values import Estimated


def mean_chance(
    compared: Compared,
    difference: Estimated,
    value: int = 0,
    *,
    higher_is_better: bool = True,
) -> Chance:
    """Return the chance that the bandit is better in the reward or a metric.

    Args:
        difference: as it is reported.
        value: 0 for the reward.
    """
    if difference.estimate is None:
        return unknown_chance(difference.reason or "")
    two = sides(compared.totals, compared.headline.weighting, value)
    error = float(np.maximum(two.difference_raw(), two.difference_iid()))
    baseline = float(two.means[BASELINE])
    return chance_to_beat(
        difference, error, baseline, higher_is_better=higher_is_better
    )


def tested_means(compared: Compared) -> list[Tested]:
    """Return the reward and the declared metrics as the claims test them."""
    ranges: list[tuple[str, Possible | None]] = [(MAIN_METRIC, compared.possible)]
    for metric in compared.experiment.definition.metrics:
        value = compared.layout.value(metric.name)
        known = None
        if value is not None:
            known = compared.layout.possible_of(metric.minimum, metric.maximum, value)
        ranges.append((metric.name, known))
    n = float(compared.totals.decisions.sum())
    at = compared.possible.tightest_at
    return [Tested(name, _band(compared, known), n, at) for name, known in ranges]


def _band(
    compared: Compared, possible: Possible | None
) -> Callable[[float], Band] | None:
    if possible is None or not compared.has_both:
        return None
    return lambda confidence: by_unit.absolute(
        compared.totals, compared.headline.weighting, confidence, possible
    )
