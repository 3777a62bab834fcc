"""Chances as bars, one below the other, the chosen one marked.

Owns the picture of a distribution over named things.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bandit_svc.charts.scale import Scale
from bandit_svc.charts.svg import WIDE, element, frame, label, shortened

_ROW_WIDE, _ROW_NARROW = 26.0, 42.0
_LABELS, _NUMBERS = 190.0, 130.0
MOST_BARS = 40


class Chance(NamedTuple):
    """One bar."""

    name: str
    probability: float
    chosen: bool = False


def chances(
    bars: Sequence[Chance],
    title: str,
    write: Callable[[float], str],
    width: float = WIDE,
) -> str:
    """Draw the bars in their order on a scale from 0 to 1.

    Of more than MOST_BARS the likeliest are drawn, and the chosen one.
    """
    wide = width >= WIDE
    row = _ROW_WIDE if wide else _ROW_NARROW
    start, end = (_LABELS, width - _NUMBERS) if wide else (4.0, width - 124)
    x = Scale(0.0, 1.0, start, end)
    parts: list[str] = []
    y = 4.0
    for bar in _kept(bars):
        y += row
        style = "heading" if bar.chosen else None
        room = start - 12 if wide else width - 8
        at = y - 8 if wide else y - 24
        parts.append(label(4.0, at, shortened(bar.name, room), class_=style))
        parts.append(
            element(
                "rect",
                x=x.start,
                y=y - 19,
                width=max(1.0, x(bar.probability) - x.start),
                height=14.0,
                class_="area s0" if bar.chosen else "area s6",
            )
        )
        text = write(bar.probability) + (" · chosen" if bar.chosen else "")
        parts.append(label(x(bar.probability) + 6, y - 8, text, class_=style))
    return frame(width, y + 8, title, parts)


def _kept(bars: Sequence[Chance]) -> list[Chance]:
    if len(bars) <= MOST_BARS:
        return list(bars)
    least = sorted((b.probability for b in bars), reverse=True)[MOST_BARS - 1]
    return [b for b in bars if b.probability > least or b.chosen][:MOST_BARS]
