"""The fields by which a request asks for a page.

Owns their limits and the pointers to what is wrong with them. What they mean for an
experiment is services.serving.slots'.
"""

from bandit_svc.domain.events.decision_id import MAX_SLOTS
from bandit_svc.domain.json_shape import check_length, escape_pointer
from bandit_svc.errors import InvalidInput
from bandit_svc.services.serving.slots.asked import Asking


def check_page(asking: Asking) -> None:
    """Refuse fields beyond their limits.

    Raises:
        InvalidInput: with the pointer to the first one.
    """
    if asking.slots is not None and not 1 <= asking.slots <= MAX_SLOTS:
        raise InvalidInput.at(
            "/slots", f"slots is {asking.slots}; it must be between 1 and {MAX_SLOTS}"
        )
    if len(asking.pinned) > MAX_SLOTS:
        raise InvalidInput.at(
            "/pinned",
            f"{len(asking.pinned)} slots are pinned; at most {MAX_SLOTS} are allowed",
        )
    for slot, key in asking.pinned.items():
        check_length(f"/pinned/{escape_pointer(slot[:64])}", key)
    if asking.distinct_by is not None:
        check_length("/distinct_by", asking.distinct_by)
