"""Draw counts by latency: bars on a logarithmic axis of time.

Owns the histogram of latencies, with what counted and what came too late.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bandit_svc.charts.scale import Scale, round_values
from bandit_svc.charts.svg import WIDE, element, frame, label, line

HEIGHT = 230.0
_TOP, _BOTTOM = 48.0, 44.0
_DAY_S = 86_400
_ROUND_S = (
    *(0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1_800, 3_600, 10_800, 43_200),
    *(_DAY_S, 3 * _DAY_S, 7 * _DAY_S, 30 * _DAY_S, 90 * _DAY_S),
)


class Bar(NamedTuple):
    """The counts between two latencies, in seconds."""

    from_s: float
    to_s: float
    counted: int
    late: int


def latency_bars(
    bars: Sequence[Bar],
    window_s: float,
    title: str,
    write: Callable[[float], str],
    width: float = WIDE,
) -> str:
    """Draw one bar a bin, and the reward window as a line.

    Args:
        bars: at least one, quickest first; the first one begins at 0.
        window_s: the reward window.
        write: how a length of time is written.
    """
    left = 52.0
    # Each bin of the log axis is as wide as the others; the first has no lower end.
    low = math.log2(max(bars[0].from_s, bars[0].to_s / 2**0.25))
    low = min(low, math.log2(window_s))
    high = math.log2(max(bars[-1].to_s, window_s * 1.19))
    x = Scale(low, max(high, low + 1), left, width - 14)
    most = max(bar.counted + bar.late for bar in bars)
    y = Scale(0.0, max(1.0, most * 1.05), HEIGHT - _BOTTOM, _TOP)
    parts = [label(4.0, 14.0, "Rewards", class_="title")]
    for value in round_values(0.0, y.high, 4):
        if value == int(value):
            parts.append(line((x.start, y(value)), (x.end, y(value)), "grid"))
            text = f"{value:,.0f}"
            parts.append(label(left - 6, y(value) + 4, text, text_anchor="end"))
    for bar in bars:
        parts += _bar(bar, x, y)
    parts += _window(x, y, window_s, write)
    parts += _axis(x, y, write, wide=width >= WIDE)
    return frame(width, HEIGHT, title, parts)


def _bar(bar: Bar, x: Scale, y: Scale) -> list[str]:
    right = x(math.log2(bar.to_s))
    left = x(math.log2(max(bar.from_s, bar.to_s / 2**0.25)))
    parts = []
    below = 0
    for count, class_ in ((bar.counted, "area s0"), (bar.late, "area s1")):
        if count:
            top = y(below + count)
            parts.append(
                element(
                    "rect",
                    x=left,
                    y=top,
                    width=max(1.0, right - left - 1.0),
                    height=y(below) - top,
                    class_=class_,
                )
            )
            below += count
    return parts


def _window(
    x: Scale, y: Scale, window_s: float, write: Callable[[float], str]
) -> list[str]:
    at = x(math.log2(window_s))
    anchor = "end" if at > (x.start + x.end) / 2 else "start"
    text = f"reward window: {write(window_s)}"
    return [
        line((at, _TOP - 12), (at, y.start), "zero"),
        label(at, _TOP - 17, text, text_anchor=anchor),
    ]


def _axis(
    x: Scale, y: Scale, write: Callable[[float], str], *, wide: bool
) -> list[str]:
    parts = [line((x.start, y.start), (x.end, y.start), "axis")]
    inside = [s for s in _ROUND_S if x.low <= math.log2(s) <= x.high]
    every = max(1, math.ceil(len(inside) / (8 if wide else 4)))
    for second in inside[::every]:
        at = x(math.log2(second))
        parts.append(line((at, y.start), (at, y.start + 5), "axis"))
        anchor = "end" if at > x.end - 14 else "middle"
        parts.append(label(at, y.start + 19, write(second), text_anchor=anchor))
    middle = (x.start + x.end) / 2
    text = "Time from showing the variant to the reward"
    parts.append(label(middle, HEIGHT - 6, text, class_="title", text_anchor="middle"))
    return parts
