"""The ranges of time that the page of an experiment offers.

Owns their names and addresses; what a range counts is services.report.ranges'.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from bandit_svc.services.report.ranges.asked import RangeQuery

MOST_WEEKS = 8
_WEEK = timedelta(days=7)


class RangeLink(NamedTuple):
    """A range by its name; `query` follows the address of a page, "" for all."""

    name: str
    query: str
    current: bool


def range_links(
    created_at_ms: int, now_ms: int, asked: RangeQuery
) -> tuple[RangeLink, ...]:
    """Return all, the last seven days, and the newest weeks since the creation.

    A week begins on Monday, 0:00 UTC.
    """
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    created = datetime.fromtimestamp(created_at_ms / 1000, UTC).date()
    ranges = [("all", RangeQuery()), ("last 7 days", RangeQuery(str(today - _WEEK)))]
    monday = today - timedelta(days=today.weekday())
    for _ in range(MOST_WEEKS):
        if monday + _WEEK <= created:
            break
        week = RangeQuery(str(monday), str(monday + _WEEK))
        ranges.append((f"week of {monday}", week))
        monday -= _WEEK
    links = [(name, query_of(one), one == asked) for name, one in ranges]
    found = [RangeLink(*link) for link in links]
    if not any(link.current for link in found):
        found.append(RangeLink("the range asked for", query_of(asked), current=True))
    return tuple(found)


def query_of(asked: RangeQuery) -> str:
    """Return the query of an address; empty for all."""
    ends = (("from", asked.since), ("to", asked.until), ("as_of", asked.as_of))
    given = {name: value for name, value in ends if value is not None}
    return f"?{urlencode(given)}" if given else ""
