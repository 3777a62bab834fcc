"""Say when a running experiment will be decided, at the rate of its traffic.

Owns the forecast from what is known so far: the present estimate, its interval and
standard error, and the difference that is asked for. The present estimate stays where
it is; what comes has the difference that was asked for, or that of the estimate.
"""

import math
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.planning.comparison import CHANCES
from bandit_svc.ope.planning.crossing import Begun, crossing_counts
from bandit_svc.ope.sequences.asymptotic import boundary
from bandit_svc.services.values import CONFIDENCE, Reason

DAY_S = 86_400.0
Asked = Literal["smallest_lift", "estimate"]


class Outlook(msgspec.Struct, frozen=True):
    """By when the interval of the uplift will exclude 0, if nothing changes.

    Attributes:
        decided: whether it does already.
        lift_of: `smallest_lift` where the experiment declares one, else `estimate`: the
            present one, which moves.
        difference: that is taken for true from now on, in reward units.
        sigma: standard error of the difference times the root of the decisions.
        decisions_a_day: that matured, in the newest half of them.
        decisions_median: further ones, with a chance of one half.
        decisions_80: likewise with a chance of 80 %.
        median_days: from now on, with a chance of one half.
        days_80: likewise with a chance of 80 %.
    """

    decided: bool
    lift_of: Asked
    difference: float | None = None
    sigma: float | None = None
    decisions_a_day: float | None = None
    decisions_median: int | None = None
    decisions_80: int | None = None
    median_days: float | None = None
    days_80: float | None = None
    reason: Reason = msgspec.UNSET


class Known(NamedTuple):
    """An experiment so far.

    Attributes:
        decisions: of both groups.
        estimate: of the difference, in reward units.
        lower: its interval's lower end.
        upper: the upper one.
        squared_error: of the estimate, by unit.
        tightest_at: the decisions at which its boundary is tightest.
    """

    decisions: float
    estimate: float
    lower: float
    upper: float
    squared_error: float
    tightest_at: float


def outlook(
    known: Known, asked: float | None, decisions_a_day: float | None
) -> Outlook:
    """Return the forecast.

    Args:
        known: the experiment so far.
        asked: the difference to be found, in reward units; None for the estimate.
        decisions_a_day: None where the rate is not known.
    """
    lift_of: Asked = "estimate" if asked is None else "smallest_lift"
    difference = known.estimate if asked is None else asked
    sigma = math.sqrt(known.decisions * max(known.squared_error, 0.0))
    told = Outlook(
        decided=known.lower > 0 or known.upper < 0,
        lift_of=lift_of,
        difference=difference,
        sigma=sigma,
        decisions_a_day=decisions_a_day,
    )
    if told.decided:
        return told
    if difference == 0 or sigma == 0:
        return _without(told, "the difference is 0 so far, and no lift is asked for")
    further = _further(known, difference, sigma)
    if not all(map(math.isfinite, further)):
        return _without(told, "no number of decisions is enough for this difference")
    median, in_80 = (math.ceil(n) for n in further)
    if not decisions_a_day:
        return msgspec.structs.replace(
            told,
            decisions_median=median,
            decisions_80=in_80,
            reason="the rate of the traffic is not known yet",
        )
    return msgspec.structs.replace(
        told,
        decisions_median=median,
        decisions_80=in_80,
        median_days=median / decisions_a_day,
        days_80=in_80 / decisions_a_day,
    )


def unknown(lift_of: Asked, reason: str) -> Outlook:
    """Return that nothing can be said, and why."""
    return Outlook(decided=False, lift_of=lift_of, reason=reason)


def _without(told: Outlook, reason: str) -> Outlook:
    return msgspec.structs.replace(told, reason=reason)


def _further(known: Known, difference: float, sigma: float) -> list[float]:
    """Return further decisions for each of CHANCES."""
    sign = 1.0 if difference > 0 else -1.0
    # The end towards 0 on the side on which it will be decided.
    end = known.lower if sign > 0 else known.upper
    reach = abs(known.estimate - end)

    def boundary_at(n: FloatArray) -> FloatArray:
        return np.asarray(boundary(n, CONFIDENCE, tightest_at=known.tightest_at))

    # The half width falls as the boundary does; what pads it now falls faster.
    now = float(boundary_at(np.array([known.decisions]))[0])
    counts = crossing_counts(
        lambda n: reach / now * boundary_at(n),
        abs(difference),
        sigma,
        known.decisions,
        CHANCES,
        Begun(known.decisions, sign * known.estimate),
    )
    return [n - known.decisions for n in counts]
