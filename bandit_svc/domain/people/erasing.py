"""What is left of the facts of a unit that is erased.

Owns the blanked forms of a decision and of its record: the unit, its other ids, the
caller's names of the request and some values of the context are gone; variant, pmf,
propensity and everything else are as they were. Pure.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from bandit_svc.domain.events.decision import Decision, LoggedDecision
from bandit_svc.domain.events.decision_decoder import own_fields
from bandit_svc.domain.events.decision_encoder import HAS_FIELDS
from bandit_svc.domain.events.decision_fields import Field
from bandit_svc.domain.events.decision_id import RAW_ID_BYTES
from bandit_svc.domain.events.packing import field, varint
from bandit_svc.domain.events.record import PART_KEY_BYTES
from bandit_svc.domain.people.unit_fact import UnitChange, encode_unit_fact
from bandit_svc.domain.plain_values import Context

PREFIX: Final = "e_"
TOKEN_BYTES: Final = 12
ERASED_FACT: Final = UnitChange("", "", 0)
"""In place of a fact about a unit that was erased; it changes no state."""

Leaf = tuple[str, str, bytes]
"""A value of a context: namespace or "", key, JSON."""
IsHeld = Callable[[Leaf], bool]

_FLAGS_AT: Final = RAW_ID_BYTES + PART_KEY_BYTES
_NAMES: Final = frozenset({Field.REQUEST_ID, Field.TRACE_ID, Field.ASKED_UNIT})
_encode = msgspec.json.Encoder().encode


def token_of(entropy: bytes) -> str:
    """Return the name of a unit that nobody knows any more."""
    return PREFIX + entropy.hex()


def leaves(context: Mapping[str, object]) -> Iterator[Leaf]:
    """Yield the values of a context."""
    for key, value in context.items():
        if isinstance(value, dict):
            for inner, one in value.items():
                yield key, inner, _encode(one)
        else:
            yield "", key, _encode(value)


def kept_context(context: Mapping[str, object], is_held: IsHeld) -> Context:
    """Return a context without the values that are not held by other units too."""
    kept: dict[str, object] = {}
    for key, value in context.items():
        if isinstance(value, dict):
            inner = {
                name: one
                for name, one in value.items()
                if is_held((key, name, _encode(one)))
            }
            if inner:
                kept[key] = inner
        elif is_held(("", key, _encode(value))):
            kept[key] = value
    return kept


def blanked(decision: Decision, token: str, is_held: IsHeld) -> Decision:
    """Return a decision of which nobody can tell whose it was."""
    return msgspec.structs.replace(
        decision,
        context=dict(kept_context(decision.context, is_held)),
        unit_id=token,
        request_id=None,
        trace_id=None,
        asked_unit_id=None,
    )


def blanked_record(
    payload: bytes, decision: LoggedDecision, token: str, context: Context
) -> bytes:
    """Return a decision's record of the same length, blanked.

    Args:
        payload: of the record.
        decision: that it holds, with its context as JSON.
        token: in place of the unit.
        context: what is left of it.
    """
    unit = (decision.unit_id or "").encode()
    begin = len(payload) - len(varint(len(unit))) - len(unit)
    text = bytes(decision.context)
    context_at = begin - len(text)
    if payload[context_at:begin] != text:
        raise ValueError("the context is not where a record has it")
    kept = _encode(context)
    if len(kept) > len(text):
        # A number that was logged in a shorter form.
        kept = b"{}"
    return b"".join(
        (
            _without_names(payload[:context_at], payload),
            # JSON may end with spaces.
            kept.ljust(len(text)),
            varint(len(unit)),
            _filler(token, len(unit)),
        )
    )


def erased_fact_record(length: int) -> bytes:
    """Return the payload of an erased fact about a unit, with spaces to a length."""
    return encode_unit_fact(ERASED_FACT).payload.ljust(length)


def _without_names(head: bytes, payload: bytes) -> bytes:
    """Return what stands before the context, with the callers' names overwritten."""
    if not payload[_FLAGS_AT] & HAS_FIELDS:
        return head
    fields = own_fields(payload)
    before = b"".join(field(number, value) for number, value in fields.items())
    after = b"".join(
        field(number, b"e" * len(value) if number in _NAMES else value)
        for number, value in fields.items()
    )
    at = head.index(before, _FLAGS_AT)
    return head[:at] + after + head[at + len(before) :]


def _filler(token: str, length: int) -> bytes:
    return token.encode()[:length].ljust(length, b"0")
