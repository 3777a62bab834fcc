"""The clock of the learner's processes.

Owns the one reading of the machine's time there; everything below takes it.
"""

import time


def now_ms() -> int:
    """Give the machine's time in milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000
