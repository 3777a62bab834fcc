"""The rooms of a cluster that are apart, and the links between them.

Owns their names, and the choice between namespaces and proxies.
"""

from typing import Literal, Protocol

Room = Literal["web", "stream", "store", "learner"]
Link = tuple[Room, Room]
ROOMS: tuple[Room, ...] = ("web", "stream", "store", "learner")
LINKS: tuple[Link, ...] = (
    ("web", "stream"),
    ("web", "store"),
    ("learner", "stream"),
    ("learner", "store"),
)


class Cuttable(Protocol):
    """A link that a test takes down, makes slow or lossy, and mends."""

    def cut(self) -> None:
        """Let nothing pass."""

    def mend(self) -> None:
        """Let everything pass."""

    def spoil(self, delay_s: float, loss: float) -> None:
        """Delay what passes each way, and lose a share of it."""
