"""The time that the learner has agreed to, as the store keeps it.

Owns the protocol; what is kept is domain/clock_guard.py's.
"""

from typing import Protocol

from bandit_svc.domain.clock_guard import KeptClock


class Clock(Protocol):
    """One agreement for all processes of a store."""

    def kept(self) -> KeptClock | None:
        """Return the last agreement, None where there is none that can be read."""

    def keep(self, kept: KeptClock) -> None:
        """Replace the agreement."""
