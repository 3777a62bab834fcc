"""Features of an instant where the person is.

Owns the parts of a day and what a weekend is. By the wall clock of a time zone, so that
an hour is the one that people live by, also on days when the clocks are changed. Pure.
"""

from collections.abc import Collection
from datetime import date, datetime, tzinfo
from typing import Final

PARTS: Final = ("night", "morning", "afternoon", "evening")
"""Six hours each, from midnight on."""
WEEKDAYS: Final = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday"),
    "sunday",
)
USUAL_WEEKEND: Final = frozenset({5, 6})
"""Saturday and Sunday, counted from Monday = 0."""


def local_time(now_ms: int, zone: tzinfo) -> datetime:
    """Return what the clocks of a zone show at an instant."""
    return datetime.fromtimestamp(now_ms / 1000, zone)


def time_features(
    clock: datetime, weekend: Collection[int] = USUAL_WEEKEND
) -> dict[str, str | int | bool]:
    """Return the features of a local time.

    Args:
        clock: what the clocks show.
        weekend: days off, counted from Monday = 0.
    """
    hour, day = clock.hour, clock.weekday()
    return {
        "hour": hour,
        "part_of_day": PARTS[hour // 6],
        "weekday": WEEKDAYS[day],
        "weekend": day in weekend,
    }


def day_of(clock: datetime) -> date:
    """Return the day that a calendar is asked for."""
    return clock.date()
