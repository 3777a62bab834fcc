"""Tell what was done before a unit was erased from what it does afterwards.

Owns the rule that keeps an erasure from being undone by whoever sends old data again: a
retry, a backfill, a copy of a warehouse. What occurred before the erasure was asked for
is not kept; a visitor who comes back afterwards is a new unit.
"""

from bandit_svc.errors import FieldError, NotFound
from bandit_svc.services.people.ports import PeoplePorts


def is_erased(
    ports: PeoplePorts, unit_id: str, occurred_at_ms: int, now_ms: int
) -> bool:
    """Return whether a unit was erased after something that it did."""
    if occurred_at_ms >= now_ms:
        # So it is for nearly all, whose callers don't say when it occurred.
        return False
    asked_at_ms = ports.erasures.erased_at_ms(unit_id)
    return asked_at_ms is not None and occurred_at_ms <= asked_at_ms


def check_own_reward(
    ports: PeoplePorts, unit_id: str, metric: str, reward_id: str
) -> None:
    """Check that a correction does not name a unit whose reward it is no more.

    Raises:
        NotFound: the unit was erased, and the reward was reported before that.
    """
    if ports.erasures.erased_at_ms(unit_id) is None:
        return
    if ports.credits.is_of_another(unit_id, metric, reward_id):
        detail = (
            "the unit of this reward was erased; name the decision instead, as"
            " `decision_id`, which GET /v1/rewards/{reward_id} has"
        )
        raise NotFound(detail, FieldError("/unit_id", detail))
