"""Read a topic by offset, and never jump over a message in silence.

Owns the consumer: what it has fetched of which partition, where each partition ended
when it was last told, and what an offset that is gone means. It belongs to no consumer
group and commits nothing: the store's cursors are the only ones.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    Message,
    TopicPartition,
)

from bandit_svc.errors import LogLost, Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.kafka.client import (
    ANSWER_S,
    asked,
    index_of,
    settings_of,
    unavailable,
)
from bandit_svc.eventlog.stream.messages import Extent, Stored
from bandit_svc.eventlog.stream.partitions import partition_names

MOST_MESSAGES: Final = 256
"""Of one answer."""
FETCHED_KB: Final = 4096
"""Kilobytes that are fetched ahead of each partition."""


class KafkaMessages:
    """See eventlog.stream.messages.Messages. For one thread."""

    def __init__(
        self,
        address: StreamAddress,
        name: str,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe the reader; nothing is opened yet.

        Args:
            address: of the stream.
            name: of this reader, for the broker's monitoring.
            clock_s: a clock that never steps, in seconds.
        """
        self._address = address
        self._clock_s = clock_s
        self._names = partition_names(address.partitions)
        self._settings: dict[str, Any] = {
            **settings_of(address, name),
            # It has to have one; nothing is committed under it.
            "group.id": f"bandit-svc-{name}",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # Any other value goes on elsewhere where an offset is gone.
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "queued.max.messages.kbytes": FETCHED_KB,
            "fetch.wait.max.ms": 100,
        }
        self._consumer: Consumer | None = None
        self._forget()

    def open(self) -> None:
        """Begin a consumer if there is none, and wait until a broker answers."""
        if self._consumer is not None:
            return
        consumer = Consumer(self._settings)
        try:
            asked("does not answer", lambda: consumer.list_topics(timeout=ANSWER_S))
        except Unavailable:
            consumer.close()
            raise
        self._consumer = consumer
        self._forget()

    def extent(self, partition: str) -> Extent:
        """Return what a partition holds now; see the interface."""
        consumer = self._opened()
        place = TopicPartition(self._address.name, index_of(self._address, partition))
        first, end = asked(
            f"does not say what partition {partition} holds",
            lambda: consumer.get_watermark_offsets(place, timeout=ANSWER_S),
        )
        # A broker may tell it late; what was fetched is there.
        end = max(end, self._seen[partition])
        return Extent(first + 1, end, 0)

    def fetch(
        self,
        partition: str,
        after: int,
        max_bytes: int,
    ) -> list[Stored]:
        """Return the next messages of a partition; see the interface."""
        self._go_to(partition, after)
        deadline_s = self._clock_s() + ANSWER_S
        while not self._fetched[partition] and not self._lost[partition]:
            # At the end, what has come meanwhile is taken without waiting.
            wait_s = 0.0 if self._at_end[partition] else deadline_s - self._clock_s()
            came = self._take_in(max(0.0, wait_s))
            if self._at_end[partition]:
                break
            if not came and self._clock_s() >= deadline_s:
                self.close()
                raise Unavailable(
                    f"partition {partition} of the stream can't be read: no answer "
                    f"within {ANSWER_S:g} s"
                )
        if self._lost[partition] and not self._fetched[partition]:
            self._raise_lost(partition, after)
        return self._taken(partition, max_bytes)

    def close(self) -> None:
        """Let go of the consumer; idempotent."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _forget(self) -> None:
        self._next: dict[str, int] = {}
        """The number of the next message that is returned, of assigned partitions."""
        self._fetched: dict[str, deque[Stored]] = defaultdict(deque)
        self._at_end: dict[str, bool] = defaultdict(bool)
        self._lost: dict[str, bool] = defaultdict(bool)
        self._seen: dict[str, int] = defaultdict(int)
        """The number of the newest message that was fetched."""

    def _opened(self) -> Consumer:
        self.open()
        if self._consumer is None:
            raise Unavailable("the stream is closed; open it first")
        return self._consumer

    def _go_to(self, partition: str, after: int) -> None:
        """Have the consumer fetch a partition from behind a number on."""
        consumer = self._opened()
        if self._next.get(partition) == after + 1:
            return
        index = index_of(self._address, partition)
        # The message of number n has the offset n - 1.
        place = TopicPartition(self._address.name, index, after)
        what = f"does not give partition {partition}"
        if partition in self._next:
            asked(what, lambda: consumer.incremental_unassign([place]))
            # What it fetched before is not of the place that is asked for.
            self._fetched[partition].clear()
        asked(what, lambda: consumer.incremental_assign([place]))
        self._next[partition] = after + 1
        self._at_end[partition] = self._lost[partition] = False

    def _take_in(self, wait_s: float) -> bool:
        """Take in what the consumer has; return whether it was anything."""
        consumer = self._opened()
        # `consume` waits until it has as many as it was asked for.
        messages = asked("can't be read", lambda: consumer.consume(1, wait_s))
        messages += asked("can't be read", lambda: consumer.consume(MOST_MESSAGES, 0))
        for message in messages:
            index = message.partition()
            error = message.error()
            if index is None or index < 0:
                if error is not None and error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - so its public name is
                    self.close()
                    raise unavailable("can't be read", error)
                continue
            self._note(self._names[index], message, error)
        return bool(messages)

    def _note(self, partition: str, message: Message, error: KafkaError | None) -> None:
        if error is None:
            self._keep(partition, message)
            return
        match error.code():
            case KafkaError._PARTITION_EOF:  # noqa: SLF001
                self._at_end[partition] = True
            case KafkaError._AUTO_OFFSET_RESET | KafkaError.OFFSET_OUT_OF_RANGE:  # noqa: SLF001
                self._lost[partition] = True
            case _:
                self.close()
                raise unavailable(f"can't be read in partition {partition}", error)

    def _keep(self, partition: str, message: Message) -> None:
        offset = message.offset()
        if offset is None:
            return
        kind, stamp_ms = message.timestamp()
        stamped_ms = stamp_ms if kind == TIMESTAMP_LOG_APPEND_TIME else None
        stored = Stored(offset + 1, stamped_ms, message.value() or b"")
        self._fetched[partition].append(stored)
        self._at_end[partition] = False
        self._seen[partition] = max(self._seen[partition], stored.number)

    def _taken(self, partition: str, max_bytes: int) -> list[Stored]:
        fetched = self._fetched[partition]
        found: list[Stored] = []
        size = 0
        while fetched and len(found) < MOST_MESSAGES:
            size += len(fetched[0].data)
            if found and size > max_bytes:
                break
            found.append(fetched.popleft())
        if found:
            self._next[partition] = found[-1].number + 1
        return found

    def _raise_lost(self, partition: str, after: int) -> None:
        """Raise LogLost for a place that the broker does not have.

        Raises:
            Unavailable: it has it. One that was just elected to lead a partition may
                not know yet how far it reaches.
        """
        # The next call asks the broker again.
        self.close()
        held = self.extent(partition)
        if held.last < after:
            raise LogLost(partition, held.last + 1, after, held.first - 1)
        if held.first <= after + 1:
            raise Unavailable(
                f"partition {partition} of the stream can't be read: its broker says "
                f"that it has no message {after + 1}, and that it has the messages "
                f"{held.first} to {held.last}"
            )
        raise LogLost(partition, after + 1, held.first - 1, held.first - 1)
