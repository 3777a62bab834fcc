"""The places of a page as decisions of their own.

Owns what of a decision for several places belongs to each of them. A place has the
page's context and its own features, the variants that were left for it, and the chance
of its variant given what stands above. So policies learn from it, receipts explain it
and exports hold it as any other decision. Pure.
"""

from collections.abc import Sequence
from math import prod

from msgspec.structs import replace

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import slot_id
from bandit_svc.domain.slots.page import NAMESPACE, Page, Slot
from bandit_svc.domain.variant import Variant


def slot_decisions(decision: Decision) -> tuple[Decision, ...]:
    """Return the slots of a page in order; a decision for one place is itself."""
    page = decision.slots
    if page is None:
        return (decision,)
    first = replace(
        decision,
        id=slot_id(decision.id, 1),
        context={**decision.context, NAMESPACE: page.features},
        inline_variants=_inline(decision, decision.variants),
        slots=None,
    )
    return (
        first,
        *[_below(first, decision, page, at, one) for at, one in _numbered(page)],
    )


def slot_decision(decision: Decision, number: int) -> Decision | None:
    """Return one slot of a page, from 1 on; None if there is no such slot."""
    found = slot_decisions(decision)
    if decision.slots is None or not 1 <= number <= len(found):
        return None
    return found[number - 1]


def shown_variants(decision: Decision) -> tuple[str, ...]:
    """Return what a decision shows, in the order of its places."""
    page = decision.slots
    return (decision.variant,) if page is None else page.shown(decision.variant)


def possible_variants(decision: Decision) -> tuple[str, ...]:
    """Return the variants that could be shown by a decision, at any of its places."""
    page = decision.slots
    return decision.variants if page is None else page.keys


def whole_propensity(decision: Decision) -> float:
    """Return the chance of all that a decision shows: the product over its slots."""
    page = decision.slots
    if page is None:
        return decision.propensity
    return decision.propensity * prod(one.propensity for one in page.further)


def is_forced(decision: Decision) -> bool:
    """Return whether nothing was left to choose, at no place of a decision."""
    page = decision.slots
    return len(decision.variants) == 1 and (
        page is None or all(len(one.places) == 1 for one in page.further)
    )


def treatment_chance(decision: Decision) -> float | None:
    """Return the chance of what is shown under the treatment; None if not logged."""
    further = _further(decision)
    return _chance(decision, decision.treatment_pmf, [d.treatment_pmf for d in further])


def baseline_chance(decision: Decision) -> float | None:
    """Return the same under the baseline."""
    further = _further(decision)
    return _chance(decision, decision.baseline_pmf, [d.baseline_pmf for d in further])


def _chance(
    decision: Decision,
    pmf: tuple[float, ...] | None,
    below: Sequence[tuple[float, ...] | None],
) -> float | None:
    """Return the product of a group's chances over the places of a decision.

    Args:
        decision: for one place or several.
        pmf: the group's, of the first place.
        below: the same of the further places; an empty one is the served pmf.
    """
    if pmf is None:
        return None
    chance = pmf[decision.chosen]
    for one, of_place in zip(_further(decision), below, strict=True):
        if of_place is None:
            return None
        chance *= (of_place or one.pmf)[one.chosen]
    return chance


def _further(decision: Decision) -> Sequence[Slot]:
    return () if decision.slots is None else decision.slots.further


def _numbered(page: Page) -> list[tuple[int, Slot]]:
    return list(enumerate(page.further, 2))


def _below(
    first: Decision, whole: Decision, page: Page, number: int, slot: Slot
) -> Decision:
    keys = tuple([page.keys[at] for at in slot.places])
    treatment, baseline = slot.treatment_pmf, slot.baseline_pmf
    return replace(
        first,
        id=slot_id(whole.id, number),
        context={**whole.context, NAMESPACE: slot.features},
        variants=keys,
        pmf=slot.pmf,
        chosen=slot.chosen,
        propensity=slot.propensity,
        source=slot.source,
        inline_variants=_inline(whole, keys),
        treatment_pmf=slot.pmf if treatment == () else treatment,
        baseline_pmf=slot.pmf if baseline == () else baseline,
    )


def _inline(decision: Decision, keys: tuple[str, ...]) -> tuple[Variant, ...] | None:
    inline = decision.inline_variants
    if inline is None:
        return None
    known = {variant.key: variant for variant in inline}
    return tuple([known[key] for key in keys])
