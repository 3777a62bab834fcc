"""In which group of a programme a decision's unit was.

Owns the fact that a decision logs, and its bytes. Pure.
"""

from typing import Literal

import msgspec

ProgrammeGroup = Literal["experiment", "holdout", "business_as_usual", "explore"]


class Membership(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The group of a unit in a programme, as it was at a decision.

    Attributes:
        key: of the programme.
        group: of the unit.
        chance: with which a unit was in this group then.
        baseline_share: the share of the baseline among the units that the uplift of
            the experiment itself compares; 0.0 for a decision that it does not compare.
        instead: the experiment of the same layer that the unit meets in place of this
            one; None where it meets this one.
    """

    key: str
    group: ProgrammeGroup
    chance: float
    baseline_share: float
    instead: str | None = None


encode_membership = msgspec.msgpack.Encoder().encode
decode_membership = msgspec.msgpack.Decoder(Membership).decode
