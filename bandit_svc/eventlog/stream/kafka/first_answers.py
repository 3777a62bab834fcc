"""Ask the store which of several nodes was the first to answer a request.

Owns the order: the answer is claimed in the store, then sent to the stream, then given.
A broker of Kafka's protocol does not know a message again by an id. Who is not the
first sends the first one's message once more, since its sender may have died before:
the store knows a decision again by its id.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from bandit_svc.domain.events.decision_id import number_of, raw_id
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.kafka.client import asked, index_of, settings_of
from bandit_svc.eventlog.stream.partitions import partition_of

ANSWER_S: Final = 2.0
"""Seconds in which the stream must have stored a message."""
_POLL_S: Final = 0.02

Claim = Callable[[str, bytes], bytes | None]
"""See storage.control.first_claims.FirstClaims.claim."""


class KafkaFirstAnswers:
    """One worker's questions; implements FirstAnswers. Thread-safe."""

    def __init__(self, address: StreamAddress, name: str, claim: Claim) -> None:
        """Describe the questions; nothing is opened yet.

        Args:
            address: of the stream.
            name: of this client, for the broker's monitoring.
            claim: of the store that the nodes share.
        """
        self._address = address
        self._claim = claim
        self._settings = {
            **settings_of(address, name),
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": int(ANSWER_S * 1000),
            "linger.ms": 0,
        }
        self._lock = threading.Lock()
        self._producer: Producer | None = None

    def claim(self, decision_id: str, record: bytes) -> bytes | None:
        """Keep an answer if it is the first; see the interface."""
        first = self._claim(decision_id, record)
        number = number_of(raw_id(decision_id))
        partition = partition_of(number, self._address.partitions)
        self._send(partition, record if first is None else first)
        return None if first == record else first

    def close(self) -> None:
        """Let go of the connections; idempotent."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.poll(0)

    def _send(self, partition: str, data: bytes) -> None:
        """Send a message, and wait until it is stored."""
        ended = threading.Event()
        faults: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                faults.append(error)
            ended.set()

        producer = self._opened()
        asked(
            "does not take a message",
            lambda: producer.produce(
                self._address.name,
                data,
                partition=index_of(self._address, partition),
                on_delivery=delivered,
            ),
        )
        deadline_s = time.monotonic() + 2 * ANSWER_S
        # Whichever thread polls gets the answers of all.
        while not ended.is_set() and time.monotonic() < deadline_s:
            producer.poll(_POLL_S)
        if faults or not ended.is_set():
            why = faults[0].str() if faults else f"no answer within {2 * ANSWER_S:g} s"
            raise Unavailable(
                "a request with a request_id can't be answered while the stream is "
                f"away ({why}); send it again, or without a request_id"
            )

    def _opened(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = Producer(self._settings)
            return self._producer
