"""First answers, for requests that are sent again.

Owns the look-up of a decision by its id among the log's newest events, which the
store does not have yet, and then in the store. Only requests that bring a
request_id come here, so that others never touch the disk.
"""

import contextlib
import threading
from collections import OrderedDict

from bandit_svc.domain.events.codec import FactDecoder, may_be_retried
from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.errors import LogUnreadable, Unavailable, Unprocessable
from bandit_svc.eventlog.interface import Batch, EventLogReader, Record
from bandit_svc.storage.joined.facts import Facts

REMEMBERED = 20_000


class RecentRequests:
    """Recent answers of all workers. Hold `lock` from find to append."""

    def __init__(
        self, reader: EventLogReader, facts: Facts, decoder: FactDecoder
    ) -> None:
        self._reader = reader
        self._decoder = decoder
        self._facts = facts
        self._decisions: OrderedDict[str, Decision] = OrderedDict()
        self._cursors: dict[str, Cursor] = {}
        self._looked = False
        self.lock = threading.Lock()

    def find(self, decision_id: str) -> Decision | None:
        """Return the decision of an id, whichever worker made it, or None.

        Raises:
            Unavailable: it is in the archive alone, which can't be read now.
        """
        found = self._decisions.get(decision_id)
        if found is None:
            self._follow()
            found = self._decisions.get(decision_id)
        if found is None:
            try:
                view = self._facts.decision(decision_id)
            except Unprocessable as error:
                # The archive alone has it, and is away.
                raise Unavailable(error.message) from error
            found = view.decision if view is not None else None
        return found

    def remember(self, decision: Decision) -> None:
        """Keep a decision; the oldest beyond 20,000 is dropped (the store has it)."""
        self._decisions.setdefault(decision.id, decision)
        if len(self._decisions) > REMEMBERED:
            self._decisions.popitem(last=False)

    def _follow(self) -> None:
        """Read what every worker has appended since the last look."""
        partitions = self._reader.partitions()
        if not self._looked:
            # What lies before is in the store, where `find` looks next.
            self._cursors = self._facts.cursors()
            self._looked = True
        self._cursors = {p: c for p, c in self._cursors.items() if p in partitions}
        for partition in partitions:
            # Where one can't be read, a repeated request may be answered anew. That
            # costs one decision (ambiguous, if the variant differs); a refusal would
            # cost all of them.
            with contextlib.suppress(LogUnreadable):
                self._follow_one(partition)

    def _follow_one(self, partition: str) -> None:
        moved = True
        while moved:
            cursor = self._cursors.get(partition, START)
            batch = self._reader.read(partition, cursor)
            for record in batch.records:
                if may_be_retried(record):
                    self._remember_record(record, batch)
            self._cursors[partition] = batch.cursor
            moved = batch.cursor != cursor

    def _remember_record(self, record: Record, batch: Batch) -> None:
        try:
            event = self._decoder.decode(record, batch.parts)
        except UnreadableEvent:
            return
        if isinstance(event, Decision) and event.request_id is not None:
            self.remember(event)
