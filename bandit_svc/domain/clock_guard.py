"""Decide which time it is when the machine's clocks disagree.

Owns the rule by which a wall clock is believed. Pure: the caller reads both clocks.
The guard's time is the running clock plus an agreed offset, so it is never set back
while the clocks agree, and a step of the wall clock does not move it.
"""

import msgspec

from bandit_svc.domain.limits import CLOCK_SKEW_MS

STEADY_AFTER_MS = 600_000
"""A wall clock that stepped and then ran evenly for so long is believed."""
SETTLED_MS = 180_000
"""So long after its start a machine's time service has corrected the wall clock."""
SLOWEST_SLEW = 10
"""The agreed offset moves by at most a tenth of the time that passes."""


class Doubt(msgspec.Struct, frozen=True):
    """A wall clock that is not believed.

    Attributes:
        offset_ms: its distance from the running clock, in milliseconds.
        since_ms: when that was first seen, on the running clock.
        step_ms: its distance from the agreed time; negative if it was set back.
    """

    offset_ms: int
    since_ms: int
    step_ms: int

    @property
    def sentence(self) -> str:
        """The step, the limit, and the way out, for logs and operators."""
        direction = "ahead of" if self.step_ms > 0 else "behind"
        return (
            f"the wall clock is {abs(self.step_ms) / 1000:.0f} s {direction} the time "
            f"that was agreed; more than {CLOCK_SKEW_MS // 1000} s are doubted, and "
            "joining is on hold until the clocks agree or the wall clock has run "
            f"evenly for {STEADY_AFTER_MS // 60_000} min; check the time service of "
            "the machine"
        )


class KeptClock(msgspec.Struct, frozen=True):
    """What a learner has agreed to, for the processes that start after it.

    Attributes:
        boot_id: the running clock counts from the start of this boot.
        offset_ms: the agreed time minus the running clock, in milliseconds.
        agreed_at_ms: the agreed time when this was kept.
        doubt: the wall clock that was doubted then, if it was.
        settles_at_ms: before it, on the running clock, nothing may be joined.
    """

    boot_id: str
    offset_ms: int
    agreed_at_ms: int
    doubt: Doubt | None = None
    settles_at_ms: int = 0

    def settles_at_ms_for(self, boot_id: str, wall_ms: int, running_ms: int) -> int:
        """Return until when joining waits for the time service, on the running clock.

        After another boot a wall clock ahead of what was may be right, since the
        machine was off, or wrong until the time service corrects it.
        """
        if boot_id == self.boot_id:
            return self.settles_at_ms
        if wall_ms > self.agreed_at_ms + CLOCK_SKEW_MS and running_ms < SETTLED_MS:
            return SETTLED_MS
        return 0

    def offset_for(self, boot_id: str, wall_ms: int, running_ms: int) -> int | None:
        """Return the offset to begin with, or None where the wall clock is believed.

        After another boot the running clock tells nothing. Then the wall clock is
        doubted only if it is behind a time that has been.
        """
        if boot_id == self.boot_id:
            return self.offset_ms
        if wall_ms < self.agreed_at_ms - CLOCK_SKEW_MS:
            return self.agreed_at_ms - running_ms
        return None


class ClockGuard:
    """Follows one wall clock from reading to reading.

    Args:
        offset_ms: agreed time minus running clock; None believes the first reading.
        settles_at_ms: until then, on the running clock, joining holds, and the wall
            clock is believed, whatever it says.
    """

    def __init__(self, offset_ms: int | None = None, settles_at_ms: int = 0) -> None:
        self._offset_ms = offset_ms
        self._settles_at_ms = settles_at_ms
        self._moved_at_ms: int | None = None
        self.doubt: Doubt | None = None

    def agree(self, wall_ms: int, running_ms: int) -> int:
        """Return the agreed time in milliseconds since the epoch.

        Args:
            wall_ms: the wall clock, which may be set.
            running_ms: a clock that is never set, and that counts while the machine
                sleeps.
        """
        offset_ms = wall_ms - running_ms
        agreed_ms = offset_ms if self._offset_ms is None else self._offset_ms
        step_ms = offset_ms - agreed_ms
        doubt = self.doubt
        if running_ms < self._settles_at_ms:
            # Nothing has been joined by this time yet, so a correction is welcome.
            agreed_ms = offset_ms
        elif abs(step_ms) <= CLOCK_SKEW_MS:
            self.doubt = None
            agreed_ms += self._slew(step_ms, running_ms)
        elif doubt is None or abs(offset_ms - doubt.offset_ms) > CLOCK_SKEW_MS:
            self.doubt = Doubt(offset_ms, running_ms, step_ms)
        elif running_ms - doubt.since_ms >= STEADY_AFTER_MS:
            self.doubt = None
            agreed_ms = offset_ms
        self._offset_ms = agreed_ms
        return running_ms + agreed_ms

    def holds(self, running_ms: int) -> bool:
        """Return whether nothing may be joined now; call it after `agree`."""
        return self.doubt is not None or running_ms < self._settles_at_ms

    def kept(self, boot_id: str, running_ms: int) -> KeptClock:
        """Return the agreement as it is kept; call it after `agree`."""
        offset_ms = self._offset_ms or 0
        return KeptClock(
            boot_id,
            offset_ms,
            running_ms + offset_ms,
            self.doubt,
            self._settles_at_ms,
        )

    def _slew(self, step_ms: int, running_ms: int) -> int:
        """Return how far the offset follows a small step or a slow drift."""
        if self._moved_at_ms is None:
            self._moved_at_ms = running_ms
        most_ms = (running_ms - self._moved_at_ms) // SLOWEST_SLEW
        if most_ms <= 0:
            return 0
        self._moved_at_ms = running_ms
        return max(-most_ms, min(most_ms, step_ms))
