"""One published state of a learning policy.

Owns the record of a model version, the spans of joined decisions that it has learned
from, and which versions of the past are kept: many of the last minute, few of long ago,
so that one from shortly before any moment is near. Pure.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

Span = tuple[int, int]
"""Positions first < p <= last of the joined order, as (first, last).

Those of imported decisions are below 0: they have an order of their own, and no sum or
report reads it.
"""
BEFORE_IMPORTS = -(2**40)
"""Imported decisions have the positions after this one, in the order of their files."""


_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_STEPS = ((_MINUTE_MS, 1), (_HOUR_MS, _MINUTE_MS), (_DAY_MS, _HOUR_MS))
"""Up to which age, one version in how many milliseconds; beyond, one a day."""
_ALL = 1
"""So many milliseconds that no two versions fall together."""
_SHORTEST_MS = 500
"""Versions come hardly closer than that."""
_COARSEST_MS = 64 * _DAY_MS


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
        return cursor_of(self.spans)


class ModelVersion(msgspec.Struct, frozen=True):
    """A model version with its bytes."""

    meta: ModelVersionMeta
    state: bytes


def cursor_of(spans: tuple[Span, ...]) -> int:
    """Return the last joined position of some spans; imported ones don't count."""
    return next((last for _, last in reversed(spans) if last >= 0), 0)


def imported_of(spans: tuple[Span, ...]) -> int:
    """Return the last position of imported decisions, BEFORE_IMPORTS for none."""
    return next((last for _, last in reversed(spans) if last < 0), BEFORE_IMPORTS)


def is_whole(spans: tuple[Span, ...]) -> bool:
    """Return whether no import is learned in part: joined decisions come behind it."""
    return not spans or spans[-1][1] >= 0


def onward(spans: tuple[Span, ...], imported: int, joined: int) -> tuple[Span, ...]:
    """Return what a model of some spans goes on to.

    What was imported since comes first, at the place that the model has reached, and
    then what was joined since.

    Args:
        spans: of the model.
        imported: the last position of imported decisions.
        joined: the last joined position.
    """
    cursor = cursor_of(spans)
    if not is_whole(spans):
        *done, (first, _) = spans
        return (*done, (first, imported), (cursor, joined))
    known = imported_of(spans)
    if imported > known:
        return (*spans, (known, imported), (cursor, joined))
    return advance(spans, joined) if joined > cursor else spans


def leaving_out(spans: tuple[Span, ...], newer: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return spans that go on behind newer ones, without what those have learned."""
    imported, cursor = imported_of(newer), cursor_of(newer)
    if imported > imported_of(spans):
        return (*spans, (imported, imported), (cursor, cursor))
    return (*spans, (cursor, cursor)) if cursor > cursor_of(spans) else spans


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


class VersionAge(NamedTuple):
    """A kept version and when it was made."""

    version: int
    created_at_ms: int


def outdated_versions(kept: Sequence[VersionAge], now_ms: int, most: int) -> set[int]:
    """Return the versions to drop.

    All of the last minute stay, the first in each minute of the last hour, in each hour
    of the last day, and in each day. Where those are more than `most`, stretches are
    twice as long, until they are few enough. The newest always stays.

    Args:
        kept: in any order.
        now_ms: the time.
        most: versions that may stay; at least 1.
    """
    least_ms = _ALL
    while True:
        staying = _staying(kept, now_ms, least_ms)
        if len(staying) <= most or least_ms > _COARSEST_MS:
            break
        least_ms = max(2 * least_ms, _SHORTEST_MS)
    newest_first = sorted(staying, reverse=True)
    return {one.version for one in kept} - set(newest_first[:most])


def _staying(kept: Iterable[VersionAge], now_ms: int, least_ms: int) -> set[int]:
    """Return the versions that stay where no stretch is shorter than `least_ms`."""
    firsts: dict[tuple[int, int], VersionAge] = {}
    newest = 0
    for one in sorted(kept):
        newest = one.version
        width_ms = max(_width_ms(now_ms - one.created_at_ms), least_ms)
        firsts.setdefault((width_ms, one.created_at_ms // width_ms), one)
    return {one.version for one in firsts.values()} | {newest}


def _width_ms(age_ms: int) -> int:
    for until_ms, width_ms in _STEPS:
        if age_ms <= until_ms:
            return width_ms
    return _DAY_MS
