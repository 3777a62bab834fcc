"""The times that rows of a table cover, in words.

Owns how a period is written, and when rows cover times so different that their means
must not be compared: the level of rewards moves.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from bandit_svc.domain.numbers import NOTHING
from bandit_svc.services.values import Period

LEAST_DECISIONS = 100
"""Rows of fewer are left out: by chance alone they begin late."""
LARGEST_GAP = 0.1
"""Of the whole time, at either end. A row that is shown all the time has none of its
first 100 decisions in a tenth of it once in 38,000 times (0.9 to the 100th)."""


class _Row(Protocol):
    """A row of a report."""

    @property
    def n(self) -> int: ...
    @property
    def period(self) -> object: ...


def during(period: object) -> str:
    """Return a period in UTC: 2030-01-31 14:00 to 2030-02-01 09:30; or a dash."""
    times = _times(period)
    if times is None:
        return NOTHING
    first, last = times
    end = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {end}"


def note_on_times(rows: Iterable[_Row]) -> str:
    """Return a warning where some rows cover another time than others, else nothing."""
    if not cover_other_times(rows):
        return ""
    return (
        "Some rows cover another time than others. Where rewards were higher at one "
        "time than at another, their means differ for that reason alone."
    )


def cover_other_times(rows: Iterable[_Row]) -> bool:
    """Return true if some rows cover another part of the time than others."""
    known = [_times(row.period) for row in rows if row.n >= LEAST_DECISIONS]
    times = [one for one in known if one is not None]
    if not times:
        return False
    begin, end = min(first for first, _ in times), max(last for _, last in times)
    gap = (end - begin) * LARGEST_GAP
    return gap > timedelta(0) and any(
        first - begin > gap or end - last > gap for first, last in times
    )


def _times(period: object) -> tuple[datetime, datetime] | None:
    if not isinstance(period, Period) or period.first is None or period.last is None:
        return None
    return datetime.fromisoformat(period.first), datetime.fromisoformat(period.last)
