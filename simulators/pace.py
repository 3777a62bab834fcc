"""The clock of simulated traffic.

Owns the reading of time and the waiting, so that a test can pass in its own.
"""

import threading
import time
from typing import Protocol


class Pace(Protocol):
    """A clock that can wait."""

    def now_s(self) -> float:
        """Return the seconds since the epoch."""

    def wait(self, seconds: float) -> bool:
        """Wait this long or until a stop is requested; return whether it is."""


class RealPace:
    """The clock of the machine, and an event that ends every wait."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now_s(self) -> float:
        """Return the seconds since the epoch by the clock of the machine."""
        return time.time()

    def wait(self, seconds: float) -> bool:
        """Wait for the event; return whether it is set."""
        return self._stop.wait(max(0.0, seconds))
