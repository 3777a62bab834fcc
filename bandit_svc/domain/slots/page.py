"""What was drawn for the places of a page.

Owns the fact that a decision for several places logs, and its bytes. The first place is
the decision's own draw; the others were drawn one after the other below it, without
those that stand above. Pure.
"""

from typing import Any, Literal

import msgspec

from bandit_svc.domain.events.decision_id import MAX_SLOTS
from bandit_svc.domain.events.packing import Malformed

NAMESPACE = "slot"
"""Where the number of a slot, and what stands above it, are in its context."""

Source = Literal["policy", "baseline", "fallback", "explore"]


class Slot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The draw for one place below the first.

    Attributes:
        places: of the variants that were left for it, among the keys of the page.
        chosen: index into `places`.
        pmf: that was drawn from, conditional on what stands above; floor included.
        features: of its context: its number and what stands above.
        source: whose pmf it is, as of a decision.
        pinned: the request has set it, so that nothing was drawn.
        treatment_pmf, baseline_pmf: what each group would have been drawn from, below
            the same variants; an empty one is the served one; None where there is none.
    """

    places: tuple[int, ...]
    chosen: int
    pmf: tuple[float, ...]
    features: dict[str, Any]
    source: Source = "policy"
    pinned: bool = False
    treatment_pmf: tuple[float, ...] | None = ()
    baseline_pmf: tuple[float, ...] | None = ()

    @property
    def propensity(self) -> float:
        """The chance of what was chosen, given what stands above."""
        return self.pmf[self.chosen]


class Page(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The places of one decision.

    Attributes:
        keys: of the variants that could stand on the page, in order.
        features: of the context of the first slot.
        pinned: the request has set the first slot.
        distinct_by: the feature of which no two variants of the page have one value;
            empty where nothing was asked for.
        further: the slots below the first, in order.
    """

    keys: tuple[str, ...]
    features: dict[str, Any]
    pinned: bool = False
    distinct_by: str = ""
    further: tuple[Slot, ...] = ()

    @property
    def count(self) -> int:
        """The number of slots."""
        return 1 + len(self.further)

    def shown(self, first: str) -> tuple[str, ...]:
        """Return the keys of the page in order; `first` is that of the first slot."""
        keys = self.keys
        return (first, *[keys[one.places[one.chosen]] for one in self.further])

    def pins(self, first: str) -> dict[int, str]:
        """Return what the request has set, by slot; `first` is as of `shown`."""
        pinned = (self.pinned, *(one.pinned for one in self.further))
        shown = self.shown(first)
        return {at: shown[at - 1] for at, is_pin in enumerate(pinned, 1) if is_pin}


encode_page = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Page).decode


def decode_page(data: bytes) -> Page:
    """Return the page of its bytes.

    Raises:
        Malformed: the draws of a slot don't fit together.
        msgspec.DecodeError: it can't be read.
    """
    page = _decode(data)
    count = len(page.keys)
    if page.count > MAX_SLOTS:
        raise Malformed(f"a page of {page.count} slots")
    for slot in page.further:
        left = len(slot.places)
        if not (
            len(slot.pmf) == left
            and slot.chosen < left
            and max(slot.places, default=count) < count
        ):
            raise Malformed(f"variant {slot.chosen} of {left} was chosen for a slot")
    return page
