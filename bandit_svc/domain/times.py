"""Instants as text, and deadlines.

Owns the formats of times, RFC 3339 for programs and a short form for sentences, when a
pause is over, and which times of callers are believed. Pure: the caller brings the
instant or the clock.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from bandit_svc.domain.limits import CLOCK_SKEW_MS, MIN_TIME_MS
from bandit_svc.errors import InvalidInput

Deadline = Callable[[], bool]
"""Return whether time is up; the clock behind it is the caller's."""


def has_passed(pause_ms: int, since_ms: int | None, now_ms: int) -> bool:
    """Return whether a pause is over: what waits for it may be done.

    It is over too where nothing began it, and where the clock was set back since, which
    must not make the pause longer.

    Args:
        pause_ms: its length.
        since_ms: its beginning; None for none.
        now_ms: on the same clock.
    """
    return since_ms is None or not 0 <= now_ms - since_ms < pause_ms


def timestamp(at_ms: int) -> str:
    """Return an instant as RFC 3339 in UTC, with milliseconds."""
    second, millisecond = divmod(at_ms, 1000)
    return f"{_whole_second(second)}.{millisecond:03d}Z"


def timestamp_or_none(at_ms: int | None) -> str | None:
    """Return an instant as `timestamp` does; None for one that has not come."""
    return None if at_ms is None else timestamp(at_ms)


@lru_cache(maxsize=64)
def _whole_second(second: int) -> str:
    """Return the part that all answers of one second share."""
    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")


def moment(at_ms: int) -> str:
    """Return an instant as in a sentence: 2030-01-31 14:00 UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def to_the_second(at: int | str) -> str:
    """Return an instant in UTC as in a table: 2030-01-31 14:00:05.

    Args:
        at: milliseconds since the epoch, or RFC 3339 in UTC.
    """
    if isinstance(at, str):
        return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S}"
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def occurrence_ms(reported_ms: int | None, now_ms: int, what: str) -> int:
    """Return when something occurred, as its caller says; now if the caller does not.

    Args:
        reported_ms: as the caller says.
        now_ms: the time.
        what: has occurred, in words: "the user acted".

    Raises:
        InvalidInput: it is before the year 2000, or over a minute in the future.
    """
    if reported_ms is None:
        return now_ms
    if not MIN_TIME_MS <= reported_ms <= now_ms + CLOCK_SKEW_MS:
        raise InvalidInput.at(
            "/occurred_at",
            "occurred_at is before the year 2000 or over a minute in the future; "
            f"send the time at which {what}, with its offset from UTC",
        )
    return reported_ms
