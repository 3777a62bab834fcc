"""One interval as a small picture, for the cell of a table.

Owns the picture of an estimate against zero. Its scale is its own, with zero in the
middle: it tells the side and whether zero is in reach; sizes stand beside it as text.
"""

from bandit_svc.charts.scale import Scale
from bandit_svc.charts.svg import element, line, written

WIDTH, HEIGHT = 132.0, 22.0
_MARGIN = 6.0


def small_interval(estimate: float, lower: float, upper: float, title: str) -> str:
    """Draw an interval with its estimate; `title` says it for those who can't see."""
    reach = max(abs(lower), abs(upper), abs(estimate)) or 1.0
    x = Scale(-reach, reach, _MARGIN, WIDTH - _MARGIN)
    y = HEIGHT / 2
    strength = "better" if lower > 0 else "worse" if upper < 0 else "weak"
    left, right = x(lower), x(upper)
    return element(
        "svg",
        element("title", written(title)),
        line((x(0.0), 1.0), (x(0.0), HEIGHT - 1), "zero"),
        line((left, y), (right, y), f"whisker {strength}"),
        line((left, y - 4), (left, y + 4), f"whisker {strength}"),
        line((right, y - 4), (right, y + 4), f"whisker {strength}"),
        element("circle", cx=x(estimate), cy=y, r=4.0, class_=f"dot {strength}"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        width=WIDTH,
        height=HEIGHT,
        class_="chart small",
        role="img",
    )
