"""Ask the stream which of several nodes was the first to answer a request.

Owns the question: a message whose id is the decision's, which JetStream keeps once
within ten minutes. What is older is in the store, where a node looks first.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from bandit_svc.domain.events.decision_id import number_of, raw_id
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import (
    Refused,
    acknowledgement,
    stored_message,
    subject_of,
)
from bandit_svc.eventlog.stream.partitions import partition_of

ANSWER_S: Final = 2.0
"""Seconds in which the stream must answer."""
REST_S: Final = 1.0
"""After a stream that did not answer, requests are refused for so long at once."""
_TRIES: Final = 2


class JetFirstAnswers:
    """One worker's questions; implements FirstAnswers. Thread-safe."""

    def __init__(
        self,
        address: StreamAddress,
        name: str,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe the questions; nothing is opened yet.

        Args:
            address: of the stream.
            name: of this client, for the server's monitoring.
            clock_s: a clock that never steps, in seconds.
        """
        self._address = address
        self._name = name
        self._clock_s = clock_s
        self._rests_until_s = -1.0
        self._lock = threading.Lock()
        self._idle: list[Connection] = []

    def claim(self, decision_id: str, record: bytes) -> bytes | None:
        """Keep an answer if it is the first; see the interface."""
        if self._clock_s() < self._rests_until_s:
            raise _away("it did not answer a moment ago")
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = Connection(self._address, self._name)
        try:
            first = self._claim(connection, decision_id, record)
        except (Unavailable, Refused) as error:
            connection.close()
            self._rests_until_s = self._clock_s() + REST_S
            raise _away(error.message) from error
        with self._lock:
            self._idle.append(connection)
        return first

    def close(self) -> None:
        """Let go of the connections; idempotent."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def _claim(
        self, connection: Connection, decision_id: str, record: bytes
    ) -> bytes | None:
        number = number_of(raw_id(decision_id))
        partition = partition_of(number, self._address.partitions)
        headers = (f"Nats-Msg-Id: {decision_id}",)
        subject = subject_of(self._address, partition)
        # A server closes a connection that was idle for long; the id makes it safe to
        # send the message again.
        was_open = connection.is_open
        for left in reversed(range(_TRIES)):
            try:
                connection.open()
                answer = connection.request(subject, record, ANSWER_S, headers)
                break
            except Unavailable:
                if not (left and was_open and not connection.is_open):
                    raise
        kept = acknowledgement(answer)
        if not kept.is_repeat:
            return None
        first = stored_message(connection, self._address, partition, kept.sequence)
        return None if first == record else first


def _away(why: str) -> Unavailable:
    return Unavailable(
        "a request with a request_id can't be answered while the stream is away "
        f"({why}); send it again, or without a request_id"
    )
