"""Tell an operator whether the service itself is well.

Owns the checks that cost little enough for a page; `bandit-svc doctor` looks through
the store and the models as well. What was measured is passed in.
"""

from typing import Any, NamedTuple

from bandit_svc.domain.numbers import count, duration, percent

Json = dict[str, Any]

BACKLOG_WARN_BYTES = 50_000_000
LAG_WARN_S, LAG_FAIL_S = 10.0, 60.0
FREE_WARN_SHARE, FREE_FAIL_BYTES = 0.1, 200_000_000
ERRORS_WARN = 0.001
_MEGABYTE = 1e6


class Measured(NamedTuple):
    """What the machine, the log and the metrics say now."""

    learner_holds_lease: bool
    backlog_bytes: int
    lag_s: float | None
    """How long the oldest decision has waited that could be joined; None for none."""
    free_bytes: int
    disk_bytes: int
    requests: float
    server_errors: float
    dead_partitions: int
    """Parts of the log whose writer has died, with something left to read."""


def operation_checks(m: Measured) -> list[Json]:
    """Give every check with its status, a sentence, and what to do."""
    lag_s = m.lag_s or 0.0
    free, share = m.free_bytes, m.free_bytes / max(1, m.disk_bytes)
    errors = m.server_errors / max(1.0, m.requests)
    return [
        _check(
            "A learner is running",
            "ok" if m.learner_holds_lease else "fail",
            "it holds the lease"
            if m.learner_holds_lease
            else "nobody holds the learner's lease: decisions go on and are logged, "
            "nothing is learned; start `bandit-svc learner`",
        ),
        _check(
            "It keeps up",
            _level(lag_s, LAG_WARN_S, LAG_FAIL_S),
            f"the oldest matured decision has waited {duration(lag_s)} to be joined",
        ),
        _check(
            "The event log is read",
            "warn" if m.backlog_bytes > BACKLOG_WARN_BYTES else "ok",
            f"{m.backlog_bytes / _MEGABYTE:,.1f} MB are not in the store yet"
            + (
                f"; {count(m.dead_partitions)} parts are of workers that have ended"
                if m.dead_partitions
                else ""
            ),
        ),
        _check(
            "The disk has room",
            "fail"
            if free < FREE_FAIL_BYTES
            else "warn"
            if share < FREE_WARN_SHARE
            else "ok",
            f"{free / _MEGABYTE:,.0f} MB are free ({percent(share)}); without room "
            "decisions are refused",
        ),
        _check(
            "Requests are answered",
            "warn" if errors > ERRORS_WARN else "ok",
            f"{count(round(m.server_errors))} of {count(round(m.requests))} requests "
            "since the start ended in a 5xx",
        ),
    ]


def _check(name: str, status: str, detail: str) -> Json:
    return {"name": name, "status": status, "detail": detail}


def _level(value: float, warn: float, fail: float) -> str:
    return "fail" if value > fail else "warn" if value > warn else "ok"
