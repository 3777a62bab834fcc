"""That the caller's own system made a choice, and with which chance.

Owns the fact that a decision logs, and its bytes. Pure.
"""

import msgspec

from bandit_svc.domain.events.packing import pack_float, read_float

RULE_CHANCE = 0.9
"""From this chance on a choice is taken for the caller's rule; below it, the other
variants are shown often enough to be learned from by themselves."""


class Shown(msgspec.Struct, frozen=True, gc=False):
    """A choice of the caller's own system.

    Attributes:
        propensity: the chance with which it chose the variant; None where unknown.
    """

    propensity: float | None = None

    @property
    def is_rule(self) -> bool:
        """Return whether the log says next to nothing of the other variants."""
        return self.propensity is None or self.propensity >= RULE_CHANCE


def encode_shown(shown: Shown) -> bytes:
    """Return the bytes of a field; none where the chance is unknown."""
    return b"" if shown.propensity is None else pack_float(shown.propensity)


def decode_shown(value: bytes) -> Shown:
    """Return what `encode_shown` has encoded."""
    return Shown(read_float(value)) if value else Shown()
