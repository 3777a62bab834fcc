"""Names that one process holds at a time.

Owns the protocol. Who holds `learner` writes what is derived from the log; who holds
`jobs` does jobs.
"""

from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

LEARNER = "learner"
"""Of one who learns alone, or of a command that needs that nobody learns."""
JOBS = "jobs"
"""Of one who does jobs alone, or of a command that needs that nobody does any."""
EMBEDDED_TOKEN = 0
"""Of a lease that ends with its process, so that no former holder can write."""


class Holder(NamedTuple):
    """Who holds a name."""

    process: str
    """Its number and its machine; empty where the holder could not say."""
    token: int
    """Higher with each holder of a name, where a lease can outlive its process."""

    def __str__(self) -> str:
        """Return the holder for a sentence."""
        return f"process {self.process}" if self.process else "a process"


class Leases(Protocol):
    """Who may do what only one process may do."""

    def hold(self, name: str) -> AbstractContextManager[Holder | None]:
        """Hold a name until the block or the process ends; None if another does."""

    def holder(self, name: str) -> Holder | None:
        """Return who holds a name, None for nobody; takes nothing.

        A process that asks for the name at the same moment gets it.
        """
