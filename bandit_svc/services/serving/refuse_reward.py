"""Record that a reward was refused.

Owns the append of a refusal, so that the experiment's owner sees how many rewards a
caller has lost, across workers and restarts.
"""

from bandit_svc.domain.events.codec import encode_refusal
from bandit_svc.domain.events.refusal import Refusal, refused_field
from bandit_svc.errors import InvalidInput, NotFound
from bandit_svc.services.serving.ports import ServingPorts


def refuse_reward(
    ports: ServingPorts, decision_id: str | None, error: InvalidInput, now_ms: int
) -> bool:
    """Append a refusal durably; return whether its experiment is known.

    Args:
        decision_id: as far as the request told one.

    Raises:
        Unavailable: it can't be made durable now; nothing was counted.
    """
    if decision_id is None:
        return False
    try:
        number = ports.ids.read(decision_id).experiment_number
        ports.catalog.by_number(number)
    except (InvalidInput, NotFound):
        return False
    field = refused_field(error.fields[0].pointer if error.fields else "")
    ports.log.append(encode_refusal(Refusal(decision_id, number, field, now_ms)))
    return True
