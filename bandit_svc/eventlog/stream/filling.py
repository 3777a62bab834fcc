"""Fill a message of a stream: its runs, and the frames of its body.

Owns the layout of a record's frame, and that each shared part lies in front of its
first use. Pure.

A run that is being filled changes nothing of its message before it ends, so that a
reading that fails half way leaves nothing behind.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.decision_id import RAW_ID_BYTES
from bandit_svc.domain.events.packing import Malformed, varint
from bandit_svc.domain.events.record import (
    DECISION,
    FIRST_RECORD_KIND,
    LAST_RECORD_KIND,
    PART_KEY_BYTES,
    Record,
)
from bandit_svc.domain.events.short_form import (
    further_part_keys,
    names_further_parts,
    part_key,
)
from bandit_svc.eventlog.files.frames import SHARED
from bandit_svc.eventlog.stream.shipment import Run, Shipment

BEGINNING: Final = slice(RAW_ID_BYTES, RAW_ID_BYTES + PART_KEY_BYTES + 1)
"""Where the key of a decision's part lies, and its flags."""
SHORT_GAPS: Final = 128
"""Numbers below it take one byte."""
SHORT_HEADS: Final = tuple(
    tuple(bytes((kind, gap)) for gap in range(SHORT_GAPS))
    for kind in range(LAST_RECORD_KIND + 1)
)
"""With what a frame begins, by kind and short gap."""


class OpenRun:
    """A run that is being filled.

    Attributes:
        frames: two pieces for each record: kind and gap; length and payload.
        keys: of the parts that the message has with it.
        next: the sequence number behind the last record.
        settled: BEGINNING of decisions whose parts need not be looked for again.
    """

    __slots__ = ("_wanted", "after", "frames", "keys", "next", "settled", "source")

    def __init__(
        self, source: str, after: Cursor, following: int, keys: set[bytes]
    ) -> None:
        """Begin a run.

        Args:
            source: see Run.
            after: see Run.
            following: the sequence number that the first record has without a gap.
            keys: of the parts that the message has already.
        """
        self.source = source
        self.after = after
        self.frames: list[bytes] = []
        self.next = following
        self.settled: set[bytes] = set()
        self.keys = keys
        self._wanted: list[tuple[int, list[bytes]]] = []

    @property
    def records(self) -> int:
        """Return how many it holds."""
        return len(self.frames) // 2

    @property
    def size(self) -> int:
        """Return the bytes of its frames, with the parts that were put."""
        return sum(map(len, self.frames))

    def add(self, record: Record, sequence: int) -> None:
        """Add the next record.

        Args:
            record: as it was read.
            sequence: its number in the source; it grows from record to record.

        Raises:
            ValueError: it is no record of format 2.
        """
        kind, payload = record.kind, record.payload
        if not FIRST_RECORD_KIND <= kind <= LAST_RECORD_KIND:
            raise ValueError(
                f"a record of kind {kind} is not sent; kinds {FIRST_RECORD_KIND} to "
                f"{LAST_RECORD_KIND} are"
            )
        if kind == DECISION and payload[BEGINNING] not in self.settled:
            self.want_parts(payload)
        head = head_of(kind, sequence - self.next)
        self.frames += (head, varint(len(payload)) + payload)
        self.next = sequence + 1

    def want_parts(self, payload: bytes) -> None:
        """Note that the parts of a decision lie before the record that comes next."""
        key, others = part_key(payload), None
        # One that can't be read is sent as it is, and set aside by the learner.
        with contextlib.suppress(Malformed, IndexError):
            others = names_further_parts(payload) and further_part_keys(payload)
        new = [key] if key not in self.keys else []
        if others:
            new += [k for k in dict.fromkeys(others) if k != key and k not in self.keys]
        if new:
            self._wanted.append((len(self.frames), new))
            self.keys.update(new)
        if others is False:
            self.settled.add(payload[BEGINNING])

    def put_parts(self, parts: Mapping[bytes, bytes]) -> None:
        """Put each wanted part in its place, once all records were added.

        One that is missing is left out: its records are unreadable, as they are in
        their outbox. Another source may have it.
        """
        for at, keys in self._wanted:
            found = b"".join(part_frame(k, parts[k]) for k in keys if k in parts)
            self.frames[at] = found + self.frames[at]
            self.keys.difference_update(key for key in keys if key not in parts)
        self._wanted.clear()


class Packing:
    """Collects the runs and the body of a message.

    Attributes:
        records: how many it holds.
        size: bytes of the body.
    """

    def __init__(self) -> None:
        self.records = 0
        self.size = 0
        self._frames: list[bytes] = []
        self._keys: set[bytes] = set()
        self._runs: list[Run] = []
        self._next = 0

    def begin(self, source: str, after: Cursor) -> OpenRun:
        """Begin a run; it is in the message once it ends.

        Args:
            source: the name of the outbox's partition, or NO_OUTBOX.
            after: see Run.
        """
        following = self._next if self._goes_on(source, after) else after.sequence
        return OpenRun(source, after, following, set(self._keys))

    def end(self, run: OpenRun, upto: Cursor) -> None:
        """End a run, or the one before it, if it begins where that ended.

        Args:
            run: the one that was begun last; its parts were put.
            upto: a cursor of its source.
        """
        after, records = run.after, run.records
        self._keys = run.keys
        if self._goes_on(run.source, after):
            before = self._runs.pop()
            after, records = before.after, before.records + records
        self._runs.append(Run(run.source, after, upto, records))
        # Joined once, with all others: a join for each record would cost more.
        self._frames += run.frames
        self._next = run.next
        self.records += run.records
        self.size += run.size

    def shipment(
        self,
        node: str,
        sent_ms: int,
        mark_ms: int,
        *,
        closed: bool = False,
        damages: Sequence[Damage] = (),
        link: tuple[int, int] = (0, 0),
    ) -> Shipment:
        """Return all of it as one message; see Shipment. `link`: chain and number."""
        body, runs = b"".join(self._frames), tuple(self._runs)
        lost = tuple(damages)
        return Shipment(node, sent_ms, mark_ms, runs, body, closed, lost, *link)

    def _goes_on(self, source: str, after: Cursor) -> bool:
        """Return whether the last run ended where this one begins."""
        run = self._runs[-1] if self._runs else None
        return run is not None and (run.source, run.upto) == (source, after)


def head_of(kind: int, gap: int) -> bytes:
    """Return with what a record's frame begins.

    Args:
        kind: of the record.
        gap: how many sequence numbers lie between it and the record before.
    """
    if gap < SHORT_GAPS:
        return SHORT_HEADS[kind][gap]
    return bytes((kind,)) + varint(gap)


def part_frame(key: bytes, body: bytes) -> bytes:
    """Return the frame of a shared part."""
    return bytes((SHARED,)) + varint(len(key) + len(body)) + key + body
