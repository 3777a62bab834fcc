"""The form of a figure: two widths, rows of text, rounding.

Owns what charts and their tables share; the numbers are over_time's and compared's.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from bandit_svc.charts.svg import NARROW, WIDE
from bandit_svc.domain.numbers import amount

T = TypeVar("T")

MOST_ROWS = 15
"""Moments in the table of a chart over time."""


class Figure(NamedTuple):
    """One chart in two widths, for a screen and a phone, and its numbers as text."""

    wide: str
    narrow: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def figure(
    draw: Callable[[float], str], head: Sequence[str], rows: Sequence[Sequence[str]]
) -> Figure:
    """Draw a chart in both widths."""
    return Figure(draw(WIDE), draw(NARROW), tuple(head), [tuple(row) for row in rows])


def thinned(rows: Sequence[T], most: int = MOST_ROWS) -> list[T]:
    """Return at most `most` of many moments, evenly spaced, with the last one."""
    step = -(-len(rows) // most) or 1
    return list(rows[::-1][::step])[::-1]


def span(bounds: Sequence[float | None], *, signed: bool = False) -> str:
    """Write an interval; a dash where nothing bounds it."""
    lower, upper = bounds
    if lower is None and upper is None:
        return amount(None)
    return f"{amount(lower, signed=signed)} to {amount(upper, signed=signed)}"


def short(value: float) -> str:
    """Write a round value of an axis."""
    return f"{value if abs(value) > _ROUNDING else 0:,.4g}".replace("-", _MINUS)


def with_sign(value: float) -> str:
    """Write a round difference of an axis."""
    return ("+" if value > _ROUNDING else "") + short(value)


_ROUNDING = 1e-12
_MINUS = "\N{MINUS SIGN}"
