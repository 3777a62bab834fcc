"""Send a node's outbox to the stream: every record once acknowledged, none left out.

Owns the order of sending, the marks, where it begins anew after a fault, and what of
the outbox is deleted. Whoever runs it owns clock, pauses and errors.

A record may be sent twice: each run names its stretch of the source, by which readers
leave out what they know. After a fault, or the death of the process, sending begins
anew at the last place before which all was acknowledged, and the first run of a source
then says that it follows START: what lies between is in the stream already.
"""

import secrets
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from bandit_svc.errors import LogUnreadable
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.interface import START, Batch, Cursor, Damage, Sink
from bandit_svc.eventlog.stream.filling import OpenRun, Packing
from bandit_svc.eventlog.stream.outbox import Outbox, Place
from bandit_svc.eventlog.stream.partitions import (
    LINES_ARE_NOT_SENT,
    UNIT_PARTITION,
    partition_names,
)
from bandit_svc.eventlog.stream.shipment import encode
from bandit_svc.eventlog.stream.sorting import Sorting

MOST_RECORDS: Final = 256
MOST_BYTES: Final = 65_536
"""A message with so much is sent at once; it may have one reading more."""
LARGEST_BYTES: Final = 786_432
"""No message gets larger by a further record; servers refuse 1 MiB, if not told."""
READ_BYTES: Final = 524_288
IDLE_MS: Final = 1_000
"""A partition hears of the node at least so often."""
KEEP_EVERY_MS: Final = 1_000
UNREADABLE_MS: Final = 60_000
"""So long a part of the outbox that can't be read holds back what is marked."""


_CHAIN_BITS: Final = 53
"""As many as every store keeps exactly."""


class _Checkpoint(NamedTuple):
    """Where everything was sent that came before."""

    messages: int
    mark_ms: int
    cursors: dict[str, Cursor]


