"""Values over time: lines with bands, and shares stacked to 100 %.

Owns two charts with a time axis. Series are labelled where they end, so that no
legend has to be matched by colour.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bandit_svc.charts.scale import Scale, moments, padded, round_values
from bandit_svc.charts.svg import (
    SERIES,
    WIDE,
    Point,
    element,
    frame,
    label,
    line,
    path,
    shortened,
    spread,
    text_width,
)

HEIGHT = 260.0
_TOP, _BOTTOM = 30.0, 44.0
_GAP = 16.0

Writer = Callable[[float], str]


class Series(NamedTuple):
    """A named line; a value is None where it is not known."""

    name: str
    values: Sequence[float | None]
    bands: Sequence[tuple[float, float]] | None = None
    """The interval at each moment, if there is one."""


class Axes(NamedTuple):
    """The room of a chart: where it is drawn, what its axes say."""

    width: float
    x: Scale
    y: Scale
    x_title: str
    y_title: str
    write: Writer


def line_chart(
    at_s: Sequence[float],
    series: Sequence[Series],
    title: str,
    y_title: str,
    write: Writer,
    width: float = WIDE,
) -> str:
    """Draw lines over time, with the zero line where 0 is in sight.

    The first moments may be anywhere, and their bands are as wide as can be. They
    don't decide about the range: a line begins where it comes into it, a band is
    cut at its edge.

    Args:
        at_s: moments in seconds since the epoch, rising, at least one.
        series: each with one value a moment.
        write: how a value of the y axis is written.
    """
    names = [one.name for one in series if len(series) > 1]
    axes = _axes(at_s, _range(series), names, y_title, write, width)
    parts = [*_grid(axes)]
    if axes.y.low <= 0 <= axes.y.high:
        parts.append(_across(axes, 0.0, "zero"))
    for index, one in enumerate(series):
        if one.bands:
            lower, upper = zip(*one.bands, strict=True)
            band = _between(axes, at_s, lower, upper)
            parts.append(path(band, f"band s{index}", closed=True))
    ends: list[float] = []
    for index, one in enumerate(series):
        runs = _runs(axes, at_s, one.values)
        parts += [path(run, f"line s{index}") for run in runs if len(run) > 1]
        if runs:
            x, y = runs[-1][-1]
            parts.append(element("circle", cx=x, cy=y, r=3.5, class_=f"dot s{index}"))
        ends.append(runs[-1][-1][1] if runs else axes.y.start)
    if names:
        parts += _names(axes, names, ends)
    return frame(width, HEIGHT, title, parts)


def share_chart(
    at_s: Sequence[float],
    series: Sequence[Series],
    title: str,
    y_title: str,
    write: Writer,
    width: float = WIDE,
) -> str:
    """Draw shares that add up to 1, stacked, the first at the bottom."""
    names = [one.name for one in series]
    axes = _axes(at_s, (0.0, 1.0), names, y_title, write, width)
    below = [0.0] * len(at_s)
    parts: list[str] = []
    middles: list[float] = []
    for index, one in enumerate(series):
        above = [b + (v or 0.0) for b, v in zip(below, one.values, strict=True)]
        band = _between(axes, at_s, below, above)
        parts.append(path(band, f"area s{index % SERIES}", closed=True))
        middles.append(axes.y((below[-1] + above[-1]) / 2))
        below = above
    parts += [*_grid(axes), *_names(axes, names, middles)]
    return frame(width, HEIGHT, title, parts)


def _between(
    axes: Axes, at_s: Sequence[float], lower: Sequence[float], upper: Sequence[float]
) -> list[Point]:
    """Return the outline of the area between two lines."""
    there = [(axes.x(t), axes.y(v)) for t, v in zip(at_s, upper, strict=True)]
    back = [(axes.x(t), axes.y(v)) for t, v in zip(at_s, lower, strict=True)]
    return [*there, *reversed(back)]


def _range(series: Sequence[Series]) -> tuple[float, float]:
    """Return the range of the later values (4/5 of them) and bands (half of them)."""
    seen = [0.0] if any(one.bands for one in series) else []
    for one in series:
        settled, half = len(one.values) // 5, len(one.values) // 2
        seen += [v for v in one.values[settled:] if v is not None]
        for low, high in (one.bands or ())[half:]:
            seen += [low, high]
    return padded(min(seen, default=0.0), max(seen, default=1.0))


def _axes(
    at_s: Sequence[float],
    values: tuple[float, float],
    names: Sequence[str],
    y_title: str,
    write: Writer,
    width: float,
) -> Axes:
    wide = width >= WIDE
    longest = max(map(text_width, names)) + 27 if names else 14.0
    right = min(longest, 150.0 if wide else 112.0)
    left = 62.0 if wide else 52.0
    # A single moment still needs an axis with a length.
    high = at_s[-1] if at_s[-1] > at_s[0] else at_s[0] + 1
    return Axes(
        width,
        Scale(at_s[0], high, left, width - right),
        Scale(*values, HEIGHT - _BOTTOM, _TOP),
        "Time of the decision (UTC)",
        y_title,
        write,
    )


def _grid(axes: Axes) -> list[str]:
    wide = axes.width >= WIDE
    parts = [label(4.0, 14.0, axes.y_title, class_="title")]
    for value in round_values(axes.y.low, axes.y.high, 4):
        y = axes.y(value)
        parts.append(_across(axes, value, "grid"))
        text = axes.write(value)
        parts.append(label(axes.x.start - 6, y + 4, text, text_anchor="end"))
    for tick in moments(axes.x.low, axes.x.high, 6 if wide else 3):
        x = axes.x(tick.value)
        parts.append(line((x, axes.y.start), (x, axes.y.start + 5), "axis"))
        anchor = "end" if x > axes.x.end - 12 else "middle"
        parts.append(label(x, axes.y.start + 19, tick.text, text_anchor=anchor))
    parts.append(line((axes.x.start, axes.y.start), (axes.x.end, axes.y.start), "axis"))
    middle = (axes.x.start + axes.x.end) / 2
    parts.append(
        label(middle, HEIGHT - 6, axes.x_title, class_="title", text_anchor="middle")
    )
    return parts


def _across(axes: Axes, value: float, class_: str) -> str:
    y = axes.y(value)
    return line((axes.x.start, y), (axes.x.end, y), class_)


def _runs(
    axes: Axes, at_s: Sequence[float], values: Sequence[float | None]
) -> list[list[Point]]:
    """Return the unbroken parts of a line: where it is known and in the picture.

    A part that leaves the picture ends at its edge.
    """
    runs: list[list[Point]] = [[]]
    before: Point | None = None
    for t, value in zip(at_s, values, strict=True):
        point = None if value is None else (t, value)
        inside = value is not None and axes.y.low <= value <= axes.y.high
        if before and point and inside != bool(runs[-1]):
            runs[-1].append(_at_edge(axes, before, point))
        if point and inside:
            runs[-1].append((axes.x(t), axes.y(point[1])))
        elif runs[-1]:
            runs.append([])
        before = point
    return [run for run in runs if run]


def _at_edge(axes: Axes, start: Point, end: Point) -> Point:
    """Return the pixel where a line between two points crosses the edge."""
    (t0, v0), (t1, v1) = start, end
    outside = v1 if axes.y.low <= v0 <= axes.y.high else v0
    edge = axes.y.high if outside > axes.y.high else axes.y.low
    return axes.x(t0 + (t1 - t0) * (edge - v0) / (v1 - v0)), axes.y(edge)


def _names(axes: Axes, names: Sequence[str], wanted: Sequence[float]) -> list[str]:
    """Write each name at the height where its series ends, with its colour."""
    x = axes.x.end + 8
    parts = []
    heights = spread(wanted, _GAP, _TOP, axes.y.start)
    for index, (name, y) in enumerate(zip(names, heights, strict=True)):
        parts.append(
            element(
                "rect", x=x, y=y - 5, width=9, height=9, class_=f"key s{index % SERIES}"
            )
        )
        text = shortened(name, axes.width - x - 14)
        parts.append(label(x + 13, y + 4, text))
    return parts
