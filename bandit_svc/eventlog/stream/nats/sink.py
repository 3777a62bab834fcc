"""Send to JetStream without waiting for each acknowledgement.

Owns the numbering of messages and which of them were acknowledged. A message that is
refused, or not acknowledged in time, ends the sending: whoever sends begins anew behind
what was acknowledged without a gap.
"""

import time
from collections.abc import Callable
from typing import Final

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import acknowledgement, subject_of
from bandit_svc.eventlog.stream.nats.protocol import publish

WINDOW: Final = 64
"""Messages without an acknowledgement; one more waits."""
ACKNOWLEDGE_S: Final = 5.0
"""Seconds after which a message counts as lost: its leader may have died."""
_MOST_HELD_BYTES: Final = 65_536
"""Small messages are given to the kernel together, at the latest by `wait`: each call
costs more than what it sends."""


class JetSink:
    """A node's writing end of a stream; implements Sink. For one thread."""

    def __init__(
        self,
        address: StreamAddress,
        name: str,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe the end; nothing is opened yet.

        Args:
            address: of the stream.
            name: of this client, for the server's monitoring.
            clock_s: a clock that never steps, in seconds.
        """
        self._address = address
        self._clock_s = clock_s
        self._connection = Connection(address, name)
        self._inbox = ""
        self._sent = 0
        self._acknowledged = 0
        self._early: set[int] = set()
        """Acknowledged numbers behind one that is not."""
        self._sent_at_s: dict[int, float] = {}
        self._held: list[bytes] = []
        self._held_bytes = 0

    def open(self) -> None:
        """Connect and count from 0; see the interface."""
        self._connection.close()
        self._connection.open()
        self._inbox = self._connection.new_inbox()
        self._sent = self._acknowledged = 0
        self._early.clear()
        self._sent_at_s.clear()
        self._held.clear()
        self._held_bytes = 0

    def send(self, partition: str, data: bytes) -> int:
        """Send one message, and return its number; see the interface."""
        while self._sent - self._acknowledged >= WINDOW:
            self.wait(ACKNOWLEDGE_S)
        self._sent += 1
        subject = subject_of(self._address, partition)
        reply = f"{self._inbox}-{self._sent}"
        self._sent_at_s[self._sent] = self._clock_s()
        words = publish(subject, data, reply)
        self._held.append(words)
        self._held_bytes += len(words)
        if self._held_bytes >= _MOST_HELD_BYTES:
            self._hand_over()
        return self._sent

    def acknowledged(self) -> int:
        """Return how many of the first messages are stored; see the interface."""
        return self._acknowledged

    def wait(self, timeout_s: float) -> None:
        """Take in acknowledgements, waiting for the first; see the interface."""
        if self._sent == self._acknowledged:
            return
        self._hand_over()
        for message in self._connection.receive(timeout_s):
            number = message.subject.rpartition("-")[2]
            if message.subject.startswith(self._inbox) and number.isdigit():
                acknowledgement(message)
                self._note(int(number))
        oldest_s = self._sent_at_s.get(self._acknowledged + 1)
        if oldest_s is not None and self._clock_s() - oldest_s > ACKNOWLEDGE_S:
            raise Unavailable(
                f"a message was not acknowledged within {ACKNOWLEDGE_S:g} s"
            )

    def close(self) -> None:
        """Let go of the connection; idempotent."""
        self._connection.close()

    def _hand_over(self) -> None:
        """Pass all messages that are held to the server at once."""
        if self._held:
            words = b"".join(self._held)
            self._held.clear()
            self._held_bytes = 0
            self._connection.send(words)

    def _note(self, number: int) -> None:
        self._early.add(number)
        while self._acknowledged + 1 in self._early:
            self._acknowledged += 1
            self._early.remove(self._acknowledged)
            del self._sent_at_s[self._acknowledged]
