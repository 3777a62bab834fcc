"""The clock that simulated traffic lives by.

Owns the reading of time and the waiting, so that a test can bring its own.
"""

import threading
import time
from typing import Protocol


class Pace(Protocol):
    """Time, and waiting for it to pass."""

    def now_s(self) -> float:
        """Give the seconds since 1970, UTC."""

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until told to stop; say whether to stop."""


class RealPace:
    """The machine's clock, and an event that ends every wait."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now_s(self) -> float:
        """Give the machine's time."""
        return time.time()

    def wait(self, seconds: float) -> bool:
        """Wait on the event."""
        return self._stop.wait(max(0.0, seconds))
