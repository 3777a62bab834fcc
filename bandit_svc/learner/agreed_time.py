"""The learner's time: agreed, kept for other processes, and shown while in doubt.

Owns when a doubt is logged, kept and exported. The rule is domain/clock_guard.py's.
"""

import logging

from bandit_svc import metrics
from bandit_svc.clock import GuardedClock
from bandit_svc.domain.clock_guard import SETTLED_MS, Doubt
from bandit_svc.storage.clock import Clock

KEPT_EVERY_MS = 15_000

_log = logging.getLogger(__name__)


class AgreedTime:
    """The clock of one learner process.

    Args:
        clock: reads the machine's clocks.
        kept: where other processes and commands find the agreement.
    """

    def __init__(self, clock: GuardedClock, kept: Clock) -> None:
        self._clock = clock
        self._kept = kept
        self._shown: Doubt | None = None
        self._kept_at_ms: int | None = None
        if clock.holds:
            _log.warning(
                "the machine was started anew, and the wall clock is ahead of the time "
                "that was kept; joining waits until %d s after the machine's start, so "
                "that a time service can correct the clock",
                SETTLED_MS // 1000,
            )

    @property
    def holds(self) -> bool:
        """True while nothing may be joined: the clock is in doubt, or may be soon."""
        return self._clock.holds

    def now_ms(self) -> int:
        """Return the agreed time; log a doubt once, and keep what has changed."""
        now_ms = self._clock.now_ms()
        doubt = self._clock.doubt
        changed = doubt != self._shown
        if changed and doubt is not None:
            _log.warning("%s", doubt.sentence)
        elif changed:
            _log.warning("the clocks agree again; joining goes on")
        self._shown = doubt
        # An agreed time that was set back to a corrected wall clock is kept at once.
        if changed:
            self._keep(now_ms)
        metrics.DEGRADED.labels("clock").set(doubt is not None)
        return now_ms

    def worked(self) -> None:
        """Keep the time, if it is due; call it after each tick that did not fail.

        A learner that fails in each tick has stored nothing, so it must look silent.
        """
        now_ms = self._clock.now_ms()
        if self._kept_at_ms is None or now_ms - self._kept_at_ms >= KEPT_EVERY_MS:
            self._keep(now_ms)

    def _keep(self, now_ms: int) -> None:
        self._kept.keep(self._clock.kept())
        self._kept_at_ms = now_ms
