"""Instants as text, and deadlines.

Owns the formats of times, RFC 3339 for programs and a short form for sentences, and
when a pause is over. Pure: the
caller brings the instant or the clock.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

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
