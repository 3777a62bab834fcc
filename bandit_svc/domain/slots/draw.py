"""What was drawn for the further places of a page.

Owns the fact that a decision logs, and its bytes. Pure.
"""

import msgspec


class SlotDraw(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The draw for one place below the first.

    Attributes:
        chosen: index into the variants of the decision.
        pmf: over these variants; 0.0 for those that stand above.
        pinned: the request has set it, so that nothing was drawn.
        treatment_pmf, baseline_pmf: what each group would have been drawn from, below
            the same variants; None where it is the served one.
    """

    chosen: int
    pmf: tuple[float, ...]
    pinned: bool = False
    treatment_pmf: tuple[float, ...] | None = None
    baseline_pmf: tuple[float, ...] | None = None


encode_draws = msgspec.msgpack.Encoder().encode
decode_draws = msgspec.msgpack.Decoder(tuple[SlotDraw, ...]).decode
