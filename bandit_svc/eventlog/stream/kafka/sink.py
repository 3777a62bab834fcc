"""Send to Kafka's protocol without waiting for each acknowledgement.

Owns the numbering of messages and which of them were acknowledged. A message that is
refused, or not acknowledged in time, ends the sending: whoever sends begins anew behind
what was acknowledged without a gap.
"""

from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.kafka.client import (
    asked,
    index_of,
    settings_of,
    unavailable,
)

WINDOW: Final = 64
"""Messages without an acknowledgement; one more waits."""
ACKNOWLEDGE_S: Final = 5.0
"""Seconds after which a message counts as lost: its leader may have died."""


class KafkaSink:
    """A node's writing end of a stream; implements Sink. For one thread."""

    def __init__(
        self,
        address: StreamAddress,
        name: str,
        *,
        acknowledge_s: float = ACKNOWLEDGE_S,
    ) -> None:
        """Describe the end; nothing is opened yet.

        Args:
            address: of the stream.
            name: of this client, for the broker's monitoring.
            acknowledge_s: seconds after which a message counts as lost.
        """
        self._address = address
        self._settings = {
            **settings_of(address, name),
            "acks": "all",
            # One producer's messages are stored in order, and none twice.
            "enable.idempotence": True,
            "message.timeout.ms": int(acknowledge_s * 1000),
            # A message has up to 256 records already.
            "linger.ms": 0,
        }
        self._producer: Producer | None = None
        self._sent = 0
        self._acknowledged = 0
        self._early: set[int] = set()
        """Acknowledged numbers behind one that is not."""
        self._fault: KafkaError | None = None

    def open(self) -> None:
        """Connect and count from 0; see the interface."""
        self.close()
        self._producer = Producer(self._settings)
        self._sent = self._acknowledged = 0
        self._early = set()
        self._fault = None

    def send(self, partition: str, data: bytes) -> int:
        """Send one message, and return its number; see the interface."""
        producer = self._opened()
        while self._sent - self._acknowledged >= WINDOW:
            self.wait(ACKNOWLEDGE_S)
        self._sent += 1
        number, early = self._sent, self._early

        def delivered(error: KafkaError | None, _: Message) -> None:
            # What comes of a producer that was closed belongs to no number of today.
            if early is self._early:
                self._note(number, error)

        asked(
            "does not take a message",
            lambda: producer.produce(
                self._address.name,
                data,
                partition=index_of(self._address, partition),
                on_delivery=delivered,
            ),
        )
        return number

    def acknowledged(self) -> int:
        """Return how many of the first messages are stored; see the interface."""
        return self._acknowledged

    def wait(self, timeout_s: float) -> None:
        """Take in acknowledgements, waiting for the first; see the interface."""
        if self._sent == self._acknowledged:
            return
        self._opened().poll(timeout_s)
        if self._fault is not None:
            raise unavailable("did not acknowledge a message", self._fault)

    def close(self) -> None:
        """Let go of the connection; idempotent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.poll(0)

    def _opened(self) -> Producer:
        if self._producer is None:
            raise Unavailable("the stream is closed; open it first")
        return self._producer

    def _note(self, number: int, error: KafkaError | None) -> None:
        if error is not None:
            self._fault = self._fault or error
            return
        self._early.add(number)
        while self._acknowledged + 1 in self._early:
            self._acknowledged += 1
            self._early.remove(self._acknowledged)
