"""Record who a unit is: traits and other ids, as event pipelines tell them.

Owns what is kept of them where a message brings them along with everything else it
says, so that none of it fails for another. `change_unit` is for callers that name what
they change.
"""

from typing import Literal, NamedTuple

import msgspec

from bandit_svc.domain.json_shape import check_length
from bandit_svc.domain.people.unit_fact import (
    UnitChange,
    check_links,
    check_traits,
    encode_unit_fact,
)
from bandit_svc.domain.plain_values import Context
from bandit_svc.errors import InvalidInput
from bandit_svc.services.people.erased import is_erased
from bandit_svc.services.people.links import (
    check_person,
    name_of_links,
    tell_strict_caps,
)
from bandit_svc.services.people.ports import PeoplePorts

IdentityStatus = Literal["accepted", "duplicate", "dropped"]


class Identity(msgspec.Struct, frozen=True):
    """What a message says of who a unit is.

    Attributes:
        traits: a JSON merge patch (RFC 7396): null takes a trait away.
        links: other ids of the same person.
        occurred_at_ms: when it was said; None for now.
        fact_id: names what is said; empty where that is links alone, which name
            themselves.
    """

    unit_id: str
    traits: Context = {}
    links: tuple[str, ...] = ()
    fact_id: str = ""
    occurred_at_ms: int | None = None


class RecordedIdentity(NamedTuple):
    """What became of it.

    Attributes:
        link_refused: the person would have had too many ids, so that the rest alone is
            kept.
    """

    status: IdentityStatus
    link_refused: bool = False


def identify_unit(ports: PeoplePorts, told: Identity, now_ms: int) -> RecordedIdentity:
    """Append durably who a unit is, if that says anything new.

    Of persons who denied consent, by any of the ids, nothing is kept, and nothing of
    before the erasure of one of the ids.

    Raises:
        InvalidInput: a trait is out of its range; the pointer names it.
        Unavailable: it can't be made durable now; nothing was kept.
    """
    unit_id, links = told.unit_id, told.links
    check_length("/unit_id", unit_id)
    check_traits(told.traits)
    state = ports.units.state(unit_id)
    known = [state, *map(ports.units.state, links)]
    if any(one is not None and one.consent == "denied" for one in known):
        return RecordedIdentity("dropped")
    at_ms = now_ms if told.occurred_at_ms is None else told.occurred_at_ms
    if any(is_erased(ports, one, at_ms, now_ms) for one in (unit_id, *links)):
        return RecordedIdentity("dropped")
    is_refused = bool(links) and _is_too_many(ports, unit_id, links)
    if is_refused:
        links = ()
    ids: set[str] = set() if state is None else set(state.ids)
    if not told.traits and set(links) <= ids:
        return RecordedIdentity("accepted", is_refused)
    fact_id = told.fact_id or name_of_links(links)
    if ports.facts.has(unit_id, fact_id):
        return RecordedIdentity("duplicate", is_refused)
    change = UnitChange(fact_id, unit_id, now_ms, traits=told.traits, links=links)
    ports.log.append(encode_unit_fact(change))
    tell_strict_caps(ports.reservations, unit_id, links)
    return RecordedIdentity("accepted", is_refused)


def _is_too_many(ports: PeoplePorts, unit_id: str, links: tuple[str, ...]) -> bool:
    try:
        check_links(unit_id, links)
        check_person(ports.units, unit_id, links)
    except InvalidInput:
        return True
    return False
