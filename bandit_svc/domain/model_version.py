"""One published state of a learning policy.

Owns the record of a model version and the spans of joined decisions that it has
learned from. Pure.
"""

from typing import Any

import msgspec

Span = tuple[int, int]
"""Positions first < p <= last of the joined order, as (first, last)."""


class ModelVersionMeta(msgspec.Struct, frozen=True):
    """A model version without its bytes.

    Attributes:
        spans: what it learned from, in order; a restored model skips what the
            discarded one had learned.
        learned: how many joined decisions went into it.
        sha256: of the state, in hex.
    """

    number: int
    version: int
    policy: dict[str, Any]
    spans: tuple[Span, ...]
    learned: int
    sha256: str
    created_at_ms: int
    restored_from: int | None = None

    @property
    def cursor(self) -> int:
        """The last joined position that this model has seen."""
        return self.spans[-1][1] if self.spans else 0


class ModelVersion(msgspec.Struct, frozen=True):
    """A model version with its bytes."""

    meta: ModelVersionMeta
    state: bytes


def advance(spans: tuple[Span, ...], position: int) -> tuple[Span, ...]:
    """Extend the last span to a later position."""
    if not spans:
        return ((0, position),)
    return (*spans[:-1], (spans[-1][0], position))


def is_beginning(spans: tuple[Span, ...], whole: tuple[Span, ...]) -> bool:
    """Return whether a model of some spans can go on to those of another one."""
    if not spans:
        return True
    *done, (first, last) = spans
    if tuple(done) != whole[: len(done)] or len(whole) <= len(done):
        return False
    begins, ends = whole[len(done)]
    return first == begins and last <= ends
