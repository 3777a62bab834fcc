"""What a decision logs of the client that made it in its own process.

Owns the fact and its bytes. Pure.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec

MAX_SEQUENCE = 2**53
"""JSON's numbers are exact up to here."""
ClientName = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
Sequence = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQUENCE)]


class Ended(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many decisions of an experiment a client had made when it ended."""

    client: ClientName
    made: Sequence


class LocalMark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Which decision of which client it is.

    Attributes:
        client: names one client from its start to its end, in 16 hexadecimal digits.
        sequence: of its decisions of this experiment, from 1 on without a gap, so that
            a gap in the log is a decision that was lost.
        ended: clients of the same machine that have ended, told once.
    """

    client: ClientName
    sequence: Sequence
    ended: tuple[Ended, ...] = ()

    @property
    def made(self) -> Iterable[Ended]:
        """Return the least numbers of decisions made that follow from it."""
        return (Ended(self.client, self.sequence), *self.ended)


encode_local = msgspec.msgpack.Encoder().encode
decode_local = msgspec.msgpack.Decoder(LocalMark).decode
