"""Answers that wait until the stream has acknowledged what they tell.

Owns how long they wait, how often the loop looks, and what is answered and logged
where the stream does not acknowledge in time. For the loop of one worker, but for
`watched`, which any thread calls.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from bandit_svc.domain.events.codec import encode_withdrawal
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.acked import Asking
from bandit_svc.eventlog.stream.awaited import AwaitedLog, Owed

Made = TypeVar("Made")

MOST_WAIT_S: Final = 2.0
"""After so long an answer is 503: the stream's leader may have died."""
LOOK_EVERY_S: Final = 0.001


class _Waiting(NamedTuple):
    owed: Owed
    due_s: float
    then: Callable[[bool], None]


class Acknowledgements:
    """The waiting answers of one worker."""

    def __init__(
        self, log: AwaitedLog, asking: Asking, now_ms: Callable[[], int]
    ) -> None:
        self._log = log
        self._asking = asking
        self._now_ms = now_ms
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def watched(self, work: Callable[[], Made]) -> tuple[Made, Owed | None]:
        """Do work in this thread; return what it made, and what it owes."""
        self._log.owed()
        made = work()
        return made, self._log.owed()

    def when_settled(self, owed: Owed, then: Callable[[bool], None]) -> None:
        """Call back in the loop: True as soon as it is acknowledged, False if late."""
        loop = asyncio.get_running_loop()
        self._waiting.append(_Waiting(owed, loop.time() + MOST_WAIT_S, then))
        if self._timer is None:
            self._asking.ask()
            self._timer = loop.call_later(LOOK_EVERY_S, self._look)

    async def settled(self, owed: Owed | None) -> None:
        """Wait until it is acknowledged.

        Raises:
            Unavailable: it was not in time.
        """
        if owed is None:
            return
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def then(is_acknowledged: bool) -> None:  # noqa: FBT001 - a callback
            if not future.done():
                future.set_result(is_acknowledged)

        self.when_settled(owed, then)
        if not await future:
            raise not_acknowledged()

    def close(self) -> None:
        """Let go of the files; idempotent."""
        self._asking.close()

    def _look(self) -> None:
        """Answer what is acknowledged, or late; look again if anything is left."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        left: deque[_Waiting] = deque()
        waiting, self._waiting = self._waiting, left
        for one in waiting:
            if self._asking.acknowledged(one.owed.source) >= one.owed.records:
                one.then(True)  # noqa: FBT003 - a callback's one argument
            elif now_s >= one.due_s:
                self._withdraw(one.owed)
                one.then(False)  # noqa: FBT003
            else:
                left.append(one)
        self._timer = None
        if left:
            self._asking.ask()
            self._timer = loop.call_later(LOOK_EVERY_S, self._look)

    def _withdraw(self, owed: Owed) -> None:
        """Log that nobody saw these decisions, which may be in the stream."""
        records = [encode_withdrawal(raw, self._now_ms()) for raw in owed.decisions]
        try:
            self._log.append_all(records)
        except Unavailable:
            # Its disk is full: the decisions count as shown, with the default reward.
            return
        finally:
            self._log.owed()


def not_acknowledged() -> Unavailable:
    """Return the error of an answer that waited for too long."""
    return Unavailable(
        f"the stream did not acknowledge within {MOST_WAIT_S:g} s; send the request "
        "again"
    )
