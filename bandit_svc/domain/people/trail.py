"""The events of one name that a unit has had, in bounded room.

Owns what is kept of them and the numbers that features make of it. A trail is exact
up to 32 entries; beyond, two of them that lie near each other for their age become one,
whose events are taken as spread evenly. Pure, and a function of the events in the order
in which they became known.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from bandit_svc.domain.people.feature import Function, UnitFeature

MOST_ENTRIES: Final = 32
MAX_TEXT: Final = 64
_HOUR_MS: Final = 3_600_000
_HALVINGS: Final = 4

Scalar = str | float


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Events that are kept as one.

    Attributes:
        at_ms: when the last of them occurred.
        n: how many they are.
        value: the last one's property: a text, a number, or None of events alone.
        total: the sum of their numbers; 0 of texts.
        span_ms: from the first of them to the last.
    """

    at_ms: int
    n: int = 1
    value: Scalar | None = None
    total: float = 0.0
    span_ms: int = 0

    @property
    def from_ms(self) -> int:
        """When the first of them occurred."""
        return self.at_ms - self.span_ms

    def since(self, from_ms: int) -> "Entry":
        """Return the part since a time; the events are taken as spread evenly."""
        if self.span_ms == 0 or self.from_ms >= from_ms:
            return self
        # The last event is known to be in it.
        share = (self.at_ms - from_ms) / self.span_ms
        n = 1 + round((self.n - 1) * share)
        return Entry(self.at_ms, n, self.value, self.total * n / self.n)


def entry_of(at_ms: int, value: Scalar | None = None) -> Entry:
    """Return the entry of one event; a text is cut to 64 characters."""
    if isinstance(value, str):
        return Entry(at_ms, 1, value[:MAX_TEXT])
    return Entry(at_ms, 1, value, 0.0 if value is None else value)


def added(
    trail: Sequence[Entry], new: Entry, known_from_ms: int, most: int = MOST_ENTRIES
) -> tuple[Entry, ...]:
    """Return a trail with one more entry, in the order of their times.

    Args:
        trail: in the order of their times; of equal times in that of arrival.
        new: what became known.
        known_from_ms: entries from before are dropped.
        most: entries that are kept.
    """
    kept = [entry for entry in trail if entry.at_ms >= known_from_ms]
    if new.at_ms >= known_from_ms:
        at = len(kept)
        while at and kept[at - 1].at_ms > new.at_ms:
            at -= 1
        kept.insert(at, new)
    while len(kept) > most:
        _make_one(kept)
    return tuple(kept)


def _make_one(trail: list[Entry]) -> None:
    """Make one entry of two that may be one; drop the oldest where none may.

    Of all pairs it is the one whose span is the shortest for its age.
    """
    best: tuple[float, int, int] | None = None
    last: dict[str | None, int] = {}
    newest_ms = trail[-1].at_ms
    for index, entry in enumerate(trail):
        # Numbers can be added up; texts only with their like.
        like = entry.value if isinstance(entry.value, str) else None
        if like in last:
            span_ms = entry.at_ms - trail[last[like]].from_ms
            coarseness = span_ms / max(1, newest_ms - entry.at_ms + span_ms)
            if best is None or coarseness < best[0]:
                best = (coarseness, last[like], index)
        last[like] = index
    if best is None:
        del trail[0]
        return
    _, earlier, later = best
    one, other = trail[earlier], trail[later]
    trail[later] = Entry(
        other.at_ms,
        one.n + other.n,
        other.value,
        one.total + other.total,
        other.at_ms - min(one.from_ms, other.from_ms),
    )
    del trail[earlier]


def feature_of(
    feature: UnitFeature,
    trail: Sequence[Entry],
    unless: Sequence[Entry],
    now_ms: int,
) -> Scalar | None:
    """Return a feature at a time; None where no event counts, so that it is absent.

    Args:
        feature: its declaration.
        trail: the events that it reads.
        unless: the events that begin it anew; empty if it has none.
        now_ms: the time of the decision.
    """
    from_ms = now_ms - feature.window_ms
    if unless:
        from_ms = max(from_ms, unless[-1].at_ms + 1)
    counted = [
        e if e.span_ms == 0 else e.since(from_ms) for e in trail if e.at_ms >= from_ms
    ]
    if not counted:
        return None
    return _VALUES[feature.function](counted, now_ms, feature.window_ms)


def _count(entries: Sequence[Entry], _now_ms: int, _window_ms: int) -> int:
    if len(entries) == 1:
        return entries[0].n
    return sum([e.n for e in entries])


def _hours_since(entries: Sequence[Entry], now_ms: int, _window_ms: int) -> float:
    return max(0, now_ms - entries[-1].at_ms) / _HOUR_MS


def _last(entries: Sequence[Entry], _now_ms: int, _window_ms: int) -> Scalar | None:
    return entries[-1].value


def _sum(entries: Sequence[Entry], _now_ms: int, _window_ms: int) -> float | None:
    numbers = _numbers(entries)
    return math.fsum([e.total for e in numbers]) if numbers else None


def _numbers(entries: Sequence[Entry]) -> list[Entry]:
    return [e for e in entries if not isinstance(e.value, str)]


def _top(entries: Sequence[Entry], _now_ms: int, _window_ms: int) -> Scalar | None:
    """Return the most frequent value; of equals the one that came last."""
    if len(entries) == 1:
        return entries[0].value
    counts: dict[Scalar | None, int] = {}
    for entry in entries:
        # Put behind the others, so that the last of equals is the one that came last.
        counts[entry.value] = counts.pop(entry.value, 0) + entry.n
    most = max(counts.values())
    return [value for value, n in counts.items() if n == most][-1]


def _decayed_mean(
    entries: Sequence[Entry], now_ms: int, window_ms: int
) -> float | None:
    """Return the mean in which a number's weight halves each quarter of the window."""
    numbers = _numbers(entries)
    weights = [
        math.exp2(-_HALVINGS * max(0, now_ms - e.at_ms) / window_ms) for e in numbers
    ]
    mass = math.fsum(w * e.n for w, e in zip(weights, numbers, strict=True))
    if not mass:
        return None
    return math.fsum(w * e.total for w, e in zip(weights, numbers, strict=True)) / mass


_VALUES: Final[
    Mapping[Function, Callable[[Sequence[Entry], int, int], Scalar | None]]
] = {
    "count": _count,
    "sum": _sum,
    "last": _last,
    "hours_since": _hours_since,
    "top": _top,
    "decayed_mean": _decayed_mean,
}
"""By entries in the window, of which there is one at least, the time and the window."""
