"""Estimates as they are reported: by a report, an evaluation, a search.

Owns their shape, the confidence of all of them, and the rule for unknown numbers: an
interval is always a pair, and what is not known is None, with the reason beside it.
"""

from typing import Literal, NamedTuple

import msgspec

from bandit_svc.domain.times import timestamp_or_none
from bandit_svc.ope.interval import UNBOUNDED, Interval

CONFIDENCE = 0.95
Bounds = tuple[float | None, float | None]
"""Both ends of an interval; both None where the data bound nothing."""
NO_DECISION = "no decision counts yet"
UNKNOWN: Bounds = (None, None)
Reason = str | msgspec.UnsetType
"""Why a number beside it is None; left out of the JSON where none is."""


class Possible(NamedTuple):
    """The smallest and the largest value that an estimate can have at all."""

    lowest: float
    highest: float


class Estimated(msgspec.Struct, frozen=True):
    """A value with its interval."""

    estimate: float | None
    interval: Bounds
    reason: Reason = msgspec.UNSET


Estimand = Literal["one_step", "trajectory", "slate"]
"""What an estimate is of: one decision changed, the policy deployed for a unit, or all
slots of a page chosen by it."""
ONE_STEP: Estimand = "one_step"
TRAJECTORY: Estimand = "trajectory"
SLATE: Estimand = "slate"


class Period(msgspec.Struct, frozen=True):
    """When the first and the last decision of a row were made, as RFC 3339 in UTC.

    Rows of one table that cover different times are not comparable: the level of
    rewards moves.
    """

    first: str | None
    last: str | None
    reason: Reason = msgspec.UNSET


def period(first_ms: int | None, last_ms: int | None, unknown: str = "") -> Period:
    """Return a period as it is reported.

    Args:
        first_ms, last_ms: milliseconds since the epoch; None where not known.
        unknown: why, for where it is.
    """
    known = first_ms is not None and last_ms is not None
    reason = msgspec.UNSET if known else unknown or NO_DECISION
    return Period(timestamp_or_none(first_ms), timestamp_or_none(last_ms), reason)


NEVER = period(None, None)


class PolicyRow(msgspec.Struct, frozen=True):
    """What one target policy would have earned.

    Attributes:
        estimand: `one_step` if only the decision itself would have been another one,
            with the history that was; `trajectory` if all of the unit's would; `slate`
            if all slots of a page would, so that the value is of a page.
        n: decisions that it is estimated from.
        effective_sample_size, mean_weight, max_weight: of its weights; None where the
            log has no propensities, or no decision counts yet.
        behind: decisions that have still to be evaluated; absent for a log read once.
        refused: why every estimate is None; None where they may be shown.
        note: which decisions count, where not all do.
        period: of the decisions; absent for a log of another system.
        units: of the decisions: those whose first decision counts, or whose histories
            do; absent for a log of another system that names none. With the estimand
            `trajectory`, `effective_sample_size` is that of units, at the decision with
            the fewest.
    """

    policy: str
    n: int
    effective_sample_size: float | None
    mean_weight: float | None
    max_weight: float | None
    refused: str | None
    estimates: dict[str, Estimated]
    behind: int | msgspec.UnsetType = msgspec.UNSET
    note: str | msgspec.UnsetType | None = msgspec.UNSET
    estimand: Estimand = ONE_STEP
    units: int | msgspec.UnsetType = msgspec.UNSET
    period: Period | msgspec.UnsetType = msgspec.UNSET

    @property
    def shown(self) -> tuple[str, Estimated]:
        """The one estimate that a page shows, with the estimator's name.

        Empty and unknown if there is none.
        """
        estimates = {} if self.refused else self.estimates
        for name in dict.fromkeys((*PREFERRED, *estimates)):
            found = estimates.get(name, NOT_ESTIMATED)
            if found.estimate is not None:
                return name, found
        return "", NOT_ESTIMATED


PREFERRED = ("dr", "snips", "ips", "cascade")
"""The estimators by preference: the first that there is stands for a policy."""


class RewardModelQuality(msgspec.Struct, frozen=True):
    """How good predictions were that were made before each reward was known.

    Attributes:
        n: how many predictions.
        r_squared: the share of the squared error of the mean reward so far that the
            model takes away. 0 says nothing, and a model of clicks seldom has over
            0.3, since even the true chance of a click has its noise.
    """

    n: int
    r_squared: float | None


NOT_ESTIMATED = Estimated(None, UNKNOWN)


def bounds(interval: Interval, possible: Possible | None = None) -> Bounds:
    """Return both ends; None for both if they exclude no possible value."""
    lower, upper = interval.lower, interval.upper
    if possible is not None and lower is not None and upper is not None:
        excludes = lower > possible.lowest or upper < possible.highest
        return (lower, upper) if excludes else UNKNOWN
    return lower, upper


def estimated(
    value: float | None,
    interval: Interval = UNBOUNDED,
    possible: Possible | None = None,
    reason: str = "",
) -> Estimated:
    """Return a value as it is reported.

    Args:
        value: None if there is no estimate; then there is no interval either.
        possible: what the value can be, if that is bounded.
        reason: why the estimate or its interval is unknown, for where it is.
    """
    ends = UNKNOWN if value is None else bounds(interval, possible)
    unknown = value is None or ends == UNKNOWN
    return Estimated(value, ends, reason if unknown and reason else msgspec.UNSET)
