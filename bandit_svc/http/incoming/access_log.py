"""The log lines of requests.

Owns which requests get a line, and what stands in it: the route, never the path or the
query, which may hold ids of units; the id of the key, never the key.
"""

import itertools
import logging
from typing import NamedTuple

from bandit_svc import logs

_MILLI = 1_000.0
_FAULT = 500

_log = logging.getLogger("bandit_svc.access")


class Answered(NamedTuple):
    """One answered request.

    Attributes:
        route: its label in the counts.
        took_s: seconds from the whole request to the answer.
        request_id: its name.
        key_id: of the key that it was accepted with; None for none.
    """

    method: str
    route: str
    status: int
    took_s: float
    request_id: str | None
    key_id: str | None


class AccessLog:
    """Those of one web process. Thread-safe.

    Args:
        every: one of so many requests gets a line; 0 for none. Faults of ours get one
            wherever there are any.
        slow_ms: requests that take so many milliseconds get a line anyway; 0 for none.
    """

    def __init__(self, every: int, slow_ms: int) -> None:
        self._every = every
        self._slow_s = slow_ms / _MILLI if slow_ms else float("inf")
        self._next = itertools.count(1).__next__

    def wants(self, status: int, took_s: float) -> bool:
        """Return whether a request gets a line; ask once for each."""
        if took_s >= self._slow_s:
            return True
        every = self._every
        return every > 0 and (status >= _FAULT or self._next() % every == 0)

    def write(self, answered: Answered) -> None:
        """Write the line of a request."""
        is_slow = answered.took_s >= self._slow_s
        took_ms = round(answered.took_s * _MILLI, 3)
        fields = answered._asdict() | {"took_ms": took_ms, "slow": is_slow}
        del fields["took_s"]
        _log.log(
            logging.WARNING if is_slow else logging.INFO,
            "%s %s %d in %.3f ms%s%s",
            answered.method,
            answered.route,
            answered.status,
            took_ms,
            " (slow)" if is_slow else "",
            f" key={answered.key_id}" if answered.key_id else "",
            extra={logs.FIELDS: {k: v for k, v in fields.items() if v is not None}},
        )
