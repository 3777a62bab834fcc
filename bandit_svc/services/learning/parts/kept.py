"""The kept sums of the parts of an experiment's decisions, and what each part is.

Owns the kept form and the kinds of parts. A decision is in one part for each segment of
its context, in that of its variant if it is the treatment's, in that of its group if
the other group had no chance, and in one of its own if a variant of the baseline was
not eligible. Decisions that can be compared weigh in segments as in the
uplift's headline; all other rows weigh 1.

Keys and values of segments are domain.segment's, MOST_VARIANTS variants are summed up,
the first that come, and a unit is in at most ope.parts' MOST_PARTS parts.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

from bandit_svc.domain.limits import MAX_VARIANTS
from bandit_svc.ope.parts.sums import PartSums

MOST_VARIANTS = MAX_VARIANTS
PartKind = Literal["segment", "uncompared", "variant", "group", "restricted"]
SEGMENT: PartKind = "segment"
UNCOMPARED: PartKind = "uncompared"
"""Decisions of a segment at which one of the groups had no chance."""
VARIANT: PartKind = "variant"
GROUP: PartKind = "group"
RESTRICTED: PartKind = "restricted"
"""Those in which a variant of the baseline was not eligible; one for both groups."""


class Part(NamedTuple):
    """One part; `key` is empty for all but segments."""

    kind: PartKind
    key: str
    value: str


class KeptParts(msgspec.Struct, frozen=True, array_like=True, dict=True):
    """The sums of the parts as bytes hold them.

    Attributes:
        parts: in the order of their sums; None for one of a key with too many values.
        keys: of segments that are open, with the number of decisions that had the key,
            and of those that were folded.
        wide: keys of segments that have too many values.
        seen: decisions so far.
        left_out: decisions that a segment lacks because its unit has been in too many
            parts, counted once a segment.
        sums: of PartSums.
    """

    parts: tuple[Part | None, ...] = ()
    keys: dict[str, tuple[int, int]] = {}
    wide: tuple[str, ...] = ()
    seen: int = 0
    left_out: int = 0
    sums: bytes = b""

    @classmethod
    def from_bytes(cls, stored: bytes) -> "KeptParts":
        """Return what `to_bytes` wrote; nothing for no bytes."""
        return msgspec.msgpack.decode(stored, type=cls) if stored else cls()

    def to_bytes(self) -> bytes:
        """Return the parts as bytes."""
        return msgspec.msgpack.encode(self)

    @cached_property
    def part_sums(self) -> PartSums:
        """The sums of all parts."""
        return PartSums.from_bytes(self.sums) if self.sums else PartSums.empty()

    def place(self, part: Part) -> int | None:
        """Return the place of a part among the sums; None if it has none."""
        return self._places.get(part)

    def of_kind(self, kind: PartKind) -> list[tuple[int, Part]]:
        """Return the parts of a kind with their places, in the order they came."""
        every = enumerate(self.parts)
        return [(place, part) for place, part in every if part and part.kind == kind]

    @cached_property
    def _places(self) -> dict[Part, int]:
        return {part: place for place, part in enumerate(self.parts) if part}


def together(state: bytes, parts: bytes) -> bytes:
    """Return all that is kept of a unit: its state in the uplift and its parts."""
    return state + parts + len(parts).to_bytes(2, "little")


def apart(kept: bytes | None) -> tuple[bytes | None, bytes]:
    """Return the state of a unit (None if there is none) and its parts."""
    if not kept:
        return None, b""
    end = len(kept) - 2
    begin = end - int.from_bytes(kept[end:], "little")
    return kept[:begin] or None, kept[begin:end]


def values_by_key(parts: Sequence[Part | None]) -> dict[str, set[str]]:
    """Return the values of each key of segments."""
    values: dict[str, set[str]] = {}
    for part in parts:
        if part and part.key:
            values.setdefault(part.key, set()).add(part.value)
    return values
