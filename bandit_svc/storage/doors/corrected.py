"""Which correction of a reward is the newest, as every backend keeps it.

Owns the protocol; see interface.py. Deliveries come twice and out of order, and of the
corrections of a reward that were reported the one that is received last holds.
"""

from typing import Final, NamedTuple, Protocol

KEPT_MS: Final = 90 * 86_400_000
"""As long as a decision may be rewarded; then it is forgotten."""


class Total(NamedTuple):
    """A new total that a source has reported.

    Attributes:
        rank: of two, the higher one is newer.
        delivery: the id of its delivery, which tells two of one rank apart.
    """

    rank: float
    delivery: str
    value: float


class Corrected(Protocol):
    """The newest total of each reward that a source has corrected."""

    def keep(self, reward: bytes, total: Total, now_ms: int) -> Total:
        """Keep a total unless a newer one is known, and return the newest.

        Args:
            reward: its name; see domain.doors.total_names.
            total: that was reported.
            now_ms: the time, from which it is kept for 90 days.
        """

    def forget(self, name: bytes) -> None:
        """Forget the totals whose names begin so: one, or those of one owner."""
