"""Requests that were not fulfilled: rewards refused by a rule, decisions not answered.

Owns the facts that are appended before such an answer, so that they survive what the
worker may not. Nothing of a refused reward is kept but the field at fault.
"""

from typing import Final, Literal, get_args

import msgspec

RefusedField = Literal[
    "value", "metric", "reward_id", "occurred_at", "decision_id", "other"
]
"""The field at fault; `decision_id` is an id that has expired."""

REFUSED_FIELDS: Final[tuple[RefusedField, ...]] = get_args(RefusedField)
"""Their order is that of the log's format, to which new ones are added at the end."""


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """A reward of a known experiment was answered 400."""

    decision_id: str
    number: int
    field: RefusedField
    received_at_ms: int


class Withdrawal(msgspec.Struct, frozen=True, tag="withdrawal"):
    """A decision that may be in the log was not answered; nobody saw its variant."""

    decision_id: str
    number: int
    withdrawn_at_ms: int


def refused_field(pointer: str) -> RefusedField:
    """Return the field that an error's JSON pointer names."""
    name = pointer.removeprefix("/")
    for known in REFUSED_FIELDS:
        if known == name:
            return known
    return "other"
