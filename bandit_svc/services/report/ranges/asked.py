"""Read which range of time a report is asked for.

Owns the forms of its ends, and the range as a report says it.
"""

from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from bandit_svc.domain.times import timestamp, timestamp_or_none
from bandit_svc.errors import InvalidInput
from bandit_svc.storage.ranges import BEGINNING_MS, END_MS, Made

_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


class RangeQuery(msgspec.Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """Which decisions a report counts; all where everything is left out.

    Attributes:
        since: those made at this moment or later; RFC 3339, or a date in UTC.
        until: those made before it, likewise.
        as_of: those that had matured by it, and the definition of then.
    """

    since: str | None = None
    until: str | None = None
    as_of: str | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is asked."""
        return self.since is None and self.until is None and self.as_of is None


class AskedRange(NamedTuple):
    """A range in milliseconds since the epoch; None for an open end."""

    from_ms: int | None
    to_ms: int | None
    as_of_ms: int

    @property
    def made(self) -> Made:
        """The decisions that count."""
        return Made(
            BEGINNING_MS if self.from_ms is None else self.from_ms,
            END_MS if self.to_ms is None else self.to_ms,
            self.as_of_ms,
        )


class ReportRange(msgspec.Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """The range of a report.

    Attributes:
        since: decisions made at this moment or later count; null for all.
        until: those made before it; null for all.
        complete: whether the reward window of every decision in it has closed.
        weighting: `trajectory` where the range has the history of its units from their
            first decision on, else `randomised`: by the group alone.
        detail: which decisions count, and what the intervals are.
    """

    since: str | None
    until: str | None
    complete: bool
    weighting: str
    detail: str


def asked_range(query: RangeQuery, now_ms: int) -> AskedRange:
    """Return the range that is asked for.

    Raises:
        InvalidInput: an end is no time, or the range is empty; the pointer names it.
    """
    from_ms = _moment("from", query.since)
    to_ms = _moment("to", query.until)
    as_of_ms = _moment("as_of", query.as_of)
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise InvalidInput.at(
            "/to",
            f"to is {query.until} and from is {query.since}; to must be later, since "
            "decisions made at it don't count",
        )
    return AskedRange(from_ms, to_ms, now_ms if as_of_ms is None else as_of_ms)


def report_range(
    asked: AskedRange, closes_after_ms: int, *, whole_history: bool
) -> ReportRange:
    """Return the range as a report says it.

    Args:
        closes_after_ms: from a decision to the end of its reward window.
        whole_history: whether no unit has been decided for before the range.
    """
    last_ms = asked.as_of_ms if asked.to_ms is None else asked.to_ms
    return ReportRange(
        timestamp_or_none(asked.from_ms),
        timestamp_or_none(asked.to_ms),
        complete=last_ms + closes_after_ms <= asked.as_of_ms,
        weighting="trajectory" if whole_history else "randomised",
        detail=_detail(asked, whole_history=whole_history),
    )


def _detail(asked: AskedRange, *, whole_history: bool) -> str:
    made = "Decisions made"
    if asked.from_ms is not None:
        made += f" from {timestamp(asked.from_ms)} on"
    if asked.to_ms is not None:
        made += f" before {timestamp(asked.to_ms)}"
    made += f" that had matured by {timestamp(asked.as_of_ms)}."
    if whole_history:
        return made
    return (
        f"{made} Units are compared by their group alone, since what they were shown "
        "before is not in the range. An interval holds at every look if the range was "
        "chosen without looking at its rewards; of several ranges, the one that stands "
        "out is expected to exaggerate."
    )


def _moment(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        if len(text) == len("2030-01-31"):
            found = datetime.combine(
                date.fromisoformat(text), datetime.min.time(), tzinfo=UTC
            )
        else:
            found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found > _LATEST:
        raise InvalidInput.at(
            f"/{name}",
            f"{name} is {text[:40]!r}; it must be a date, such as 2030-01-31 (its "
            "beginning in UTC), or a time with its zone, such as "
            "2030-01-31T14:00:00Z",
        )
    return round(found.timestamp() * 1000)
