"""Log lines of what goes on failing, once a minute for each cause.

Owns the logger `bandit_client`, and how often it speaks. The first failure of a cause
is logged at once; later ones are counted, and logged together a minute later.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from ..transport.deadline import Clock

EVERY_S: Final = 60.0
MOST_CAUSES: Final = 100
"""More are logged as one, so that names that callers make up cost no memory."""
log = logging.getLogger("bandit_client")

Sentence = Callable[[int], str]
"""What is said of a number of failures."""


class MinuteLog:
    """Warns of each cause at most once a minute; safe to use from many threads."""

    def __init__(self, now_s: Clock = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._next_s: dict[str, float] = {}
        self._untold: dict[str, tuple[int, Sentence]] = {}

    def note(self, cause: str, sentence: Sentence, count: int = 1) -> None:
        """Count failures of a cause; warn if a minute has gone by since the last time.

        Args:
            cause: what they have in common.
            sentence: what is logged, of their number.
            count: how many.
        """
        with self._lock:
            if cause not in self._next_s and len(self._next_s) >= MOST_CAUSES:
                cause = "any other"
            before, _ = self._untold.get(cause, (0, sentence))
            self._untold[cause] = (before + count, sentence)
        self.tell_due()

    def tell_due(self) -> None:
        """Warn of what was counted, where its minute is over."""
        if self._untold:
            self._tell(self._now_s())

    def tell_all(self) -> None:
        """Warn of all that was counted and not told yet."""
        self._tell(float("inf"))

    def _tell(self, now_s: float) -> None:
        with self._lock:
            due = [c for c in self._untold if self._next_s.get(c, 0.0) <= now_s]
            told = [self._untold.pop(cause) for cause in due]
            self._next_s |= dict.fromkeys(due, self._now_s() + EVERY_S)
        for count, sentence in told:
            # Never a key, an id or a value of a context.
            log.warning("%s", sentence(count))
