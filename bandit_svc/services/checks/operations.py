"""Check that the service itself works, for its operator.

Owns the checks that cost little enough for a page; `bandit-svc doctor` looks through
the store and the models as well. What was measured is passed in.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.numbers import counted, duration, percent
from bandit_svc.eventlog.bounded import Room, Shortage
from bandit_svc.services.checks.check import Check, CheckKind, Status

BACKLOG_WARN_BYTES = 50_000_000
LAG_WARN_S, LAG_FAIL_S = 10.0, 60.0
ERRORS_WARN = 0.001
_MEGABYTE = 1e6


class Measured(NamedTuple):
    """Readings of the machine, the log and the metrics."""

    learner: str
    """Who holds the lease of the learner; empty for nobody."""
    backlog_bytes: int
    lag_s: float | None
    """Wait of the oldest decision that could be joined, in seconds; None for none."""
    room: Room
    shortages: Sequence[Shortage]
    """The limits of the event log that are near or passed."""
    requests: float
    server_errors: float
    dead_partitions: int
    """Parts of the log whose writer has died, with something left to read."""
    doubt: str = ""
    """What is wrong with the wall clock, a sentence; empty while it is believed."""
    damage: str = ""
    """What the event log has lost or can't read, a sentence; empty if nothing."""


LEARNER_RUNS = CheckKind("learner_runs", "A learner is running")
KEEPS_UP = CheckKind("keeps_up", "The learner keeps up with the decisions")
LOG_IS_READ = CheckKind("log_is_read", "The event log is read into the store")
LOG_IS_WHOLE = CheckKind("log_is_whole", "The event log has lost no facts")
DISK = CheckKind("disk", "The event log and its disk have room")
CLOCK = CheckKind("clock", "The wall clock runs evenly")
REQUESTS = CheckKind("requests", "Requests are answered without server errors")


def operation_checks(m: Measured) -> list[Check]:
    """Return every check, whatever its outcome, in a fixed order."""
    return [
        _learner(m),
        _keeps_up(m),
        _backlog(m),
        _damage(m),
        _disk(m),
        _clock(m),
        _requests(m),
    ]


def _learner(m: Measured) -> Check:
    if m.learner:
        return LEARNER_RUNS.ok(f"{m.learner} holds the lease")
    return LEARNER_RUNS.fail(
        "no process holds the learner's lease: decisions are still made and logged, "
        "nothing is learned; start `bandit-svc learner`"
    )


def _keeps_up(m: Measured) -> Check:
    lag_s = m.lag_s or 0.0
    return KEEPS_UP.answer(
        _level(lag_s, LAG_WARN_S, LAG_FAIL_S),
        f"the oldest matured decision has waited {duration(lag_s)} to be joined",
    )


def _backlog(m: Measured) -> Check:
    sentence = f"{m.backlog_bytes / _MEGABYTE:,.1f} MB are not in the store yet"
    if m.dead_partitions:
        parts = counted(
            m.dead_partitions,
            "part is of a worker that has",
            "parts are of workers that have",
        )
        sentence += f"; {parts} ended"
    status: Status = "warn" if m.backlog_bytes > BACKLOG_WARN_BYTES else "ok"
    return LOG_IS_READ.answer(status, sentence)


def _damage(m: Measured) -> Check:
    if m.damage:
        return LOG_IS_WHOLE.fail(m.damage)
    return LOG_IS_WHOLE.ok("the learner has found no damage that is not acknowledged")


def _disk(m: Measured) -> Check:
    if m.shortages:
        passed = any(shortage.passed for shortage in m.shortages)
        sentence = "; ".join(shortage.sentence for shortage in m.shortages)
        return DISK.answer("fail" if passed else "warn", sentence)
    share = m.room.free_bytes / max(1, m.room.disk_bytes)
    free = f"{m.room.free_bytes / _MEGABYTE:,.0f} MB"
    return DISK.ok(f"{free} of the disk are free ({percent(share)})")


def _clock(m: Measured) -> Check:
    if m.doubt:
        return CLOCK.fail(m.doubt)
    return CLOCK.ok("the learner believes it")


def _requests(m: Measured) -> Check:
    if not m.requests:
        return REQUESTS.early("not tested: no request has come since the start")
    status: Status = "warn" if m.server_errors / m.requests > ERRORS_WARN else "ok"
    all_of_them = counted(round(m.requests), "request")
    return REQUESTS.answer(
        status,
        f"{round(m.server_errors):,} of {all_of_them} since the start ended in a 5xx",
    )


def _level(value: float, warn: float, fail: float) -> Status:
    return "fail" if value > fail else "warn" if value > warn else "ok"
