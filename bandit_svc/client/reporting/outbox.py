"""Reports wait in memory, and a thread of the process sends them.

Owns the thread, the bound on what waits, and the counts. Adding a report never waits
for the service and never fails; what is lost is counted and logged. Knows neither
sockets nor the routes' names.
"""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..errors import BanditClientError, no_answer
from ..guarding.minute_log import MinuteLog
from ..transport.deadline import Clock
from .batch_result import BatchResult, result_of_answers, result_of_failure
from .clock_offset import ClockOffset
from .lane import Lane, Report

IDLE_S: Final = 30.0
"""Seconds without a report after which the thread ends, until the next one."""

LONGEST_LOOK_S: Final = 0.1

Answer = tuple[object, str | None]
"""The JSON of an answer, and its header `Date`."""
Send = Callable[[str, bytes], Answer]
"""Posts a body to a path; raises BanditClientError."""


class Outbox:
    """The waiting reports of one process; safe to use from many threads.

    Args:
        lanes: one for each kind of report.
        send: posts a batch, within a time of its own.
        notes: is told what was lost and what waits.
        interval_s: for which the first report of a batch waits for others.
        most_waiting: reports beyond it are dropped, and counted.
        now_s: the monotonic clock.
        wall_s: the time since 1970.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        send: Send,
        notes: MinuteLog,
        *,
        interval_s: float,
        most_waiting: int,
        now_s: Clock = time.monotonic,
        wall_s: Clock = time.time,
    ) -> None:
        self.lanes = {lane.name: lane for lane in lanes}
        self.delivered = 0
        self.repeated = 0
        self.dropped: Counter[str] = Counter()
        self._send = send
        self._notes = notes
        self._interval_s = interval_s
        self._most_waiting = most_waiting
        self._now_s, self._wall_s = now_s, wall_s
        self._offset = ClockOffset(wall_s)
        # Reentrant: a signal's handler may report while its thread is within `add`.
        self._changed = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None
        self._unsettled = 0
        self._hurried = 0

    def add(self, name: str, text: bytes, *, dated: bool = False) -> None:
        """Keep a report until it is sent.

        Args:
            name: of its lane.
            text: its JSON.
            dated: the time of this call is said in it if it has to wait.
        """
        lane = self.lanes[name]
        occurred_s = self._wall_s() if dated else None
        report = Report(text, self._now_s(), occurred_s)
        with self._changed:
            is_full = self._unsettled >= self._most_waiting
            if not is_full:
                lane.waiting.append(report)
                self._unsettled += 1
                self._start()
                if len(lane.waiting) in {1, lane.size}:
                    self._changed.notify_all()
        if is_full:
            self.drop(name, "full", f"{self._most_waiting} wait already")

    def drop(self, name: str, reason: str, sentence: str, count: int = 1) -> None:
        """Count reports that are lost, and say so.

        Args:
            name: of their lane.
            reason: one word, for the counts.
            sentence: why.
            count: how many.
        """
        with self._changed:
            self.dropped[reason] += count
        self._notes.note(
            f"dropped {name} {reason}",
            lambda n: f"{n} {name} were lost ({reason}): {sentence}",
            count,
        )

    @property
    def waiting(self) -> int:
        """The number of reports that wait or are being sent."""
        return self._unsettled

    def hurry(self) -> None:
        """Send what waits now, without a pause; `relax` ends the hurry."""
        with self._changed:
            self._hurried += 1
            for lane in self.lanes.values():
                lane.not_before_s = 0.0
            self._changed.notify_all()

    def relax(self) -> None:
        """End a hurry."""
        with self._changed:
            self._hurried -= 1

    def flush(self, limit_s: float) -> bool:
        """Send what waits; return whether nothing is left.

        Args:
            limit_s: after which it returns in any case.
        """
        if self._unsettled == 0:
            return True
        until_s = self._now_s() + limit_s
        self.hurry()
        try:
            if self._runs():
                with self._changed:
                    self._changed.wait_for(lambda: self._unsettled == 0, limit_s)
            else:
                # A program that is ending can't start a thread any more.
                self._drain(until_s)
        finally:
            self.relax()
        return self._unsettled == 0

    def give_up(self) -> None:
        """Count what still waits as lost; the process ends."""
        left = {name: len(lane.waiting) for name, lane in self.lanes.items()}
        if sum(left.values()) < self._unsettled:
            left["reports"] = self._unsettled - sum(left.values())
        for name, count in left.items():
            if count:
                self.drop(
                    name, "exit", "the program ended before they were sent", count
                )
        self._notes.tell_all()

    def _runs(self) -> bool:
        with self._changed:
            return self._start()

    def _start(self) -> bool:
        """Start the thread if none runs; return whether one does."""
        if self._thread is not None and self._thread.is_alive():
            return True
        thread = threading.Thread(target=self._work, name="bandit-reports", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            self._deliver(*job)

    def _drain(self, until_s: float) -> None:
        while self._unsettled and self._now_s() < until_s:
            with self._changed:
                job = self._due_job()
                if job is None:
                    self._changed.wait(min([*self._waits(), LONGEST_LOOK_S]))
            if job is not None:
                self._deliver(*job)

    def _next_job(self) -> tuple[Lane, list[Report], int] | None:
        """Wait for a batch that may be sent; None if nothing comes for long."""
        with self._changed:
            while (job := self._due_job()) is None:
                waits = self._waits()
                if self._changed.wait(min(waits, default=IDLE_S)) or waits:
                    continue
                if self._unsettled == 0:
                    self._thread = None
                    return None
            return job

    def _due_job(self) -> tuple[Lane, list[Report], int] | None:
        with self._changed:
            due = [(in_s, name) for name, in_s in self._due_in_s() if in_s <= 0]
            if not due:
                return None
            # The one that has waited for longest, so that none waits for ever.
            lane = self.lanes[min(due)[1]]
            return lane, *lane.take(self._now_s())

    def _waits(self) -> list[float]:
        return [max(in_s, 0.0) for _, in_s in self._due_in_s()]

    def _due_in_s(self) -> list[tuple[str, float]]:
        now_s = self._now_s()
        interval_s = 0.0 if self._hurried else self._interval_s
        found = [(n, x.due_in_s(now_s, interval_s)) for n, x in self.lanes.items()]
        return [(name, in_s) for name, in_s in found if in_s is not None]

    def _deliver(self, lane: Lane, batch: list[Report], expired: int) -> None:
        if expired:
            self.drop(lane.name, "expired", "no attempt of an hour was taken", expired)
            self._settled(expired)
        if not batch:
            return
        try:
            redates = not self._offset.is_known
            answer, date = self._send(lane.path, self._body(lane, batch))
            self._offset.note(date)
            answers = _answers(lane, answer, len(batch))
            result = result_of_answers(batch, answers, redates=redates)
        except BanditClientError as error:
            result = result_of_failure(batch, error)
        # The thread has to go on: whatever this was, the reports are sent again.
        except Exception as error:  # noqa: BLE001
            failed = no_answer("The client failed", repr(error), "client_error")
            result = result_of_failure(batch, failed)
        # First, so that who waits for the last report finds it counted.
        self._tell(lane, result)
        self._settle(lane, result)

    def _body(self, lane: Lane, batch: list[Report]) -> bytes:
        now_s = self._now_s()
        texts = (self._offset.dated(one, now_s, self._interval_s) for one in batch)
        return b'{"%s":[%s]}' % (lane.items.encode(), b",".join(texts))

    def _settle(self, lane: Lane, result: BatchResult) -> None:
        with self._changed:
            self.delivered += result.delivered
            self.repeated += len(result.again)
            # One alone may be what its service fails at: it lets the others pass.
            lane.put_back(result.again, last=result.answered or len(result.again) == 1)
            if result.answered:
                lane.succeed()
            if result.split:
                lane.size = max(1, len(result.again) // 2)
            if result.again and result.error is not None and not result.at_once:
                wanted_s = result.error.retry_after_s
                lane.pause(self._now_s(), wanted_s, hurried=self._hurried > 0)
            self._settled(result.delivered + result.refused)
            self._changed.notify_all()

    def _settled(self, count: int) -> None:
        with self._changed:
            self._unsettled -= count
            self._changed.notify_all()

    def _tell(self, lane: Lane, result: BatchResult) -> None:
        error = result.error
        if error is None:
            self._notes.tell_due()
            return
        name, why = lane.name, f"{error.reason}: {error.sentence}"
        if result.refused:
            self.drop(name, "refused", why, result.refused)
        if result.again:
            self._notes.note(
                f"waiting {name} {error.reason}",
                lambda n: f"{n} {name} wait to be sent again ({why})",
                len(result.again),
            )


def _answers(lane: Lane, answer: object, count: int) -> list[Any]:
    found = answer.get(lane.answers) if isinstance(answer, dict) else None
    if not isinstance(found, list) or len(found) != count:
        raise no_answer(
            "The answer is not a batch",
            f"it does not list {count} {lane.answers}",
            "bad_answer",
        )
    return list(itertools.islice(found, count))