class Shipper:
    """The sending of one node. For one thread."""

    def __init__(
        self, reader: FileReader, sink: Sink, outbox: Outbox, node: str, partitions: int
    ) -> None:
        """Take the parts; nothing is opened yet.

        Args:
            reader: of the node's own log.
            sink: the stream.
            outbox: where the place is kept.
            node: the node's name.
            partitions: of the stream, besides that of units.
        """
        self._reader = reader
        self._sink = sink
        self._outbox = outbox
        self._node = node
        self._partitions = partitions
        self._names = partition_names(partitions)
        self._place = self._kept = outbox.place()
        self._kept_at_ms = 0
        self._unreadable_since_ms: int | None = None
        self._is_open = False
        self._forget()

    @property
    def place(self) -> Place:
        """Return up to where everything was acknowledged."""
        return self._place

    @property
    def waits(self) -> bool:
        """Return whether some message is not acknowledged yet."""
        return bool(self._checkpoints)

    def has_writers(self) -> bool:
        """Return whether a process still appends to the outbox."""
        return any(status.alive for status in self._reader.status())

    def unshipped_bytes(self) -> int:
        """Return how many bytes of the outbox are not acknowledged."""
        return self._reader.backlog_bytes(self._place.sources)

    def unshipped_ms(self, now_ms: int) -> int:
        """Return the age of the oldest record that is not acknowledged, at most.

        A record that was appended since the last look counts as one of that time.
        """
        if self._place.sources and not self.unshipped_bytes():
            return 0
        return max(0, now_ms - self._place.mark_ms) if self._place.mark_ms else 0

    def announce(self, now_ms: int) -> None:
        """Make every partition know of this node, and wait until all do.

        Raises:
            Unavailable: the stream can't be reached; the next call begins anew.
        """
        # Nothing was sent yet, so every partition gets a message.
        self._is_open = False
        self.step(now_ms)
        self._await_all(now_ms)

    def step(self, now_ms: int) -> None:
        """Send all that lies in the outbox now, and take in what was acknowledged.

        Args:
            now_ms: the clock, read before the call.

        Raises:
            Unavailable: the stream can't be reached; the next call begins anew.
        """
        try:
            self._open()
            mark_ms = self._read_all(now_ms)
            for partition in self._names:
                idle_ms = now_ms - self._sent_at_ms.get(partition, 0)
                # A clock that was set back has sent nothing of today.
                is_idle = not 0 <= idle_ms < IDLE_MS
                if partition in self._packs or is_idle:
                    self._send(partition, now_ms, mark_ms)
            self._checkpoint(mark_ms)
            self.acknowledge(now_ms, 0.0)
        except BaseException:
            self._is_open = False
            raise

    def acknowledge(self, now_ms: int, timeout_s: float) -> None:
        """Take in what was acknowledged, waiting for the first at most so long.

        Raises:
            Unavailable: the stream can't be reached; the next step begins anew.
        """
        try:
            self._sink.wait(timeout_s)
        except BaseException:
            self._is_open = False
            raise
        done = self._sink.acknowledged()
        while self._checkpoints and self._checkpoints[0].messages <= done:
            passed = self._checkpoints.popleft()
            self._place = Place(passed.mark_ms, passed.cursors)
        if not 0 <= now_ms - self._kept_at_ms < KEEP_EVERY_MS:
            self._kept_at_ms = now_ms
            self._keep()

    def finish(self, now_ms: int) -> None:
        """Send the rest of an outbox that nobody writes to, and say that it was all.

        Raises:
            Unavailable: the stream can't be reached; the next call begins anew.
        """
        self.step(now_ms)
        for partition in self._names:
            self._send(partition, now_ms, now_ms, closed=True)
        self._await_all(now_ms)
        self._keep()

    def close(self) -> None:
        """Let go of the stream; idempotent."""
        self._is_open = False
        self._sink.close()

    def _open(self) -> None:
        """Begin anew at the last place before which all was acknowledged."""
        if self._is_open:
            return
        self._sink.open()
        self._forget()
        self._is_open = True

    def _forget(self) -> None:
        """Forget what was sent and not acknowledged."""
        self._cursors = dict(self._place.sources)
        self._sent: dict[tuple[str, str], Cursor] = {}
        self._packs: dict[str, Packing] = {}
        self._sent_at_ms: dict[str, int] = {}
        self._damages: list[Damage] = []
        self._messages = 0
        self._chain = secrets.randbits(_CHAIN_BITS)
        self._numbers: Counter[str] = Counter()
        self._checkpoints: deque[_Checkpoint] = deque()

    def _await_all(self, now_ms: int) -> None:
        self._checkpoint(now_ms)
        while self._checkpoints:
            self.acknowledge(now_ms, 1.0)

    def _checkpoint(self, mark_ms: int) -> None:
        last = self._checkpoints[-1].messages if self._checkpoints else 0
        if self._messages > last or not self._checkpoints:
            self._checkpoints.append(
                _Checkpoint(self._messages, mark_ms, dict(self._cursors))
            )

    def _read_all(self, now_ms: int) -> int:
        """Pack all that lies in the outbox; return what may be marked."""
        sources = self._reader.partitions()
        for gone in set(self._cursors) - set(sources):
            del self._cursors[gone]
        fault: LogUnreadable | None = None
        for source in sources:
            try:
                self._read(source, now_ms)
            except LogUnreadable as error:
                fault = error
        if fault is None:
            self._unreadable_since_ms = None
            return now_ms
        if self._unreadable_since_ms is None:
            self._unreadable_since_ms = now_ms
        if now_ms - self._unreadable_since_ms < UNREADABLE_MS:
            return min(now_ms, self._unreadable_since_ms)
        return now_ms

    def _read(self, source: str, now_ms: int) -> None:
        """Pack what one source has before its end of now, and send what is full."""
        at = self._cursors.get(source)
        if at is None:
            at = self._outbox.first(source)
        end: Cursor | None = None
        while end is None or at < end:
            batch, ended = self._pack(source, at, now_ms)
            # What comes meanwhile is for the next step.
            end = end or ended
            self._damages += batch.damages
            moved = batch.cursor != at
            at = self._cursors[source] = batch.cursor
            for partition, pack in list(self._packs.items()):
                if pack.records >= MOST_RECORDS or pack.size >= MOST_BYTES:
                    self._send(partition, now_ms, self._place.mark_ms)
            if not moved:
                break

    def _pack(self, source: str, at: Cursor, now_ms: int) -> tuple[Batch, Cursor]:
        """Read on, and add the records to the messages of their partitions.

        Returns:
            What was read, and where the source ended before.
        """
        batch, end, runs = self._sorted(source, at, READ_BYTES)
        most = READ_BYTES
        while large := [p for p, run in runs.items() if self._is_full(p, run)]:
            begun = [partition for partition in large if partition in self._packs]
            for partition in begun:
                self._send(partition, now_ms, self._place.mark_ms)
            if not begun:
                if all(run.records <= 1 for run in runs.values()):
                    break
                most //= 4
            batch, end, runs = self._sorted(source, at, most)
        for partition, run in runs.items():
            self._packs.setdefault(partition, Packing()).end(run, batch.cursor)
            self._sent[partition, source] = batch.cursor
        return batch, end

    def _sorted(
        self, source: str, at: Cursor, most: int
    ) -> tuple[Batch, Cursor, dict[str, OpenRun]]:
        """Read at most so many bytes; return the runs that would come to messages."""

        def begin(partition: str) -> OpenRun:
            after = self._sent.get((partition, source), START)
            return self._packs.get(partition, Packing()).begin(source, after)

        sorting = Sorting(self._partitions, begin)
        batch, end = self._reader.read_new(source, at, most, sorting.scan)
        if batch.records:
            # Of format 1, which has no frames.
            raise ValueError(LINES_ARE_NOT_SENT)
        return batch, end, sorting.runs(batch.parts)

    def _is_full(self, partition: str, run: OpenRun) -> bool:
        """Return whether a message would be too large for a server with this run."""
        pack = self._packs.get(partition)
        return run.size + (pack.size if pack is not None else 0) > LARGEST_BYTES

    def _send(
        self, partition: str, now_ms: int, mark_ms: int, *, closed: bool = False
    ) -> None:
        """Send what is packed for a partition, or that there is nothing."""
        damages: Sequence[Damage] = ()
        if partition == UNIT_PARTITION:
            damages, self._damages = self._damages, []
        shipment = self._packs.pop(partition, Packing()).shipment(
            self._node,
            now_ms,
            mark_ms,
            closed=closed,
            damages=damages,
            link=(self._chain, self._numbers[partition]),
        )
        self._numbers[partition] += 1
        self._messages = self._sink.send(partition, encode(shipment))
        self._sent_at_ms[partition] = now_ms

    def _keep(self) -> None:
        """Keep the place, then delete what lies before it."""
        if self._place != self._kept and self._outbox.keep(self._place):
            self._kept = self._place
        there = self._reader.partitions()
        for source, place in self._place.sources.items():
            if source in there:
                self._reader.committed(source, place)
