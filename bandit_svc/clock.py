"""The clocks of the service's processes.

Owns the readings of the machine's time; entry points pass them to everything below.
"""

import time
from collections.abc import Callable

from bandit_svc.domain.times import Deadline


def now_ms() -> int:
    """Return the machine's time in milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def elapsed_s() -> float:
    """Return seconds from an arbitrary start; never set back."""
    return time.monotonic()


def deadline_in(seconds: float, clock_s: Callable[[], float]) -> Deadline:
    """Return the question whether `seconds` have passed from now on `clock_s`."""
    due_s = clock_s() + seconds
    return lambda: clock_s() >= due_s
