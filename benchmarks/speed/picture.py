"""Goals as a plot: each ratio divided by its limit, on a logarithmic axis."""

import math
from collections.abc import Sequence

from bandit_svc.charts.scale import Scale
from bandit_svc.charts.svg import WIDE, element, frame, label, line
from benchmarks.speed.rows import Outcome

_STYLE = (
    "svg{background:#fff;font:12px sans-serif}.zero{stroke:#b00}"
    ".axis{stroke:#567;stroke-width:2}.s0{fill:#26a}"
)
_ROW, _TOP, _BOTTOM, _LEFT = 34.0, 30.0, 40.0, 340.0


def picture(outcomes: Sequence[Outcome]) -> str:
    """Draw one line per goal; right of the middle is better than the limit."""
    margins = [_margins(row) for row in outcomes]
    reach = max(1.0, *(abs(m) for row in margins for m in row)) * 1.1
    x = Scale(-reach, reach, _LEFT, WIDE - 20)
    bottom = _TOP + _ROW * len(outcomes)
    parts = [line((x(0.0), _TOP - 8), (x(0.0), bottom), "zero")]
    for index, (row, (low, middle, high)) in enumerate(
        zip(outcomes, margins, strict=True)
    ):
        y = _TOP + _ROW * (index + 0.5)
        parts += [
            label(_LEFT - 12, y + 4, row.goal.title, text_anchor="end"),
            line((x(low), y), (x(high), y), "axis"),
            element("circle", cx=x(middle), cy=y, r=4.0, class_="area s0"),
            label(x(middle), y - 8, f"{row.median:.2f}", text_anchor="middle"),
        ]
    parts += [
        label(x(step), bottom + 18, _times(step), text_anchor="middle")
        for step in range(-int(reach), int(reach) + 1)
    ]
    parts.insert(0, element("style", _STYLE))
    return frame(WIDE, bottom + _BOTTOM, "Ratio over its goal; right is better", parts)


def _margins(row: Outcome) -> tuple[float, float, float]:
    """Return least, median and most as powers of two over the limit; more is better."""
    sign = 1.0 if row.goal.sense == ">=" else -1.0
    low, middle, high = (
        sign * math.log2(value / row.goal.limit)
        for value in (row.least, row.median, row.most)
    )
    return min(low, high), middle, max(low, high)


def _times(step: int) -> str:
    return f"{2**step} x" if step >= 0 else f"1/{2**-step} x"
