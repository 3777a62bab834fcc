"""Cells of two keys, one colour a series, as strong as the cell's share.

Owns the picture of a table of shares. A cell says in text what its colour says.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bandit_svc.charts.svg import (
    CHARACTER,
    SERIES,
    WIDE,
    element,
    frame,
    label,
    shortened,
    text_width,
)

_TOP, _BOTTOM = 46.0, 6.0
_FAINTEST, _STRONGEST = 0.12, 0.62


class Cell(NamedTuple):
    """The content of one cell."""

    series: int
    """Which colour; the same for the same thing in every cell."""
    share: float
    """The strength of its colour, 0 to 1."""
    lines: tuple[str, ...]
    """Most important first; those that have no room are left out."""


class Side(NamedTuple):
    """One of the two keys."""

    name: str
    values: Sequence[str]


def heat_map(
    rows: Side,
    columns: Side,
    cells: Mapping[tuple[str, str], Cell],
    title: str,
    width: float = WIDE,
) -> str:
    """Draw one cell for each value of the one key and value of the other."""
    wide = width >= WIDE
    longest = max(map(text_width, rows.values), default=0.0) + 12
    left = min(max(longest, 60.0), 150.0 if wide else 88.0)
    each = (width - left - 4) / max(1, len(columns.values))
    height = 52.0 if wide else 46.0
    half = width / 2 - 2 * CHARACTER
    corner = f"{shortened(rows.name, half - 20)} \N{DOWNWARDS ARROW}"
    beside = max(left, text_width(corner) + 2 * CHARACTER)
    top = f"{shortened(columns.name, half - 20)} \N{RIGHTWARDS ARROW}"
    parts = [
        label(4.0, 14.0, corner, class_="title"),
        label(beside, 14.0, top, class_="title"),
    ]
    for index, value in enumerate(columns.values):
        middle = left + (index + 0.5) * each
        text = shortened(value, each - 4)
        parts.append(label(middle, 36.0, text, text_anchor="middle"))
    for line, row in enumerate(rows.values):
        y = _TOP + line * height
        parts.append(label(4.0, y + height / 2 + 4, shortened(row, left - 10)))
        for index, column in enumerate(columns.values):
            cell = cells.get((row, column))
            if cell is not None:
                place = (left + index * each, y, each, height)
                parts += _cell(cell, *place)
    total = _TOP + height * len(rows.values) + _BOTTOM
    return frame(width, total, title, parts)


def _cell(cell: Cell, x: float, y: float, width: float, height: float) -> list[str]:
    # A presentation attribute, which a strict policy of styles allows.
    strength = _FAINTEST + (_STRONGEST - _FAINTEST) * min(1.0, max(0.0, cell.share))
    parts = [
        element(
            "rect",
            x=x,
            y=y,
            width=width,
            height=height,
            fill_opacity=f"{strength:.2f}",
            class_=f"cell s{cell.series % SERIES}",
        )
    ]
    # A cut name is still a name; a cut number would be another one.
    first, *rest = cell.lines
    lines = [shortened(first, width - 6)] if width >= 5 * CHARACTER else []
    lines += [text for text in rest if text_width(text) <= width - 2]
    top = y + height / 2 + 4 - 8 * (len(lines) - 1)
    for index, text in enumerate(lines):
        at = top + 16 * index
        parts.append(label(x + width / 2, at, text, text_anchor="middle"))
    return parts
