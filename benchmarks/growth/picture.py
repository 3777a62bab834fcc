"""Growth curves as a plot: one panel per curve, both axes logarithmic."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bandit_svc.charts.scale import Scale
from bandit_svc.charts.svg import element, frame, label, line, path

_STYLE = (
    "svg{background:#fff;font:11px sans-serif}.grid{stroke:#ddd}"
    ".axis{stroke:#567;stroke-width:1.5}.s0{stroke:#26a;stroke-width:2;fill:none}"
    ".dot{fill:#26a}.name{font-weight:bold}"
)
_WIDTH, _HEIGHT, _COLUMNS = 360.0, 200.0, 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 24.0, 36.0, 40.0


class Panel(NamedTuple):
    """A curve: its axis of sizes, and the values of all rounds at each size."""

    title: str
    grows: str
    unit: str
    values: Mapping[int, Sequence[float]]


def picture(panels: Sequence[Panel]) -> str:
    """Draw each curve's medians, with the least and the most of its rounds."""
    rows = -(-len(panels) // _COLUMNS)
    parts = [element("style", _STYLE)]
    for index, panel in enumerate(panels):
        row, column = divmod(index, _COLUMNS)
        parts += _drawn(panel, column * _WIDTH, row * _HEIGHT)
    return frame(_WIDTH * _COLUMNS, _HEIGHT * rows, "How each cost grows", parts)


def _drawn(panel: Panel, left: float, top: float) -> list[str]:
    # A size of 0 is drawn at a tenth of the first size.
    sizes = sorted(panel.values)
    positive = [size for size in sizes if size > 0]
    first = positive[0] / (10 if sizes[0] == 0 and positive[0] > 1 else 2)
    places = {s: math.log10(s if s > 0 else first) for s in sizes}
    every = [value for rounds in panel.values.values() for value in rounds]
    low, high = _decades(min(every), max(every))
    inner = (left + _LEFT, left + _WIDTH - _RIGHT)
    x = Scale(min(places.values()), max(places.values()), *inner)
    y = Scale(low, high, top + _HEIGHT - _BOTTOM, top + _TOP)
    parts = [label(left + 8, top + 16, panel.title, class_="name")]
    for value in _ticks(low, high):
        at = y(math.log10(value))
        parts += [
            line((inner[0], at), (inner[1], at), "grid"),
            label(inner[0] - 6, at + 4, f"{value:g}", text_anchor="end"),
        ]
    middles = []
    bottom = top + _HEIGHT - _BOTTOM
    for size, rounds in sorted(panel.values.items()):
        at = x(places[size])
        ends = [(at, y(math.log10(value))) for value in (min(rounds), max(rounds))]
        middle = (at, y(math.log10(sorted(rounds)[len(rounds) // 2])))
        middles.append(middle)
        parts += [
            line(ends[0], ends[1], "axis"),
            element("circle", cx=at, cy=middle[1], r=3.0, class_="dot"),
            label(at, bottom + 14, _short(size), text_anchor="middle"),
        ]
    parts.append(path(middles, "s0"))
    under = f"{panel.unit} by {panel.grows}"
    parts.append(label(left + _WIDTH / 2, bottom + 30, under, text_anchor="middle"))
    return parts


def _decades(least: float, most: float) -> tuple[float, float]:
    """Return a range of at least a decade, so that noise does not look like growth."""
    low, high = math.log10(least), math.log10(most)
    room = max(0.1, (1.2 - (high - low)) / 2)
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    steps = (1, 10) if high - low > 2 else (1, 2, 5)
    powers = range(math.floor(low), math.ceil(high) + 1)
    values = sorted({step * 10.0**power for power in powers for step in steps})
    return [value for value in values if low <= math.log10(value) <= high]


def _short(size: int) -> str:
    for power, name in ((1_000_000, "M"), (1_000, "k")):
        if size >= power and size % power == 0:
            return f"{size // power}{name}"
    return str(size) if size else "none"
