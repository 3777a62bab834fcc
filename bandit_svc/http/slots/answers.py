"""Pages as their callers get them.

Owns the shapes of the answer to a request for several slots.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from bandit_svc.domain.slots.places import slot_decisions, whole_propensity
from bandit_svc.domain.times import timestamp
from bandit_svc.http.answers import (
    DecisionAnswer,
    ProgrammeMark,
    decision_answer,
    programme_mark,
)
from bandit_svc.services.serving.decide import Decided


class SlotAnswer(msgspec.Struct, gc=False):
    """What stands in one slot.

    Attributes:
        slot: its number, from 1.
        propensity: the chance of the variant, given what stands above it; 1 where it
            is pinned.
        decision_id: to which rewards of this slot are reported.
        pinned: the request has set it; left out where not.
    """

    slot: int
    variant: str
    payload: Any
    propensity: float
    decision_id: str
    pinned: bool | msgspec.UnsetType = msgspec.UNSET


class PageAnswer(msgspec.Struct, gc=False):
    """The answer to POST /v1/decisions with `slots`.

    Attributes:
        decision_id: of the page, to which rewards of all of it are reported.
        slots: in order, from the first.
        propensity: the product over the slots.
        repeat: the unit keeps what was chosen for it before; left out where not.
        ineligible: the variants that their own conditions kept out, each with the
            reason; left out where there is none.
        programme: the group of the unit in the experiment's programme; left out where
            it is in none.
    """

    decision_id: str
    experiment: str
    slots: list[SlotAnswer]
    propensity: float
    group: str
    model_version: int
    expires_at: str
    repeat: bool | msgspec.UnsetType = msgspec.UNSET
    ineligible: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET
    programme: ProgrammeMark | msgspec.UnsetType = msgspec.UNSET


def answer_of(decided: Decided) -> DecisionAnswer | PageAnswer:
    """Return a decision, or a page, as its caller gets it."""
    decision = decided.decision
    if decision.slots is None:
        return decision_answer(decided)
    return PageAnswer(
        decision.id,
        decision.experiment,
        slot_answers(decided),
        whole_propensity(decision),
        decision.group,
        decision.model_version,
        timestamp(decided.expires_at_ms),
        True if decided.given_again else msgspec.UNSET,
        decided.ineligible or msgspec.UNSET,
        programme_mark(decision.programme),
    )


def slot_answers(decided: Decided) -> list[SlotAnswer]:
    """Return what stands in each slot of a page."""
    decision = decided.decision
    page = decision.slots
    pins = () if page is None else page.pins(decision.variant)
    slots = zip(slot_decisions(decision), decided.payload, strict=True)
    return [
        SlotAnswer(
            number,
            slot.variant,
            payload,
            slot.propensity,
            slot.id,
            True if number in pins else msgspec.UNSET,
        )
        for number, (slot, payload) in enumerate(slots, 1)
    ]
