"""Whether another node has answered a request before this one.

Owns the form in which a decision with a request_id is asked for: as a message of its
own, which the learners read as any other. Where machines share no stream there is
nobody to ask.
"""

import zlib
from collections.abc import Sequence

from bandit_svc.domain.events.codec import FactDecoder, encode_withdrawal
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import RAW_ID_BYTES, text_id
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.packing import Malformed
from bandit_svc.domain.events.record import DECISION
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.interface import START, EventLogWriter, FirstAnswers, Record
from bandit_svc.eventlog.stream.filling import Packing
from bandit_svc.eventlog.stream.shipment import NO_OUTBOX, decode, encode, unpack


class AskingLog:
    """A log for one decision, which is asked for; an EventLogWriter.

    Attributes:
        first: the answer that another node, or worker, has given before; None if this
            one is the first.
    """

    def __init__(
        self,
        log: EventLogWriter,
        answers: FirstAnswers,
        decoder: FactDecoder,
        now_ms: int,
    ) -> None:
        """Take the log of the worker, for what is no decision."""
        self._log = log
        self._answers = answers
        self._decoder = decoder
        self._now_ms = now_ms
        self.first: Decision | None = None

    @property
    def partition(self) -> str:
        """The name of the worker's partition."""
        return self._log.partition

    def append(self, record: Record) -> None:
        """Keep a decision in the stream, unless there is one of its id.

        Raises:
            Unavailable: the stream can't be asked; it may have kept the decision.
        """
        if record.kind != DECISION:
            self._log.append(record)
            return
        packing = Packing()
        run = packing.begin(NO_OUTBOX, START)
        run.add(record, 0)
        run.put_parts(dict(record.parts))
        packing.end(run, START)
        # Two workers asked in one millisecond make one record, and not one message.
        link = zlib.crc32(self._log.partition.encode()), 0
        message = encode(packing.shipment("", self._now_ms, 0, link=link))
        decision_id = text_id(record.payload[:RAW_ID_BYTES])
        try:
            first = self._answers.claim(decision_id, message)
        except Unavailable:
            # The stream may have kept it, and nobody sees it.
            withdrawal = encode_withdrawal(record.payload[:RAW_ID_BYTES], self._now_ms)
            self._log.append(withdrawal)
            raise
        self.first = None if first is None else self._read(first)

    def append_all(self, records: Sequence[Record]) -> None:
        """Append records one after the other; see `append`."""
        for record in records:
            self.append(record)

    def close(self) -> None:
        """Do nothing: the log is the worker's."""

    def _read(self, message: bytes) -> Decision:
        try:
            runs, parts = unpack(decode(message))
            ((_, (record,), _),) = runs
            event = self._decoder.decode(record, parts)
        except (Malformed, UnreadableEvent, ValueError) as error:
            raise _unreadable() from error
        if not isinstance(event, Decision):
            raise _unreadable()
        return event


def _unreadable() -> Unavailable:
    return Unavailable(
        "the first answer of this request_id can't be read; send the request with "
        "another one"
    )
