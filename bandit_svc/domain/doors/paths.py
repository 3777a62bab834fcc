"""Places in what a source has sent, by dotted paths: `data.object.amount_total`.

Owns how a path is read, and which values are numbers, texts and times. Pure.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeGuard

from bandit_svc.domain.limits import CLOCK_SKEW_MS
from bandit_svc.domain.plain_values import Context
from bandit_svc.errors import InvalidInput

MAX_STEPS: Final = 16
_PATH = re.compile(r"[^.\s]+(?:\.[^.\s]+)*")
_LONGEST_NUMBER: Final = 64
_MOST_BITS: Final = 200
"""Of a whole number, which has 60 digits then."""
_MOST_EXPONENT: Final = 300
"""Of a number; those of floating point end at 308."""
_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""
_LEAST_MS: Final = 100_000_000_000
"""A time of so many units since 1970 is in milliseconds, and one of fewer in seconds:
it is March 1973 in the former, and the year 5138 in the latter."""


def check_path(pointer: str, path: str) -> None:
    """Refuse a path that names no place.

    Raises:
        InvalidInput: with the pointer to it.
    """
    if _PATH.fullmatch(path) is None or path.count(".") >= MAX_STEPS:
        raise InvalidInput.at(
            pointer,
            f"{path[:128]!r} is no path; write names and numbers of list entries "
            f"with a dot between them, as data.object.amount, at most {MAX_STEPS}",
        )


def found_at(document: Context, path: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what is at a path; None where there is nothing."""
    place: object = document
    for step in path.split("."):
        if isinstance(place, dict):
            place = place.get(step)
        elif isinstance(place, list) and step.isdecimal() and int(step) < len(place):
            place = place[int(step)]
        else:
            return None
    return place


def text_at(document: Context, paths: Iterable[str]) -> str | None:
    """Return the first text or whole number, as text, at one of some paths."""
    for path in paths:
        found = found_at(document, path)
        if isinstance(found, str) and found:
            return found
        if _is_whole(found):
            return str(found)
    return None


def decimal_of(value: object) -> Decimal | None:
    """Return a number, or a text that is one, without loss; None for anything else."""
    if isinstance(value, float) or _is_whole(value):
        text = str(value)
    elif isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        text = value.strip()
    else:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > _MOST_EXPONENT:
        return None
    return number


def time_of(value: object) -> int | None:
    """Return a time in milliseconds since 1970; None for what is none.

    It may be RFC 3339, or a number of seconds or milliseconds since 1970.
    """
    number = decimal_of(value)
    if number is not None:
        at_ms = int(number if number >= _LEAST_MS else number * 1_000)
    elif isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
            known = at if at.tzinfo else at.replace(tzinfo=UTC)
            at_ms = round(known.timestamp() * 1_000)
        except (ValueError, OverflowError):
            return None
    else:
        return None
    return at_ms if 0 <= at_ms <= _LAST_MS else None


def _is_whole(value: object) -> TypeGuard[int]:
    """Return whether a value is a whole number that is not absurdly long."""
    return (
        isinstance(value, int)
        and not isinstance(value, bool)
        and value.bit_length() <= _MOST_BITS
    )


def believed_ms(occurred_at_ms: int | None, now_ms: int) -> int | None:
    """Return when something occurred; now where its source's clock is ahead of ours."""
    if occurred_at_ms is None or occurred_at_ms <= now_ms + CLOCK_SKEW_MS:
        return occurred_at_ms
    return now_ms
