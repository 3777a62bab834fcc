"""The money of a report and the decisions that it shows apart, typed.

Owns its shape; what is in it is computed by the other modules of this room.
"""

import msgspec

from bandit_svc.domain.experiment import Group
from bandit_svc.services.values import Bounds, Estimated, Reason


class Worth(msgspec.Struct, frozen=True):
    """An amount of reward.

    Attributes:
        so_far: of the matured decisions.
        a_month: in 30 days at the present rate of the traffic.
    """

    so_far: Estimated
    a_month: Estimated


class Money(msgspec.Struct, frozen=True):
    """What an experiment earns and costs, in reward units.

    Attributes:
        unit: of the rewards, as the definition names it; may be empty.
        extra: the uplift times the bandit's decisions: what they earned more than the
            baseline would have.
        holdout: the uplift times the holdout's decisions: what they did not earn.
        exploration: what the greedy choice would have earned more a decision of the
            bandit, of the newest decisions; its interval is for one look.
        exploration_a_month: that times the bandit's decisions in 30 days.
    """

    unit: str
    extra: Worth
    holdout: Worth
    exploration: Estimated
    exploration_a_month: Estimated


class WithoutConsent(msgspec.Struct, frozen=True):
    """Decisions of a group that were made without consent.

    Attributes:
        decisions: all of them.
        n: those that have matured.
        mean: of their rewards; null where none has matured.
    """

    group: Group
    decisions: int
    n: int
    mean: float | None


class Restricted(msgspec.Struct, frozen=True):
    """Decisions of a group in which a variant of the baseline was not eligible.

    They are in the report's other numbers too.

    Attributes:
        n: those that have matured.
        units: that they are of.
        mean: of their rewards, each decision weighing the same.
    """

    group: Group
    n: int
    units: int
    mean: float | None
    interval: Bounds
    reason: Reason = msgspec.UNSET
