"""The turns of a shipper: pauses, faults, and its end.

Owns when the outbox is looked at, how long a stream that is away is waited for, and
what is counted.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

from bandit_svc.clock import deadline_in, elapsed_s
from bandit_svc.errors import BanditError
from bandit_svc.eventlog.stream.acked import Telling
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.eventlog.stream.shipper import Shipper
from bandit_svc.metrics import OUTBOX_BYTES, OUTBOX_SECONDS
from bandit_svc.signals import StopSignal

FLUSH_S: Final = 0.05
"""Between two looks at the outbox."""
AWAITED_FLUSH_S: Final = 0.004
"""The same, while answers wait for what is sent."""
LONGEST_PAUSE_S: Final = 1.0
"""Between two tries to reach a stream that is away."""
END_S: Final = 13.0
"""Told to stop, it waits so long for the last web worker, and for the stream."""
COUNT_EVERY_S: Final = 1.0

_log = logging.getLogger(__name__)


class Sending:
    """The sending of one process, from its start to its stop."""

    def __init__(
        self,
        shipper: Shipper,
        outbox: Outbox,
        now_ms: Callable[[], int],
        stop: StopSignal,
        beat: Callable[[], None],
        telling: Telling | None,
    ) -> None:
        """Take what it works with.

        Args:
            shipper: sends.
            outbox: where the announcement is noted.
            now_ms: the agreed time.
            stop: tells when to end.
            beat: gives a sign of life.
            telling: tells workers whose answers wait what is acknowledged; None where
                they don't.
        """
        self._shipper = shipper
        self._outbox = outbox
        self._now_ms = now_ms
        self._stop = stop
        self._beat = beat
        self._telling = telling
        self._faults = 0
        self._count_at_s = 0.0

    def run(self) -> bool:
        """Send until told to stop, then the rest; return whether all was sent."""
        is_announced = False
        while not self._told_to_stop():
            step = self._shipper.step if is_announced else self._shipper.announce
            if self._try(step) and not is_announced:
                is_announced = True
                self._outbox.announce()
                _log.info("every partition of the stream knows of this node")
            self._count()
        return self._end()

    def _told_to_stop(self) -> bool:
        """Pause until the next step is due; return whether to stop."""
        if self._telling is None or self._faults:
            return self._stop.wait(self._pause_s())
        due_s = elapsed_s() + AWAITED_FLUSH_S
        while self._shipper.waits and elapsed_s() < due_s:
            self._try(self._acknowledge)
        if self._stop.wait(due_s - elapsed_s()):
            return True
        if self._telling.was_asked():
            return False
        return self._stop.wait(FLUSH_S - AWAITED_FLUSH_S, self._telling.pipe)

    def _acknowledge(self, now_ms: int) -> None:
        """Take in what was acknowledged, and tell it at once."""
        self._shipper.acknowledge(now_ms, AWAITED_FLUSH_S / 4)
        if self._telling is not None:
            self._telling.tell(self._shipper.place.sources)

    def _end(self) -> bool:
        """Send what the last workers append until they end, then say that it is all."""
        time_is_up = deadline_in(END_S, elapsed_s)
        while not time_is_up():
            is_over = not self._shipper.has_writers()
            done = self._try(self._shipper.finish if is_over else self._shipper.step)
            if done and is_over:
                _log.info("all is sent")
                return True
            time.sleep(self._pause_s())
        _log.warning(
            "%d bytes of the outbox are not sent; the next start sends them",
            self._shipper.unshipped_bytes(),
        )
        return False

    def _try(self, step: Callable[[int], None]) -> bool:
        """Do one step; return whether it was done. A fault is logged once."""
        self._beat()
        try:
            step(self._now_ms())
        except (BanditError, ValueError, OSError) as error:
            self._faults += 1
            if self._faults == 1:
                _log.error("nothing is sent to the stream now: %s", error)
            return False
        if self._telling is not None:
            self._telling.tell(self._shipper.place.sources)
        if self._faults:
            _log.info("the stream takes what is sent again")
        self._faults = 0
        return True

    def _pause_s(self) -> float:
        longer = 2.0 ** min(self._faults, 10)
        return min(FLUSH_S * longer, LONGEST_PAUSE_S)

    def _count(self) -> None:
        if elapsed_s() < self._count_at_s:
            return
        self._count_at_s = elapsed_s() + COUNT_EVERY_S
        try:
            OUTBOX_BYTES.set(self._shipper.unshipped_bytes())
        except BanditError:
            # The step has named it.
            return
        OUTBOX_SECONDS.set(self._shipper.unshipped_ms(self._now_ms()) / 1000)
