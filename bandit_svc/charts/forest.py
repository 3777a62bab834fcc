"""Estimates with their intervals, one below the other, on one scale.

Owns the forest plot. A row without an estimate says why instead.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bandit_svc.charts.scale import Scale, padded, round_values
from bandit_svc.charts.svg import (
    WIDE,
    clipped,
    element,
    frame,
    label,
    line,
    path,
    shortened,
    text_width,
)

_ROW_WIDE, _ROW_NARROW = 26.0, 44.0
_TOP, _BOTTOM = 22.0, 44.0
_LABELS, _NUMBERS = 190.0, 150.0

Writer = Callable[[float], str]


class Row(NamedTuple):
    """One estimate; `note` is shown where there is none."""

    name: str
    estimate: float | None
    lower: float | None
    upper: float | None
    numbers: str
    note: str = ""
    heading: str = ""
    """A new heading above this row."""
    strong: bool = False
    """True if its interval excludes the reference."""
    faded: bool = False
    """True if it is another question's answer, shown to compare with."""


class Mark(NamedTuple):
    """A vertical line with a name: 0, a margin, a mean to compare with."""

    value: float
    name: str


def forest(
    rows: Sequence[Row],
    marks: Sequence[Mark],
    title: str,
    x_title: str,
    write: Writer,
    width: float = WIDE,
) -> str:
    """Draw the rows in their order; ends beyond the scale get an arrow."""
    wide = width >= WIDE
    x = _scale(rows, marks, width, wide=wide)
    parts: list[str] = []
    y = _TOP
    for row in rows:
        if row.heading:
            y += 30.0 if y > _TOP else 20.0
            parts.append(label(4.0, y - 6, row.heading, class_="heading"))
        y += _ROW_WIDE if wide else _ROW_NARROW
        parts += _row(row, x, y - 9, wide=wide)
    bottom = y + 6
    back = [line((x(m.value), _TOP), (x(m.value), bottom), "zero") for m in marks]
    back += [
        label(x(m.value), 14.0, m.name, text_anchor=_anchor(x, m.value)) for m in marks
    ]
    return frame(
        width,
        bottom + _BOTTOM,
        title,
        [*back, *parts, *_axis(x, bottom, x_title, write)],
    )


def _scale(
    rows: Sequence[Row], marks: Sequence[Mark], width: float, *, wide: bool
) -> Scale:
    """Make room for every estimate, and for the ends of all but the widest quarter."""
    ends = sorted(
        max(abs(end - row.estimate) for end in (row.lower, row.upper))
        for row in rows
        if row.estimate is not None and row.lower is not None and row.upper is not None
    )
    reach = ends[min(len(ends) - 1, 3 * len(ends) // 4)] if ends else 0.0
    known = [row.estimate for row in rows if row.estimate is not None]
    centre = [mark.value for mark in marks] + known
    low = min([v - reach for v in known] + centre, default=0.0)
    high = max([v + reach for v in known] + centre, default=1.0)
    start, end = (_LABELS, width - _NUMBERS) if wide else (12.0, width - 12)
    return Scale(*padded(low, high), start, end)


def _row(row: Row, x: Scale, y: float, *, wide: bool) -> list[str]:
    if wide:
        name = label(4.0, y + 4, shortened(row.name, _LABELS - 12))
        numbers = label(x.end + 12, y + 4, row.numbers, class_="numbers")
    else:
        room = x.end - 4 - text_width(row.numbers) - 8
        name = label(4.0, y - 12, shortened(row.name, room))
        numbers = label(x.end, y - 12, row.numbers, text_anchor="end", class_="numbers")
    parts = [name, numbers]
    if row.estimate is None or row.lower is None or row.upper is None:
        text = clipped(row.note, x.end - x.start)
        return [*parts, label(x.start, y + 4, text, class_="note")]
    strength = "strong" if row.strong else "weak"
    strength += " faded" if row.faded else ""
    left, right = x(row.lower), x(row.upper)
    parts.append(line((left, y), (right, y), f"whisker {strength}"))
    parts.append(_end(left, y, -1.0, beyond=row.lower < x.low, strength=strength))
    parts.append(_end(right, y, 1.0, beyond=row.upper > x.high, strength=strength))
    dot = element("circle", cx=x(row.estimate), cy=y, r=4.5, class_=f"dot {strength}")
    return [*parts, dot]


def _end(at: float, y: float, side: float, *, beyond: bool, strength: str) -> str:
    """Draw a stop, or an arrow where the interval goes on beyond the scale."""
    if not beyond:
        return line((at, y - 4), (at, y + 4), f"whisker {strength}")
    tip = [(at - side * 6, y - 4), (at, y), (at - side * 6, y + 4)]
    return path(tip, f"whisker {strength} open")


def _axis(x: Scale, bottom: float, x_title: str, write: Writer) -> list[str]:
    parts = [line((x.start, bottom), (x.end, bottom), "axis")]
    for value in round_values(x.low, x.high, 6 if x.end - x.start > _LABELS else 4):
        at = x(value)
        parts.append(line((at, bottom), (at, bottom + 5), "axis"))
        parts.append(label(at, bottom + 19, write(value), text_anchor="middle"))
    middle = (x.start + x.end) / 2
    parts.append(
        label(middle, bottom + 37, x_title, class_="title", text_anchor="middle")
    )
    return parts


def _anchor(x: Scale, value: float) -> str:
    share = (x(value) - x.start) / (x.end - x.start)
    return "start" if share < 0.2 else "end" if share > 0.8 else "middle"  # noqa: PLR2004 - fifths
