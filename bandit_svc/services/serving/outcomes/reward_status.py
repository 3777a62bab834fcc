"""What is known at once of a reward that names its decision.

Owns the words of the answer. What becomes of it is decided by the learner.
"""

from typing import Literal

from bandit_svc.domain.events.decision_id import raw_id, ref_of
from bandit_svc.domain.events.reward import Reward
from bandit_svc.errors import Unavailable
from bandit_svc.services.serving.ports import ServingPorts

RewardStatus = Literal["accepted", "duplicate", "conflict", "late"]


def reward_status(ports: ServingPorts, reward: Reward) -> RewardStatus:
    """Return what the store says of a reward.

    Args:
        ports: of the worker.
        reward: that was just appended; the learner may have stored it already.
    """
    try:
        return _status_in_store(ports, reward)
    except Unavailable:
        # It is in the log, whatever the store would have said of it.
        return "accepted"


def _status_in_store(ports: ServingPorts, reward: Reward) -> RewardStatus:
    known = ports.credits.reported(reward.decision_id, reward.metric, reward.reward_id)
    if known is not None:
        return "duplicate" if reward.value in known else "conflict"
    issued_at_ms = ref_of(raw_id(reward.decision_id)).issued_at_ms
    definition = ports.catalog.by_number(reward.number).definition.reward
    young_ms = definition.closes_after_ms
    if issued_at_ms is not None and reward.received_at_ms - issued_at_ms < young_ms:
        # A read less, for most of them.
        return "accepted"
    return "late" if ports.credits.is_joined(reward.decision_id) else "accepted"
