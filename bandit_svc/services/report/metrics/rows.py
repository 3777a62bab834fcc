"""The rows of derived metrics, chances and claims, as a report has them.

Owns their shape; derived.py, chance.py and claims.py fill them.
"""

from typing import Literal

import msgspec

from bandit_svc.domain.experiment import Group as GroupName
from bandit_svc.services.values import Bounds, Estimated, Reason

Kind = Literal["ratio", "per_unit", "retention"]


class Chance(msgspec.Struct, frozen=True):
    """The chance that the bandit is better, at one look; never in place of an interval.

    Attributes:
        probability: 0 to 1; None where it is not known.
        prior: the prior in words.
        prior_scale: its standard deviation in the unit of the difference; None where it
            is not known.
        anytime_valid: false, always: looking until it is large finds a winner in
            experiments without one.
    """

    probability: float | None
    prior: str
    prior_scale: float | None
    anytime_valid: bool = False
    reason: Reason = msgspec.UNSET


class DerivedGroup(msgspec.Struct, frozen=True):
    """One group's value of a derived metric.

    Attributes:
        units: that have something to divide by: of a ratio what they are worth as units
            of equal denominator, else units.
        mean: None without any denominator.
    """

    group: GroupName
    units: int
    mean: float | None
    interval: Bounds
    reason: Reason = msgspec.UNSET


class DerivedRow(msgspec.Struct, frozen=True):
    """A metric that is computed, in both groups.

    Attributes:
        of: what is divided by what, in words.
        direction: whether higher or lower is better.
        difference: the bandit's less the baseline's.
        relative: that as a share of the baseline's.
        waiting: units whose days have not passed; 0 but for a retention.
        detail: what is counted, in a sentence.
    """

    metric: str
    kind: Kind
    of: str
    direction: Literal["higher", "lower"]
    groups: tuple[DerivedGroup, DerivedGroup]
    difference: Estimated
    relative: Estimated
    chance_to_beat: Chance
    waiting: int
    detail: str


class Claim(msgspec.Struct, frozen=True):
    """Whether a metric is claimed to differ between the groups.

    Attributes:
        e_value: against no difference; its mean is at most 1 if there is none. None
            while there is too little for an interval.
        claimed: by e-BH over all metrics.
        difference: the sign of it; None where it is not claimed.
    """

    metric: str
    e_value: float | None
    claimed: bool
    difference: Literal["higher", "lower"] | None


class Claims(msgspec.Struct, frozen=True):
    """Which of all metrics differ, with the false ones among them bounded.

    Attributes:
        false_discovery_rate: the largest expected share of false ones among the
            claimed ones.
        metrics: the reward first, then declared ones, then derived ones.
        detail: the rule, in a sentence.
    """

    false_discovery_rate: float
    metrics: tuple[Claim, ...]
    detail: str

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that are claimed."""
        return tuple(one.metric for one in self.metrics if one.claimed)
