"""Messages of a stream as a reader gets them, whatever keeps them.

Owns the protocol that each engine implements. Messages of a partition are numbered
from 1, without a gap.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Stored(NamedTuple):
    """One message.

    Attributes:
        number: its place in the partition.
        stamped_ms: the server's clock when it was stored, None where it says none.
        data: as it was sent.
    """

    number: int
    stamped_ms: int | None
    data: bytes


class Extent(NamedTuple):
    """What a partition holds now.

    Attributes:
        first: the number of the first message that is kept; last + 1 without any.
        last: of the newest message, 0 before the first one.
        bytes: about how many they are; 0 where the server doesn't say.
    """

    first: int
    last: int
    bytes: int


class Messages(Protocol):
    """The reading end of one engine. For one thread.

    Every method but `close` raises Unavailable where no server answers.
    """

    def open(self) -> None:
        """Connect if there is no connection."""

    def extent(self, partition: str) -> Extent:
        """Return what a partition holds now."""

    def fetch(self, partition: str, after: int, max_bytes: int) -> Sequence[Stored]:
        """Return the next messages behind a number, none if there are none yet.

        Args:
            partition: of the stream.
            after: the number of the last message that was read, 0 for none.
            max_bytes: of the messages; the first one may be larger.

        Raises:
            LogLost: no message behind that number can come any more.
        """

    def close(self) -> None:
        """Let go of the connection; idempotent."""
