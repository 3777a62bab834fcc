"""When a report that had to wait occurred, by the service's clock.

Owns the difference of both clocks. A report that is sent at once says no time, so that
a wrong clock does no harm; one that waited would count as of now, and says when it was.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ..transport.deadline import Clock
from .lane import Report

LEAST_OFFSET_S: Final = 5.0
"""A smaller difference is that of a network, and of a header in whole seconds."""
PROMPT_S: Final = 1.0
"""A report that waited no longer, beyond its interval, was sent at once."""


class ClockOffset:
    """The service's clock, as seen from this process.

    Args:
        wall_s: this process's time since 1970.
    """

    def __init__(self, wall_s: Clock) -> None:
        self._wall_s = wall_s
        self._offset_s = 0.0
        self.is_known = False
        """An answer of the service has said its time."""

    def note(self, date: str | None) -> None:
        """Compare with the header `Date` of an answer that has just come."""
        if date is None:
            return
        try:
            offset_s = parsedate_to_datetime(date).timestamp() - self._wall_s()
        except ValueError:
            return
        self.is_known = True
        self._offset_s = offset_s if abs(offset_s) >= LEAST_OFFSET_S else 0.0

    def dated(self, report: Report, now_s: float, interval_s: float) -> bytes:
        """Return the JSON of a report, with its time if it had to wait."""
        waited_s = now_s - report.born_s
        if report.occurred_s is None or waited_s <= interval_s + PROMPT_S:
            return report.text
        occurred = datetime.fromtimestamp(report.occurred_s + self._offset_s, UTC)
        return (
            report.text[:-1] + b',"occurred_at":"%s"}' % occurred.isoformat().encode()
        )
