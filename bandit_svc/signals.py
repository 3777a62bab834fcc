"""Signals that stop a process of the service.

Owns the handlers of SIGTERM and SIGINT and a wait that they end, and the bond of a
process to its parent. A signal is only noted; whoever waits decides what to do. For
the main thread of a process.
"""

import ctypes
import os
import select
import signal
import sys
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG = 1


def bind_to_parent() -> None:
    """Make the kernel send SIGTERM to this process when its parent dies.

    Linux only; elsewhere a parent that is killed leaves this process behind,
    unless it looks for its parent itself.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class StopSignal:
    """Notes that the process was told to stop, and wakes it from its wait.

    A pipe instead of an Event: a handler that sets an Event while the main
    thread is entering its wait would wait for a lock of that same thread.
    """

    def __init__(self, *also_wake: signal.Signals) -> None:
        """Install the handlers.

        Args:
            also_wake: signals that end a wait without meaning "stop".
        """
        self.received = False
        self._reading, writing = os.pipe()
        for descriptor in (self._reading, writing):
            os.set_blocking(descriptor, False)
        for number in STOPS:
            signal.signal(number, self._note)
        for number in also_wake:
            # Without a handler in Python, the pipe is not written to.
            signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def wait(self, seconds: float, *also: int) -> bool:
        """Wait so long, or until a signal comes; say whether to stop.

        Args:
            seconds: the longest wait.
            also: descriptors that end the wait when something can be read from them.
        """
        if not self.received:
            watched = [self._reading, *also]
            ready, _, _ = select.select(watched, [], [], max(0.0, seconds))
            if self._reading in ready:
                os.read(self._reading, 4096)
        return self.received

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.received = True
