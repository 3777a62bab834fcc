"""Reports of one kind that wait for the same route.

Owns their order, the size of the next batch, and when it may be sent. Not safe for
threads by itself: the outbox holds its lock around each call.
"""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

LIFETIME_S: Final = 3600.0
"""Seconds for which a report is sent again."""
MOST_ITEMS: Final = 1000
MOST_BYTES: Final = 1_000_000
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
HURRIED_PAUSE_S: Final = 0.1


class Report(NamedTuple):
    """One item of a batch.

    Attributes:
        text: its JSON.
        born_s: when it was made, by the monotonic clock.
        occurred_s: the same since 1970; None where the item says itself when, or needs
            no time.
    """

    text: bytes
    born_s: float
    occurred_s: float | None = None


@dataclass
class Lane:
    """One kind of report.

    Attributes:
        name: what its items are called, in log lines and counts.
        path: the route of batches.
        items: the member of the request that lists them.
        answers: the member of the answer that lists what became of each.
    """

    name: str
    path: str
    items: str
    answers: str
    waiting: deque[Report] = field(default_factory=deque)
    size: int = MOST_ITEMS
    not_before_s: float = 0.0
    failures: int = 0

    def due_in_s(self, now_s: float, interval_s: float) -> float | None:
        """Return the seconds until a batch may be sent; None if nothing waits.

        Args:
            now_s: the time.
            interval_s: for which the first of a batch waits for others.
        """
        if not self.waiting:
            return None
        is_full = len(self.waiting) >= self.size
        ready_s = 0.0 if is_full else self.waiting[0].born_s + interval_s
        return max(ready_s, self.not_before_s) - now_s

    def take(self, now_s: float) -> tuple[list[Report], int]:
        """Take the next batch away, and how many had grown too old."""
        expired = 0
        while self.waiting and now_s - self.waiting[0].born_s > LIFETIME_S:
            self.waiting.popleft()
            expired += 1
        batch: list[Report] = []
        n_bytes = 0
        while self.waiting and len(batch) < self.size:
            n_bytes += len(self.waiting[0].text) + 1
            if batch and n_bytes > MOST_BYTES:
                break
            batch.append(self.waiting.popleft())
        return batch, expired

    def succeed(self) -> None:
        """Note that a batch was answered."""
        self.failures = 0
        self.not_before_s = 0.0
        self.size = min(2 * self.size, MOST_ITEMS)

    def put_back(self, reports: Sequence[Report], *, last: bool = False) -> None:
        """Keep reports to be sent again.

        Args:
            reports: in their order.
            last: behind what waits, so that it does not wait for them.
        """
        if last:
            self.waiting.extend(reports)
        else:
            self.waiting.extendleft(reversed(reports))

    def pause(self, now_s: float, wanted_s: float | None, *, hurried: bool) -> None:
        """Wait before the next batch, for longer after each failure.

        Args:
            now_s: the time.
            wanted_s: what the service asked for; None if nothing.
            hurried: the program ends and waits for it.
        """
        self.failures += 1
        pause_s = min(FIRST_PAUSE_S * 2 ** min(self.failures - 1, 10), LONGEST_PAUSE_S)
        # Not all callers of a service that comes back at once.
        pause_s *= 0.5 + 0.5 * random.random()  # noqa: S311 - no secret hangs on it
        if wanted_s is not None:
            pause_s = max(pause_s, min(wanted_s, LIFETIME_S))
        if hurried:
            pause_s = HURRIED_PAUSE_S
        self.not_before_s = now_s + pause_s
