"""Ids of units in requests become the names under which units are kept.

Owns the one place where a request names a unit: behind it nothing knows the id that was
sent, and an answer repeats it to its sender alone.
"""

import msgspec

from bandit_svc.errors import InvalidInput
from bandit_svc.http.incoming.caller import Caller
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.people.pseudonyms import PREFIX
from bandit_svc.services.serving.decide import DecisionRequest

_REPLACED = "\N{REPLACEMENT CHARACTER}"
_set = msgspec.structs.force_setattr


def kept_name(
    request_context: RequestContext,
    caller: Caller,
    unit_id: str,
    pointer: str = "/unit_id",
) -> str:
    """Return the name under which a unit is kept.

    Whoever may do everything may name a pseudonym too, as it stands in an answer.

    Raises:
        InvalidInput: the id is empty or too long.
    """
    pseudonyms = request_context.worker.pseudonyms
    if not unit_id.startswith(PREFIX):
        return pseudonyms.of(unit_id, pointer=pointer)
    trusted = caller.key is None or caller.key.scope == "secret"
    return pseudonyms.of(unit_id, trusted=trusted, pointer=pointer)


def kept_name_in_path(
    request_context: RequestContext, caller: Caller, unit_id: str
) -> str:
    """Return the name of the unit that the path of a request names.

    Raises:
        InvalidInput: as of `kept_name`; or the path was not UTF-8, of which Flask makes
            one and the same sign, so that many units would become one.
    """
    if _REPLACED in unit_id:
        raise InvalidInput.at(
            "/unit_id",
            "the unit in the path is not UTF-8, or has the sign U+FFFD; percent-encode "
            "the UTF-8 of its id, or send its pseudonym",
        )
    return kept_name(request_context, caller, unit_id)


def kept_links(
    request_context: RequestContext, caller: Caller, links: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the names under which other ids of a unit are kept.

    Raises:
        InvalidInput: one is empty or too long; the pointer names it.
    """
    return tuple(
        kept_name(request_context, caller, link, f"/links/{index}")
        for index, link in enumerate(links)
    )


def with_kept_names(
    request_context: RequestContext, caller: Caller, request: DecisionRequest
) -> None:
    """Put the kept names into a request that was just parsed, and is nobody else's.

    Raises:
        InvalidInput: an id is empty or too long; the pointer names it.
    """
    unit_id = request.unit_id
    if unit_id is not None:
        if unit_id.startswith(PREFIX):
            name = kept_name(request_context, caller, unit_id)
        else:
            # A call less, for each decision.
            name = request_context.worker.pseudonyms.of(unit_id)
        # A copy would cost more than the hash.
        _set(request, "unit_id", name)
    if request.links:
        links = kept_links(request_context, caller, request.links)
        _set(request, "links", links)
