"""One interval as a small picture, for the cell of a table.

Owns the picture of an estimate against zero, and the scale that the pictures of one
table share, with zero in the middle.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.charts.scale import Scale
from bandit_svc.charts.svg import element, line, path, written

WIDTH, HEIGHT = 132.0, 22.0
_MARGIN = 6.0


class Interval(NamedTuple):
    """An estimate with its bounds."""

    estimate: float
    lower: float
    upper: float


def shared_reach(intervals: Sequence[Interval]) -> float:
    """Return the largest value of a scale that suits all intervals of a table.

    It has room for every estimate, and for the bounds of three quarters of the
    intervals: one that is much wider than the others would shrink them all.
    """
    bounds = sorted(max(abs(one.lower), abs(one.upper)) for one in intervals)
    wide = bounds[min(len(bounds) - 1, 3 * len(bounds) // 4)] if bounds else 0.0
    return max([wide, *(abs(one.estimate) for one in intervals)]) or 1.0


def small_interval(interval: Interval, reach: float, title: str) -> str:
    """Draw an interval on a scale from `-reach` to `reach`.

    Args:
        reach: above 0; an arrow shows that a bound is beyond it.
        title: says the interval for those who can't see it.
    """
    estimate, lower, upper = interval
    x = Scale(-reach, reach, _MARGIN, WIDTH - _MARGIN)
    y = HEIGHT / 2
    strength = "better" if lower > 0 else "worse" if upper < 0 else "weak"
    return element(
        "svg",
        element("title", written(title)),
        line((x(0.0), 1.0), (x(0.0), HEIGHT - 1), "zero"),
        line((x(lower), y), (x(upper), y), f"whisker {strength}"),
        _end(x(lower), -1.0, strength, beyond=lower < x.low),
        _end(x(upper), 1.0, strength, beyond=upper > x.high),
        element("circle", cx=x(estimate), cy=y, r=4.0, class_=f"dot {strength}"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        width=WIDTH,
        height=HEIGHT,
        class_="chart small",
        role="img",
    )


def _end(at: float, side: float, strength: str, *, beyond: bool) -> str:
    """Draw a stop, or an arrow where the interval continues beyond the scale."""
    y = HEIGHT / 2
    if not beyond:
        return line((at, y - 4), (at, y + 4), f"whisker {strength}")
    tip = [(at - side * 5, y - 4), (at, y), (at - side * 5, y + 4)]
    return path(tip, f"whisker {strength} open")
