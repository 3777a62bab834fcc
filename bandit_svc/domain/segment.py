"""Which parts of the traffic are told apart in a report.

Owns the rule for context keys: few values, bounded room, nothing that could name a
person. Pure; the store keeps what `SegmentKeys` says from one join to the next.

* At most MAX_KEYS keys at a time, the first that come; a key inside a namespace is
  written `user.segment`.
* At most MAX_VALUES values of a key are kept, the first that come. Every other
  value, and any text over MAX_VALUE_LENGTH characters, is folded into one.
* A key of which more than MAX_FOLDED_SHARE of the decisions had to be folded has
  too many values to be a segment (an id, a timestamp, free text): it is closed for
  good, and its values are forgotten. After MAX_CLOSED of those no new key is taken
  in, so that the store holds few values of an experiment however long it runs.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bandit_svc.domain.plain_values import Context

MAX_KEYS = 20
MAX_VALUES = 20
MAX_VALUE_LENGTH = 64
MAX_KEY_LENGTH = 64
MAX_CLOSED = 20
MAX_FOLDED_SHARE = 0.02
LEAST_SHOWN = 20
"""A value of fewer decisions is folded into the others: it might name somebody."""
JUDGED_FROM = 200
"""A key is judged by its folded share from this many decisions on."""

FOLDED = ""
"""Stands for all values that are not kept; no real value is the empty text."""

_REMEMBERED = frozenset({str, int, float})
"""Types of values that are equal only if they are written alike; a bool is not."""


class KeyCount:
    """The number of decisions that had a key, and of those that were folded."""

    __slots__ = ("folded", "n")

    def __init__(self, n: int = 0, folded: int = 0) -> None:
        self.n = n
        self.folded = folded


_Kept = tuple[dict[object, tuple[str, str]], KeyCount]
"""The places of a key's values that came before, and the key's count."""


class SegmentKeys:
    """The keys of one experiment: those that are open with their values.

    `wide_present` counts the decisions that had a key which is closed.
    """

    def __init__(
        self,
        counts: Mapping[str, KeyCount],
        values: Mapping[str, set[str]],
        closed: set[str],
    ) -> None:
        self.counts = dict(counts)
        self.closed = closed
        self.wide_present: Counter[str] = Counter()
        self._values = {key: set(values.get(key, ())) for key in counts}
        # What became of a value before: most come again and again.
        self._kept: dict[str, _Kept] = {k: ({}, one) for k, one in self.counts.items()}

    def segments(self, context: Context) -> list[tuple[str, str]]:
        """Yield (key, value or FOLDED) for each open key of a context, and count it."""
        found = []
        kept, closed = self._kept, self.closed
        for key, value in _flat(context).items():
            if key in closed:
                if value is not None and value != FOLDED:
                    self.wide_present[key] += 1
                continue
            known = kept.get(key) or self._opened(key)
            if known is None:
                continue
            places, count = known
            place = places.get(value) if type(value) in _REMEMBERED else None
            if place is None:
                text = value if isinstance(value, str) else _text(value)
                if text == FOLDED:
                    continue
                place = self._placed(key, value, text)
            count.n += 1
            found.append(place)
        return found

    def _placed(self, key: str, value: object, text: str) -> tuple[str, str]:
        """Return the place of a value that is not kept."""
        places, count = self._kept[key]
        if text not in self._values[key] and not self._taken_in(key, text):
            count.folded += 1
            return (key, FOLDED)
        # 0 equals -0, and is written in another way.
        if value and type(value) in _REMEMBERED:
            places[value] = (key, text)
        return (key, text)

    def close_wide(self) -> set[str]:
        """Close the keys that have too many values, and give them."""
        wide = {
            key
            for key, count in self.counts.items()
            if count.n >= JUDGED_FROM and count.folded > MAX_FOLDED_SHARE * count.n
        }
        for key in wide:
            del self.counts[key], self._values[key], self._kept[key]
        self.closed |= wide
        return wide

    def _opened(self, key: str) -> _Kept | None:
        if (
            len(self.counts) >= MAX_KEYS
            or len(self.closed) >= MAX_CLOSED
            or len(key) > MAX_KEY_LENGTH
        ):
            return None
        count = self.counts[key] = KeyCount()
        self._values[key] = set()
        known = self._kept[key] = ({}, count)
        return known

    def _taken_in(self, key: str, text: str) -> bool:
        values = self._values[key]
        if len(values) >= MAX_VALUES or len(text) > MAX_VALUE_LENGTH:
            return False
        values.add(text)
        return True


def _flat(context: Context) -> Context:
    """Yield every feature once; of two with the same written name the first."""
    if dict not in map(type, context.values()):
        return context
    flat: dict[str, Any] = {}
    for name, value in context.items():
        if isinstance(value, dict):
            for inner, feature in value.items():
                flat.setdefault(f"{name}.{inner}", feature)
        else:
            flat.setdefault(name, value)
    return flat


def _text(value: float | bool | None) -> str:  # noqa: FBT001 - a feature's value
    """Write a value; what is missing or empty is FOLDED and counts for no segment."""
    if value is None:
        return FOLDED
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}"
