"""Change what is known of a unit: traits, consent, links.

Owns the checks on a change and its append; it is applied by the learner within a tick.
"""

import msgspec

from bandit_svc.domain.json_shape import check_length
from bandit_svc.domain.people.unit_fact import (
    Consent,
    UnitChange,
    check_links,
    check_traits,
    encode_unit_fact,
)
from bandit_svc.domain.plain_values import Context
from bandit_svc.services.people.links import check_person, tell_strict_caps
from bandit_svc.services.people.ports import PeoplePorts


class UnitPatch(msgspec.Struct, frozen=True):
    """What a caller says about a unit; what is left out stays as it is."""

    traits: Context = {}
    consent: Consent | None = None
    links: tuple[str, ...] = ()


def change_unit(
    ports: PeoplePorts, unit_id: str, patch: UnitPatch, now_ms: int, new_id: str
) -> UnitChange:
    """Append a change durably.

    Raises:
        InvalidInput: a trait or a link is out of its range, or the person would have
            over six ids; the pointer names it.
        Unavailable: it can't be made durable now; nothing was kept.
    """
    check_length("/unit_id", unit_id)
    check_traits(patch.traits)
    check_links(unit_id, patch.links)
    if patch.links:
        check_person(ports.units, unit_id, patch.links)
    change = UnitChange(
        fact_id=new_id,
        unit_id=unit_id,
        at_ms=now_ms,
        traits=patch.traits,
        consent=patch.consent,
        links=patch.links,
    )
    ports.log.append(encode_unit_fact(change))
    tell_strict_caps(ports.reservations, unit_id, patch.links)
    return change
