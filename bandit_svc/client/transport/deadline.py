"""The one moment at which a whole call has to end.

Owns what is left of a call's time. Every wait of a call (name, connection, handshake,
each piece that is sent or read, the repeated attempt) takes what is left, and no more.
"""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since any fixed moment; never set back."""


class Deadline:
    """Ends a call; made when the call begins.

    Args:
        limit_s: seconds that the call may take.
        now_s: the clock.
    """

    __slots__ = ("_at_s", "_now_s", "limit_s")

    def __init__(self, limit_s: float, now_s: Clock = time.monotonic) -> None:
        self.limit_s = limit_s
        self._now_s = now_s
        self._at_s = now_s() + limit_s

    def left_s(self) -> float:
        """Return the seconds that are left, more than 0.

        Raises:
            TimeoutError: none are left.
        """
        left_s = self._at_s - self._now_s()
        if left_s <= 0:
            raise TimeoutError(f"no answer within {self.limit_s:g} s")
        return left_s
