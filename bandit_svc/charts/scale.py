"""From values to pixels, and the round values that an axis shows.

Owns scales and ticks of numbers and of time. Pure.
"""

import math
from datetime import UTC, datetime
from typing import NamedTuple

_STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000),
)
_MINUTE_S, _DAY_S = 60, 86_400


class Scale(NamedTuple):
    """A straight map of [low, high] to the pixels [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; a value beyond an end is drawn at that end."""
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


class Tick(NamedTuple):
    """A value that an axis shows, and how it is written."""

    value: float
    text: str


def padded(low: float, high: float) -> tuple[float, float]:
    """Widen a range a little, and one without a width to something that has one."""
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return low - room, high + room


def round_values(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round values within a range."""
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def moments(low_s: float, high_s: float, count: int) -> list[Tick]:
    """Return about `count` round moments, in seconds since the epoch, UTC."""
    span_s = high_s - low_s
    step = next((s for s in _STEPS_S if span_s / s <= count), _STEPS_S[-1])
    form = "%H:%M:%S" if step < _MINUTE_S else "%H:%M" if step < _DAY_S else "%-d %b"
    first = math.ceil(low_s / step)
    last = math.floor(high_s / step)
    return [
        Tick(i * step, datetime.fromtimestamp(i * step, UTC).strftime(form))
        for i in range(first, last + 1)
    ]
