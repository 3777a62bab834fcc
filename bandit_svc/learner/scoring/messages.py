"""What a learner and its scorers tell each other.

Owns the messages and their bytes. A life is one try at an experiment: it ends when what
the scorer has in memory may differ from what the log and the store say, and answers of
a life that has ended are left unread.
"""

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from bandit_svc.storage.rows import EvaluationChanges

_LENGTH_BYTES: Final = 4
_READ_BYTES: Final = 1 << 18


class Ask(msgspec.Struct, frozen=True, tag=True):
    """To a scorer: evaluate the candidates of an experiment up to a joined position.

    Attributes:
        number: the experiment's.
        life: of this try; another one begins from the store.
        revision: the least that the scorer has to know.
        position: the last joined one.
    """

    number: int
    life: int
    revision: int
    position: int


class Forget(msgspec.Struct, frozen=True, tag=True):
    """To a scorer: keep nothing of an experiment in memory."""

    number: int


class Told(msgspec.Struct, frozen=True, tag=True):
    """To the learner: how far the candidates of an experiment have come.

    Attributes:
        number: the experiment's.
        life: of the try that this belongs to.
        evaluated: joined decisions that were passed since the last message.
        reached: the position of the least advanced candidate.
        done: true if nothing that was asked is left to do.
        faults: a sentence for each candidate that can't be evaluated.
        changes: rows that are due to be stored.
    """

    number: int
    life: int
    evaluated: int = 0
    reached: int = 0
    done: bool = False
    faults: tuple[str, ...] = ()
    changes: EvaluationChanges | None = None


class Alive(msgspec.Struct, frozen=True, tag=True):
    """To the learner: a sign of life amid a long piece of work."""


Message = Ask | Forget | Told | Alive


class ChannelClosed(Exception):
    """The process at the other end is gone."""


class Channel:
    """One end of a pair of sockets. Not thread-safe."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._read = bytearray()
        self._unsent = bytearray()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Message)

    def fileno(self) -> int:
        """Return the descriptor, to wait for."""
        return self._end.fileno()

    def send(self, message: Message) -> None:
        """Send a message; `flush` sends what the other end did not take yet.

        Raises:
            ChannelClosed: the other end is gone.
        """
        data = self._encoder.encode(message)
        self._unsent += len(data).to_bytes(_LENGTH_BYTES, "big") + data
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the other end takes it.

        Raises:
            ChannelClosed: the other end is gone.
        """
        try:
            while self._unsent:
                sent = self._end.send(self._unsent)
                del self._unsent[:sent]
        except BlockingIOError:
            pass
        except OSError as error:
            raise ChannelClosed from error

    def received(self) -> Sequence[Message]:
        """Return the messages that have come whole; wait for none.

        Raises:
            ChannelClosed: the other end is gone, and all that it sent was returned.
        """
        closed = self._fill()
        found: list[Message] = []
        begin = 0
        while len(self._read) >= begin + _LENGTH_BYTES:
            body = begin + _LENGTH_BYTES
            end = body + int.from_bytes(self._read[begin:body], "big")
            if len(self._read) < end:
                break
            found.append(self._decoder.decode(self._read[body:end]))
            begin = end
        del self._read[:begin]
        if closed and not found:
            raise ChannelClosed
        return found

    def _fill(self) -> bool:
        """Read what is there; return whether the other end is gone."""
        try:
            while data := self._end.recv(_READ_BYTES, socket.MSG_DONTWAIT):
                self._read += data
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Let go of the socket; idempotent."""
        with suppress(OSError):
            self._end.close()
