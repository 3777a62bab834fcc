"""Plan an experiment: how long until a lift is found?

Owns what can be asked, its limits, and the answer with what it assumes. The statistics
are ope.planning's.
"""

import math

import msgspec

from bandit_svc.domain.experiment import PLANNED
from bandit_svc.domain.numbers import percent
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.planning.comparison import Comparison
from bandit_svc.ope.sequences.asymptotic import OPTIMISED_COUNT
from bandit_svc.services.values import CONFIDENCE, Reason

MOST_TRAFFIC = 1e12
MOST_LIFT = 100.0
MOST_HOLDOUT = 0.9
MOST_REWARD = 1e9
MOST_VISITS = 1_000.0
MOST_HORIZON_DAYS = 3_650.0
BEYOND_REACH = "no number of decisions is enough: the reward varies too much"


class PlanRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The question.

    Attributes:
        traffic: decisions a day, of both groups.
        base_rate: mean reward a decision under the baseline.
        lift: the smallest relative uplift to be found; 0.1 is 10 %.
        holdout: the baseline's share of the units.
        sd: standard deviation of a decision's reward, for amounts such as money; left
            out for rewards of 0 and 1.
        visits: mean decisions a unit makes.
        icc: correlation of the rewards of one unit, 0 to 1.
        horizon: days that the experiment is planned for; the interval is then tightest
            at that day.
    """

    traffic: float
    base_rate: float
    lift: float
    holdout: float = 0.1
    sd: float | None = None
    visits: float = 1.0
    icc: float = 0.0
    horizon: float | None = None


class Plan(msgspec.Struct, frozen=True):
    """By when the interval of the uplift excludes 0.

    Attributes:
        median_days: with a chance of one half; null beyond every reach.
        days_80: with a chance of 80 %.
        decisions_median: of both groups, likewise.
        decisions_80: likewise.
        difference: the lift in reward units.
        sigma: standard error of the difference times the root of the decisions.
        design_effect: variance by unit over that of independent decisions.
        first_decisions: before which no interval is shown.
        planned_decisions: what to declare in the experiment, so that its interval is
            tightest at the horizon; null without one.
        assumptions: each a sentence.
    """

    median_days: float | None
    days_80: float | None
    decisions_median: int | None
    decisions_80: int | None
    difference: float
    sigma: float
    design_effect: float
    first_decisions: int
    confidence: float
    planned_decisions: int | None
    assumptions: tuple[str, ...]
    reason: Reason = msgspec.UNSET


def plan(asked: PlanRequest) -> Plan:
    """Return how long it takes to find a lift.

    Raises:
        InvalidInput: a number is out of its limits; the pointer names it.
    """
    _check(asked)
    planned = None
    if asked.horizon is not None:
        least, most = PLANNED
        wanted = round(asked.traffic * asked.horizon)
        planned = int(min(max(wanted, least), most))
    comparison = Comparison(
        base=asked.base_rate,
        lift=asked.lift,
        holdout=asked.holdout,
        sd=asked.sd,
        visits=asked.visits,
        icc=asked.icc,
        confidence=CONFIDENCE,
        tightest_at=planned or OPTIMISED_COUNT,
    )
    counts = comparison.counts()
    median, in_80 = (math.ceil(n) if math.isfinite(n) else None for n in counts)
    days = [None if n is None else n / asked.traffic for n in (median, in_80)]
    return Plan(
        median_days=days[0],
        days_80=days[1],
        decisions_median=median,
        decisions_80=in_80,
        difference=comparison.difference,
        sigma=comparison.deviation,
        design_effect=comparison.design_effect,
        first_decisions=math.ceil(comparison.first),
        confidence=CONFIDENCE,
        planned_decisions=planned,
        assumptions=_assumptions(asked),
        reason=BEYOND_REACH if median is None or in_80 is None else msgspec.UNSET,
    )


def _check(asked: PlanRequest) -> None:
    _above("traffic", asked.traffic, MOST_TRAFFIC, "decisions a day")
    _above("base_rate", asked.base_rate, MOST_REWARD, "the baseline's mean reward")
    _above("lift", asked.lift, MOST_LIFT, "a share of the base rate, 0.1 for 10 %")
    _above("holdout", asked.holdout, MOST_HOLDOUT, "the baseline's share of the units")
    if not 1 <= asked.visits <= MOST_VISITS:
        raise InvalidInput.at(
            "/visits",
            f"visits is {asked.visits}; it must be between 1 and {MOST_VISITS:g}, mean "
            "decisions a unit",
        )
    if not 0 <= asked.icc <= 1:
        raise InvalidInput.at(
            "/icc", f"icc is {asked.icc}; it must be between 0 and 1, a correlation"
        )
    if asked.horizon is not None:
        _above("horizon", asked.horizon, MOST_HORIZON_DAYS, "days")
    if asked.sd is not None:
        _above("sd", asked.sd, MOST_REWARD, "the reward's standard deviation")
        return
    highest = asked.base_rate * (1 + asked.lift)
    if not highest < 1:
        raise InvalidInput.at(
            "/base_rate",
            f"base_rate with its lift is {highest:g}; rewards of 0 and 1 have a mean "
            "below 1. For amounts, say their standard deviation with sd",
        )


def _above(name: str, value: float, most: float, what: str) -> None:
    # NaN fails the comparison too.
    if not 0 < value <= most:
        raise InvalidInput.at(
            f"/{name}",
            f"{name} is {value}; it must be above 0 and at most {most:g}, {what}",
        )


_ALWAYS = (
    (
        "The bandit's mean is higher by the lift from the first decision on; while it "
        "learns, it takes longer."
    ),
    (
        "The bandit never shows what the baseline would; where they agree, both "
        "the lift and its error are smaller."
    ),
    "Days are counted in traffic; the reward window comes on top.",
    f"The interval has a confidence of {percent(CONFIDENCE)} at every look.",
)


def _assumptions(asked: PlanRequest) -> tuple[str, ...]:
    found = list(_ALWAYS)
    if asked.sd is not None:
        found.append(
            "A higher mean is one of more orders, and orders are alike in size; a few "
            "that are much larger make it take longer."
        )
    if asked.visits > 1:
        found.append(
            f"A unit makes {asked.visits:g} decisions on average, their number spread "
            f"geometrically, and its rewards correlate by {asked.icc:g}."
        )
    elif asked.sd is None:
        found.append(
            "No unit comes twice; as soon as one does, say visits above 1, since the "
            "interval is another one."
        )
    if asked.horizon is None:
        found.append(
            f"The interval is tightest at {OPTIMISED_COUNT:,} decisions; with a "
            "horizon it is tightest there."
        )
    return tuple(found)
