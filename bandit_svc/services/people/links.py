"""Links that a request brings.

Owns what is refused of them, and the fact that the links of a decision make.
"""

import hashlib
from contextlib import suppress

from bandit_svc.domain.people.unit_fact import UnitChange, check_links
from bandit_svc.domain.people.unit_state import MOST_IDS
from bandit_svc.errors import InvalidInput, Unavailable
from bandit_svc.storage.programmes.reservations import Reservations
from bandit_svc.storage.units import Units

_ID_BYTES = 12


def check_person(units: Units, unit_id: str, links: tuple[str, ...]) -> None:
    """Refuse a link that makes a person of too many ids, as far as they are known.

    Raises:
        InvalidInput: with the pointer to the link.
        Unavailable: the states can't be read.
    """
    ids: set[str] = set()
    for index, id_ in enumerate((unit_id, *links)):
        state = units.state(id_)
        ids |= {id_} if state is None else set(state.ids)
        if len(ids) > MOST_IDS:
            raise InvalidInput.at(
                f"/links/{max(0, index - 1)}",
                f"with this link the person would have {len(ids)} ids; at most "
                f"{MOST_IDS} are allowed. A device or an address that many people "
                "share is no id of one of them",
            )


def links_of_decision(
    units: Units, unit_id: str | None, links: tuple[str, ...], now_ms: int
) -> UnitChange | None:
    """Return the fact that the links of a decision make; None where all are known.

    Of a unit that has denied consent none is kept.

    Raises:
        InvalidInput: a link is none, is one too many, or links nobody.
        Unavailable: the states can't be read.
    """
    if unit_id is None:
        raise InvalidInput.at(
            "/links", "links are other ids of a unit; send its unit_id too"
        )
    check_links(unit_id, links)
    check_person(units, unit_id, links)
    state = units.state(unit_id)
    if state is not None and (
        state.consent == "denied" or set(links) <= set(state.ids)
    ):
        return None
    return UnitChange(name_of_links(links), unit_id, now_ms, links=links)


def tell_strict_caps(
    reservations: Reservations, unit_id: str, links: tuple[str, ...]
) -> None:
    """Make one person of ids for strict caps, which don't wait for the learner.

    Where that can't be written now, they know it when the learner does.
    """
    if links:
        with suppress(Unavailable):
            reservations.link((unit_id, *links))


def name_of_links(links: tuple[str, ...]) -> str:
    """Return the name of the fact that links make: of the same ones the same."""
    digest = hashlib.blake2b("\0".join(links).encode(), digest_size=_ID_BYTES)
    return f"links-{digest.hexdigest()}"
