"""One reported reward, and its correction.

Owns the facts that are appended when a reward arrives or is corrected. Pure.
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


class Correction(msgspec.Struct, frozen=True, tag="correction"):
    """A new total of a reward that was reported before.

    Of several, the one that was received last holds. The reward keeps the times of its
    report: whether it counts does not change.

    Attributes:
        value: that replaces the reward's, as it was reported.
        metric: of the reward, as its `reward_id`.
        occurred_at_ms: when what is corrected happened, as the caller says.
        received_at_ms: when we heard of the correction.
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
