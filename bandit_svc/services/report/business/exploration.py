"""Estimate what exploration costs now, against the greedy choice.

Owns the cost of a decision: what always showing the variant with the largest chance in
the treatment's pmf (the greedy choice) would have earned more than what was shown. With
w = 1 / p where the greedy variant was shown (p its chance, floor included) and 0 where
another one was, the mean of (r - m) (w - 1) is that difference, by inverse propensity
weighting with the mean reward m taken off. It is of the newest SAMPLE matured
decisions, so that it says what exploration costs now, at a price that does not grow
with the log.

The interval is a normal one by unit, for one look: the sample moves on, so that there
is no sequence of it. What exploration teaches is not in it: a policy that stopped
exploring would miss it later.
"""

import numpy as np

from bandit_svc.domain.experiment import TREATMENT
from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.interval import Interval
from bandit_svc.services.values import Estimated, estimated
from bandit_svc.storage.joined.joins import Joins
from bandit_svc.storage.rows import JoinedRow

SAMPLE = 2_000
LEAST_UNITS = 50
LEAST_OTHER = 30
"""Decisions that showed another variant than the greedy one."""
QUANTILE = 1.96
"""Of the normal distribution, for a confidence of 95 %."""


def exploration_cost(joins: Joins, number: int) -> Estimated:
    """Return the cost a decision of the treatment, in reward units."""
    last = joins.last_position(number)
    rows = joins.after(number, max(0, last - SAMPLE), SAMPLE)
    drawn = [r for r in rows if r.decision.shown is None]
    return _cost([r for r in drawn if r.decision.group == TREATMENT])


def _cost(rows: list[JoinedRow]) -> Estimated:
    logged = [row for row in rows if row.decision.treatment_pmf]
    weights = np.array([_weight(row) for row in logged])
    units = _units(logged)
    count = int(units.max(initial=-1)) + 1
    if count < LEAST_UNITS:
        return estimated(
            None,
            reason=f"it needs {LEAST_UNITS} units with logged chances among the newest "
            f"{SAMPLE:,} matured decisions; there are {count}",
        )
    other = int((weights == 0).sum())
    if other < LEAST_OTHER:
        return estimated(
            None,
            reason=f"it needs {LEAST_OTHER} decisions that showed another variant than "
            f"the greedy one among the newest {SAMPLE:,}; there are {other}",
        )
    rewards = np.array([row.reward for row in logged])
    terms = (rewards - rewards.mean()) * (weights - 1)
    mean = float(terms.mean())
    error = QUANTILE * _error_by_unit(terms - mean, units, count)
    if error == 0:
        return estimated(None, reason="all rewards of the sample are equal")
    return estimated(mean, Interval(mean - error, mean + error))


def _weight(row: JoinedRow) -> float:
    pmf = row.decision.treatment_pmf or ()
    greedy = max(range(len(pmf)), key=pmf.__getitem__)
    return 1 / pmf[greedy] if row.decision.chosen == greedy else 0.0


def _units(rows: list[JoinedRow]) -> IntArray:
    """Return the number of each decision's unit; one without is a unit by itself."""
    places: dict[str, int] = {}
    return np.array(
        [
            places.setdefault(row.decision.unit_id or f"\0{place}", len(places))
            for place, row in enumerate(rows)
        ],
        dtype=np.int64,
    )


def _error_by_unit(residuals: FloatArray, units: IntArray, count: int) -> float:
    sums = np.bincount(units, weights=residuals, minlength=count)
    squared = float((sums**2).sum()) * count / (count - 1)
    return float(squared**0.5 / residuals.size)
