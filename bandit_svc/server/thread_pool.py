"""Run work in a bounded pool of threads, for a loop that must not wait.

Owns how much work waits, for how long, and what is refused. Knows nothing of requests.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bandit_svc.errors import Unavailable

Made = TypeVar("Made")

MOST_WAITING = 200
"""Pieces of work that wait for a thread; more are refused at once."""
MOST_WAIT_S = 10.0
"""A caller that has waited so long has mostly given up."""


class ThreadPool:
    """The threads of one process. For one loop."""

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="pages")
        self._most = threads + MOST_WAITING
        self._held = 0

    async def run(self, work: Callable[[], Made]) -> Made:
        """Return what the work returns, as soon as a thread has done it.

        Raises:
            Unavailable: too much waits already, or this waited for too long.
        """
        if self._held >= self._most:
            raise _overloaded(f"{self._held} requests wait for a thread already")
        entered_s = time.monotonic()

        def timely() -> Made:
            waited_s = time.monotonic() - entered_s
            if waited_s > MOST_WAIT_S:
                raise _overloaded(f"the request waited {waited_s:.0f} s for a thread")
            return work()

        self._held += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._executor, timely
            )
        finally:
            self._held -= 1

    def close(self) -> None:
        """Take no more work; what has not begun is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _overloaded(what: str) -> Unavailable:
    return Unavailable(f"the service is overloaded: {what}; send it again later")
