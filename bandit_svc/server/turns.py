"""Work in steps between the events of a loop.

Owns how long a step's turn lasts, how much work waits, for how long, and what is
refused. Knows nothing of requests.
"""

import asyncio
import time
from collections.abc import Generator
from typing import Final, TypeVar

from bandit_svc.errors import Unavailable

Made = TypeVar("Made")

TURN_S: Final = 0.001
"""After so long the other connections have their turn."""
MOST_WAITING: Final = 200
MOST_WAIT_S: Final = 10.0
"""A caller that has waited so long has mostly given up."""


class Turns:
    """One piece of work at a time, in the order in which they came. For one loop."""

    def __init__(self, turn_s: float = TURN_S) -> None:
        self._turn_s = turn_s
        self._lock = asyncio.Lock()
        self._held = 0

    async def run(self, work: Generator[None, None, Made]) -> Made:
        """Return what the work returns at its end.

        Raises:
            Unavailable: too much waits already, or this waited for too long.
        """
        if self._lock.locked():
            await self._wait()
        else:
            await self._lock.acquire()
        try:
            return await self._run(work)
        finally:
            self._lock.release()

    async def _wait(self) -> None:
        if self._held >= MOST_WAITING:
            raise _overloaded(f"{self._held} large batches wait already")
        self._held += 1
        try:
            await asyncio.wait_for(self._lock.acquire(), MOST_WAIT_S)
        except TimeoutError:
            raise _overloaded(f"the batch waited for {MOST_WAIT_S:.0f} s") from None
        finally:
            self._held -= 1

    async def _run(self, work: Generator[None, None, Made]) -> Made:
        due_s = time.monotonic() + self._turn_s
        while True:
            try:
                next(work)
            except StopIteration as end:
                made: Made = end.value
                return made
            if time.monotonic() >= due_s:
                await asyncio.sleep(0)
                due_s = time.monotonic() + self._turn_s


def _overloaded(what: str) -> Unavailable:
    return Unavailable(f"the service is overloaded: {what}; send it again later")
