"""Decisions in the short form that a store keeps beside columns.

Owns what of a record of format 2 is left out: the id, which a column holds; the key of
the shared part and the keys of the context, which numbers of parts in the store stand
for. docs/log-format.md describes the form. Pure.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from bandit_svc.domain.events.decision import Decision, LoggedDecision
from bandit_svc.domain.events.decision_decoder import (
    WHOLE,
    DecisionDecoder,
    Made,
    own_fields,
)
from bandit_svc.domain.events.decision_encoder import HAS_FIELDS
from bandit_svc.domain.events.decision_fields import Field
from bandit_svc.domain.events.decision_id import RAW_ID_BYTES
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.packing import Malformed, read_varint, varint
from bandit_svc.domain.events.record import PART_KEY_BYTES, Part, part_of
from bandit_svc.domain.plain_values import Context

_HEAD_BYTES: Final = RAW_ID_BYTES + PART_KEY_BYTES
WHOLE_CONTEXT: Final = 0
"""In place of a shape: the context is a JSON object with its keys."""

_CONTINUES: Final = 0x80
"""From this on a variable-length integer takes more than one byte."""

_decode_values = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[Any]).decode
_decode_keys = msgspec.json.Decoder(tuple[str, ...]).decode
_encode_keys = msgspec.json.Encoder().encode


class Numbers(Protocol):
    """The numbers of parts in a store."""

    def head(self, part: bytes, shape: tuple[str, ...]) -> bytes:
        """Return the begin of a short form, as `encode_head` makes it.

        Args:
            part: the key of the shared part that the record names.
            shape: the keys of its context.
        """


class Parts(Protocol):
    """The parts of a store."""

    def key(self, number: int) -> bytes:
        """Return the key of a part, which is made of its content.

        Raises:
            Malformed: it is missing or damaged.
        """

    def get(self, key: bytes) -> bytes | None:
        """Return the body of a part, None if it is missing or damaged."""


def shape_of(keys: tuple[str, ...]) -> Part:
    """Return the part that holds a list of context keys."""
    return part_of(_encode_keys(keys))


def encode_head(part: int, shape: int) -> bytes:
    """Return the two numbers with which a short form begins."""
    return varint(part) + varint(shape)


def shorten(payload: bytes, decision: LoggedDecision, numbers: Numbers) -> bytes:
    """Return the short form of a record that holds this decision."""
    text = bytes(decision.context)
    fields = _decode_values(text)
    head = numbers.head(payload[RAW_ID_BYTES:_HEAD_BYTES], tuple(fields))
    if head[-1] == WHOLE_CONTEXT:
        return head + payload[_HEAD_BYTES:]
    # In the very text that was logged, so that no number is written anew.
    values = b",".join(fields.values())
    end = len(payload) - _unit_bytes(decision.unit_id)
    begin = end - len(text) - len(varint(len(text)))
    return b"".join(
        (
            head,
            payload[_HEAD_BYTES:begin],
            varint(len(values) + 2),
            b"[",
            values,
            b"]",
            payload[end:],
        )
    )


def part_key(payload: bytes) -> bytes:
    """Return the key of the shared part that every record names."""
    return payload[RAW_ID_BYTES:_HEAD_BYTES]


def names_further_parts(payload: bytes) -> bool:
    """Return whether a record may name other parts too."""
    return bool(payload[_HEAD_BYTES] & HAS_FIELDS)


def further_part_keys(payload: bytes) -> list[bytes]:
    """Return the keys of the other parts without which a record can't be read."""
    keys = own_fields(payload).get(Field.PARTS, b"")
    return [keys[i : i + PART_KEY_BYTES] for i in range(0, len(keys), PART_KEY_BYTES)]


class ShortDecoder:
    """Reads short forms; remembers the shapes that it has seen."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._decisions = DecisionDecoder()
        self._shapes: dict[int, Made] = {WHOLE_CONTEXT: WHOLE}

    def decode(self, raw_id: bytes, short: bytes) -> Decision:
        """Return the decision of an id.

        Raises:
            UnreadableEvent: it is damaged, or a part of it is missing.
        """
        try:
            number, shape, at = short[0], short[1], 2
            if number >= _CONTINUES or shape >= _CONTINUES:
                number, at = read_varint(short, 0)
                shape, at = read_varint(short, at)
            made = self._shapes.get(shape) or self._shape(shape)
            payload = raw_id + self._parts.key(number) + short[at:]
            return self._decisions.decode(payload, self._parts, made)
        except (Malformed, ValueError, IndexError) as error:
            raise UnreadableEvent(str(error)) from error

    def _shape(self, number: int) -> Made:
        body = self._parts.get(self._parts.key(number))
        if body is None:
            raise Malformed(f"the list {number} of context keys is missing")
        made = (Decision, _reader(_decode_keys(body)))
        self._shapes[number] = made
        return made


def _reader(keys: tuple[str, ...]) -> Callable[[bytes], Context]:
    def read(values: bytes) -> Context:
        return dict(zip(keys, _decode_list(values), strict=True))

    return read


def _unit_bytes(unit_id: str | None) -> int:
    """Return how many bytes the unit takes at the end of a record."""
    if unit_id is None:
        return 0
    length = len(unit_id if unit_id.isascii() else unit_id.encode())
    return len(varint(length)) + length
