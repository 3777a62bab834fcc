"""What the slots of pages earned, as it is stored.

Owns the record and the protocol; see storage.interface for the words that hold of all
protocols.
"""

from typing import NamedTuple, Protocol

from bandit_svc.domain.experiment import Group


class SlotTally(NamedTuple):
    """Sums of a slot over the joined pages of a group that had a variant there.

    Attributes:
        slot: from 1; 0 for what was reported for all of the page.
        variant: empty for slot 0.
    """

    group: Group
    slot: int
    variant: str
    n: int
    total: float
    total_squares: float


class SlotTallies(Protocol):
    """The sums of slots."""

    def tallies(self, number: int) -> list[SlotTally]:
        """Return the sums of an experiment; their number does not grow with the log."""
