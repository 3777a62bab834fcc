"""What the event log carries: records of a kind, and the parts that they share.

Owns the numbers of the kinds; docs/log-format.md describes each. Pure.
"""

import hashlib
from typing import Final, NamedTuple

import msgspec

LINE: Final = 0
"""A line of format 1 (JSON); never a frame of format 2."""
DECISION: Final = 16
REWARD: Final = 17
ACTIVATION: Final = 18
UNIT: Final = 19
"""A fact about a unit: domain/people/unit_fact.py."""
CREDITED_REWARD: Final = 20
"""Reserved for rewards by unit, once they are credited to a decision."""
OUTBOX_CURSOR: Final = 21
"""Reserved for the stretch (`from`, `to`) that an outbox has delivered."""
WATERMARK: Final = 22
"""Reserved for the time up to which a partition is complete."""

REFUSAL: Final = 23
REPEAT: Final = 24
CORRECTION: Final = 25
WITHDRAWAL: Final = 26

FIRST_RECORD_KIND: Final = 16
LAST_RECORD_KIND: Final = 47

PART_KEY_BYTES: Final = 8


class Part(NamedTuple):
    """Fields that many records have in common, written once and named by content."""

    key: bytes
    body: bytes


class Record(msgspec.Struct, frozen=True, gc=False):
    """One fact as bytes, and the parts without which it can't be read."""

    kind: int
    payload: bytes
    parts: tuple[Part, ...] = ()
    """What the writer must have written before; empty in a record that was read."""


def part_of(body: bytes) -> Part:
    """Return a part under the key of its content, 8 bytes of BLAKE2b (RFC 7693)."""
    return Part(hashlib.blake2b(body, digest_size=PART_KEY_BYTES).digest(), body)
