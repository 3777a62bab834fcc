"""Signs of life of a process, for the parent that watches it.

Owns the pipe between the two. A pipe needs no room on a disk, and a parent that was
stopped for a while finds in it what the child has written meanwhile.
"""

import os
from collections.abc import Mapping

VARIABLE = "BANDIT_HEARTBEAT_FD"
"""Names the descriptor in the environment of the child."""
_MOST_READ = 65_536


class Heartbeat:
    """The end of the child; it does nothing where no parent listens.

    Args:
        environment: of the process.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        given = environment.get(VARIABLE, "")
        self._descriptor = int(given) if given.isdigit() else None

    def beat(self) -> None:
        """Send a sign of life; call it after each piece of work."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, b".")
        except BlockingIOError:
            # The parent has not looked for long; what it finds will do.
            pass
        except OSError:
            self._descriptor = None


class HeartbeatPipe:
    """The end of the parent, for one child.

    Args:
        now_s: the time of the start, on the clock of `silent_s`.
    """

    def __init__(self, now_s: float) -> None:
        self._reading, self.writing = os.pipe()
        self._open = {self._reading, self.writing}
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
        self._last_s = now_s
        self.heard = False
        """True as soon as the child has given a sign."""

    def started(self) -> None:
        """Let go of the end that the child has now."""
        self._close(self.writing)

    def silent_s(self, now_s: float) -> float:
        """Return seconds since the last sign, or since the start."""
        try:
            while os.read(self._reading, _MOST_READ):
                self._last_s, self.heard = now_s, True
        except BlockingIOError:
            pass
        return now_s - self._last_s

    def close(self) -> None:
        """Let go of both ends; idempotent."""
        self._close(self._reading)
        self._close(self.writing)

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)
