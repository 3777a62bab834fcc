"""What another server would have, if it took the place of the store's.

Owns the protocol. The event log of a machine is deleted behind what the store has read;
a standby that takes over without the last of it could never read it again. So the log
stays until every standby that is known has what was read.
"""

from typing import Protocol

from bandit_svc.storage.rows import Cursors


class Standbys(Protocol):
    """The servers that may take over."""

    def covered(self, cursors: Cursors) -> Cursors:
        """Return the cursors behind which the log is needed no more.

        Args:
            cursors: as they are in the store now.
        """

    def faults(self) -> list[str]:
        """Return one sentence for each standby whose state can't be known."""


class NoStandbys:
    """Of a store that is a file of this machine."""

    def covered(self, cursors: Cursors) -> Cursors:
        """Return the cursors as they are."""
        return cursors

    def faults(self) -> list[str]:
        """Return none."""
        return []
