"""The clocks of the service's processes.

Owns the readings of the machine's time; entry points pass them to everything below.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from bandit_svc.domain.clock_guard import ClockGuard, Doubt, KeptClock
from bandit_svc.domain.times import Deadline

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# It counts while the machine sleeps, as the wall clock does.
_RUNNING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_ms() -> int:
    """Return the machine's time in milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def running_ms() -> int:
    """Return milliseconds since the machine's start, sleep included; never set."""
    return time.clock_gettime_ns(_RUNNING) // 1_000_000


def boot_id() -> str:
    """Return what differs after each start of the machine; empty if it has none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


LOOK_EVERY_MS = 50
"""Between two looks at the wall clock; a step moves the agreed time by nothing."""


class GuardedClock:
    """The agreed time of one process. Thread-safe.

    Args:
        kept: what the learner agreed to last, so that processes start alike.
    """

    def __init__(
        self,
        kept: KeptClock | None,
        *,
        wall_ms: Callable[[], int] = now_ms,
        running_ms: Callable[[], int] = running_ms,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        self._wall_ms = wall_ms
        self._running_ms = running_ms
        self._boot_id = boot()
        self._lock = threading.Lock()
        self._offset_ms = 0
        self._due_ms = 0
        self._guard = ClockGuard()
        if kept is not None:
            now = self._boot_id, wall_ms(), running_ms()
            self._guard = ClockGuard(
                kept.offset_for(*now), kept.settles_at_ms_for(*now)
            )

    def now_ms(self) -> int:
        """Return the agreed time in milliseconds since the epoch, UTC."""
        running_ms = self._running_ms()
        if running_ms < self._due_ms:
            return running_ms + self._offset_ms
        with self._lock:
            now_ms = self._guard.agree(self._wall_ms(), running_ms)
            self._offset_ms = now_ms - running_ms
            self._due_ms = running_ms + LOOK_EVERY_MS
        return now_ms

    @property
    def doubt(self) -> Doubt | None:
        """The wall clock of the last reading, if it is not believed."""
        return self._guard.doubt

    @property
    def holds(self) -> bool:
        """True while nothing may be joined by the time of the last reading."""
        return self._guard.holds(self._running_ms())

    def kept(self) -> KeptClock:
        """Return the agreement, for the processes that start later."""
        with self._lock:
            return self._guard.kept(self._boot_id, self._running_ms())


def elapsed_s() -> float:
    """Return seconds from an arbitrary start; never set back."""
    return time.monotonic()


def deadline_in(seconds: float, clock_s: Callable[[], float]) -> Deadline:
    """Return the question whether `seconds` have passed from now on `clock_s`."""
    due_s = clock_s() + seconds
    return lambda: clock_s() >= due_s
