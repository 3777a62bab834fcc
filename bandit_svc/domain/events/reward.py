"""One reported reward.

Owns the fact that is appended when a reward arrives. Pure.
"""

import msgspec

MAIN_METRIC = "reward"


class Reward(msgspec.Struct, frozen=True, tag="reward"):
    """A number reported for a decision.

    Attributes:
        value: as it was reported, also where it is outside the declared range.
        metric: "reward" is learned from; any other is a secondary metric.
        reward_id: idempotency key within the decision and the metric.
        occurred_at_ms: when the user acted, as the caller says.
        received_at_ms: when we heard of it.
        clipped: the value is outside the declared range, whose end counts in its place.
    """

    decision_id: str
    number: int
    value: float
    reward_id: str
    occurred_at_ms: int
    received_at_ms: int
    metric: str = MAIN_METRIC
    clipped: bool = False
