"""What a request asks of a page.

Owns how many places there are, which of them the request has set, and which variants
are doubles of each other; and what is refused of that. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import MAX_SLOTS
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.json_shape import escape_pointer
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.slots.page import NAMESPACE
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import InvalidInput, NothingEligible

NO_PINS: Mapping[str, str] = {}
_FEATURES, _PAYLOAD = "features.", "payload."


class Asking(Protocol):
    """What a request says of a page."""

    @property
    def slots(self) -> int | None:
        """Number of its places."""

    @property
    def pinned(self) -> Mapping[str, str]:
        """Variants by the numbers of their slots."""

    @property
    def distinct_by(self) -> str | None:
        """Path of the feature that no two variants may share."""


class PageAsked(msgspec.Struct, frozen=True):
    """The places that a request asks for.

    Attributes:
        pinned: keys of variants by the numbers of their slots.
        distinct_by: the path of a variant's feature, or empty.
    """

    count: int
    pinned: Mapping[int, str] = {}
    distinct_by: str = ""

    def made(self, decision: Decision) -> bool:
        """Return whether a decision is for these places."""
        page = decision.slots
        return page is not None and (
            (page.count, page.distinct_by) == (self.count, self.distinct_by)
            and page.pins(decision.variant) == self.pinned
        )


def page_asked(definition: Definition, asking: Asking) -> PageAsked | None:
    """Return what is asked of a page; None where one place alone is asked for.

    Raises:
        InvalidInput: the number of slots is out of its range, a pin names no slot, the
            path is none, or the experiment closes decisions at their first reward.
    """
    count = definition.slots if asking.slots is None else asking.slots
    pinned, distinct_by = asking.pinned, asking.distinct_by
    if count is None:
        if pinned or distinct_by:
            name = "pinned" if pinned else "distinct_by"
            raise InvalidInput.at(
                f"/{name}",
                f"{name} is of a page; say how many places it has with `slots`, such "
                'as "slots": 5',
            )
        return None
    if not 1 <= count <= MAX_SLOTS:
        raise InvalidInput.at(
            "/slots", f"slots is {count}; it must be between 1 and {MAX_SLOTS}"
        )
    if definition.reward.closes_at_first_reward:
        raise InvalidInput.at(
            "/slots",
            "this experiment learns on the first reward, which would end the page for "
            "its other slots; set reward.learn_on to 'maturity', or ask without slots",
        )
    if distinct_by and not distinct_by.startswith((_FEATURES, _PAYLOAD)):
        raise InvalidInput.at(
            "/distinct_by",
            "distinct_by is the path of a feature or of a key of the payload, such as "
            "features.title or payload.title",
        )
    return PageAsked(count, _pins(pinned, count), distinct_by or "")


def alike(asked: PageAsked | None, decision: Decision, *, deferred: bool) -> bool:
    """Return whether a decision is for the places that are asked for, as deferred."""
    if decision.deferred != deferred:
        return False
    return decision.slots is None if asked is None else asked.made(decision)


def check_free_namespace(context: Context) -> None:
    """Refuse a context that has the namespace of slots already.

    Raises:
        InvalidInput: it has.
    """
    if NAMESPACE in context:
        raise InvalidInput.at(
            f"/context/{NAMESPACE}",
            f"{NAMESPACE!r} is where the number of a slot and what stands above it are "
            "put; send your own under another name",
        )


def pinned_places(
    definition: Definition, asked: PageAsked, variants: Sequence[Variant]
) -> dict[int, int]:
    """Return the places of pinned variants among the eligible ones, by slot.

    Raises:
        InvalidInput: a pin names no variant, or a variant is pinned twice.
        NothingEligible: a pinned variant is not eligible now.
    """
    if not asked.pinned:
        return {}
    places = {variant.key: at for at, variant in enumerate(variants)}
    found: dict[int, int] = {}
    for slot, key in asked.pinned.items():
        pointer = f"/pinned/{slot}"
        if key not in places:
            if all(key != variant.key for variant in definition.variants):
                raise InvalidInput.at(
                    pointer,
                    f"{key[:128]!r} is not a variant of this experiment; pin one of "
                    + ", ".join(v.key for v in definition.active_variants[:20]),
                )
            raise NothingEligible(
                f"variant {key!r} is pinned to slot {slot}, and it is not eligible "
                "now; leave out the pin, or show your own default"
            )
        if places[key] in found.values():
            raise InvalidInput.at(
                pointer, f"variant {key!r} is pinned to two slots; pin it to one"
            )
        found[slot] = places[key]
    return found


def doubles(asked: PageAsked, variants: Sequence[Variant]) -> list[int]:
    """Return a number for each variant, the same one for those that are doubles."""
    if not asked.distinct_by:
        return list(range(len(variants)))
    of, _, name = asked.distinct_by.partition(".")
    seen: dict[tuple[str, str], int] = {}
    numbers = []
    for at, variant in enumerate(variants):
        inside = variant.features if of == "features" else variant.payload
        value = inside.get(name) if isinstance(inside, Mapping) else None
        if value is None:
            # A variant without it is nobody's double.
            numbers.append(at)
        else:
            # 1, 1.0 and true are equal in Python.
            kind = type(value).__name__
            numbers.append(seen.setdefault((kind, f"{value}"), at))
    return numbers


def _pins(pinned: Mapping[str, str], count: int) -> Mapping[int, str]:
    found: dict[int, str] = {}
    for slot, key in pinned.items():
        if not (slot.isascii() and slot.isdecimal() and 1 <= int(slot) <= count):
            raise InvalidInput.at(
                f"/pinned/{escape_pointer(slot[:64])}",
                f"the page has slots 1 to {count}; pin a variant to one of them, such "
                'as {"1": "summer-dress"}',
            )
        found[int(slot)] = key
    return dict(sorted(found.items()))
