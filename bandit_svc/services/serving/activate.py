"""Record that the variant of a deferred decision was shown.

Owns the checks on an activation and its append; idempotent.
"""

from bandit_svc.domain.events.codec import encode_activation
from bandit_svc.domain.events.decision import Activation
from bandit_svc.domain.events.decision_id import split_slot
from bandit_svc.errors import Conflict, FieldError
from bandit_svc.services.serving.limits.confirming import confirm_places
from bandit_svc.services.serving.ports import ServingPorts


def activate(
    ports: ServingPorts,
    decision_id: str,
    now_ms: int,
) -> Activation:
    """Append an activation durably; the reward window begins with the first one.

    The slots of a page are shown together: the id of each activates the page.

    Raises:
        InvalidInput: this service did not issue the id.
        Conflict: the decision was not deferred, or its time to be shown has run out.
        Unavailable: it can't be made durable now; nothing was kept.
    """
    ref = ports.ids.read(decision_id)
    decision_id, _ = split_slot(decision_id)
    experiment = ports.catalog.by_number(ref.experiment_number)
    definition = experiment.definition
    if not ref.deferred:
        raise _conflict(
            "the decision was not deferred, so it counts already; ask with "
            '"defer": true to activate later'
        )
    # An id made from a request_id does not tell its time; the learner looks there.
    if (
        ref.issued_at_ms is not None
        and now_ms > ref.issued_at_ms + definition.expose_within_ms
    ):
        within_s = definition.expose_within_seconds
        limit = (
            f"the reward window of {definition.reward.window_seconds:g} s"
            if within_s is None
            else f"{within_s:g} s (expose_within_seconds)"
        )
        raise _conflict(
            f"the decision has expired: it must be activated within {limit}, and never "
            "counts now. Ask for a new decision."
        )
    if not confirm_places(ports, experiment, decision_id, now_ms):
        raise _conflict(
            "the decision has expired, and its place under a strict cap is free for "
            "another one. Ask for a new decision."
        )
    activation = Activation(
        decision_id=decision_id,
        number=ref.experiment_number,
        activated_at_ms=now_ms,
    )
    ports.log.append(encode_activation(activation))
    return activation


def _conflict(detail: str) -> Conflict:
    return Conflict(detail, FieldError("/decision_id", detail))
