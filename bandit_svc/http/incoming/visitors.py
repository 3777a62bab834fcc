"""The fields by which a server tells of the visitor that it asks for.

Owns their limits and the pointers to what is wrong with them. Nothing of them is kept.
"""

import msgspec

from bandit_svc.domain.enriching.devices import (
    MAX_AGENT_LENGTH,
    MAX_HINT_LENGTH,
    MAX_HINTS,
)
from bandit_svc.domain.json_shape import check_length, escape_pointer
from bandit_svc.errors import InvalidInput
from bandit_svc.services.serving.decide import DecisionRequest

_set = msgspec.structs.force_setattr


def check_visitor(telling: DecisionRequest) -> None:
    """Refuse fields beyond their limits; write the names of hints in lower case.

    Raises:
        InvalidInput: with the pointer to the first one.
    """
    agent, hints = telling.user_agent, telling.client_hints
    if agent is not None and len(agent) > MAX_AGENT_LENGTH:
        raise InvalidInput.at(
            "/user_agent",
            f"user_agent has {len(agent)} characters; at most {MAX_AGENT_LENGTH} are "
            "allowed",
        )
    if hints is None:
        return
    if len(hints) > MAX_HINTS:
        raise InvalidInput.at(
            "/client_hints",
            f"there are {len(hints)} client hints; at most {MAX_HINTS} are allowed",
        )
    for name, text in hints.items():
        pointer = f"/client_hints/{escape_pointer(name[:64])}"
        check_length(pointer, name)
        if len(text) > MAX_HINT_LENGTH:
            raise InvalidInput.at(
                pointer,
                f"the hint has {len(text)} characters; at most {MAX_HINT_LENGTH} are "
                "allowed",
            )
    # The request was just parsed, and is nobody else's.
    _set(telling, "client_hints", {name.lower(): text for name, text in hints.items()})
