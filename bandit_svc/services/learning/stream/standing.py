"""How far the sources and the nodes of a stream are, during one ingest.

Owns what changes with each batch and is kept in the transaction of its facts, and the
watermark that follows. Of a log in files there is nothing of it.
"""

from collections.abc import Iterator, Sequence

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.record import Record
from bandit_svc.domain.stream.mark import ANY_CHAIN, NOTHING_SAID, Mark
from bandit_svc.domain.stream.progress import NO_PROGRESS, Place, Progress, Taken
from bandit_svc.eventlog.interface import Batch, EventLogReader
from bandit_svc.eventlog.stream.overlap import new_of
from bandit_svc.eventlog.stream.shipment import NO_OUTBOX
from bandit_svc.storage.joined.facts import Facts
from bandit_svc.storage.rows import Cursors

_NEW = Taken(START)
_NOTHING_IS_JOINED = 0


class Standing:
    """Sources and nodes as the store has them, and as batches have moved them since.

    Attributes:
        gaps: runs that were left out, since something is missing before them.
    """

    def __init__(
        self,
        facts: Facts,
        reader: EventLogReader,
        partitions: Sequence[str],
        now_ms: int,
    ) -> None:
        self._reader = reader
        self._partitions = partitions
        self._now_ms = now_ms
        self._facts = facts
        self._sources: dict[Place, Taken] | None = None
        self._moved: dict[Place, Taken] = {}
        self._said: dict[Place, Mark] = {}
        self._marks = dict(facts.marks()) if reader.is_stream else {}
        self.gaps = 0

    def new_records(
        self, partition: str, batch: Batch
    ) -> Iterator[tuple[str, Sequence[Record]]]:
        """Yield what is new of a batch, with the source that it is of."""
        if not self._reader.is_stream:
            yield partition, batch.records
            return
        for run in batch.runs:
            source = run.run.source
            known = self._known(partition, source)
            new = new_of(run, known)
            self.gaps += new.is_gap
            if new.taken is not known:
                self._moved[partition, source] = new.taken
            if new.records:
                yield source, new.records
        for node, mark in batch.marks:
            self._hear(partition, node, mark._replace(seen_ms=self._now_ms))

    def _hear(self, partition: str, node: str, mark: Mark) -> None:
        place = partition, node
        known = self._said.get(place) or self._marks.get(place)
        if known is None:
            # Its first message may be among those that were lost.
            is_lost = (partition, NO_OUTBOX) in self._known_sources()
            chain = ANY_CHAIN if is_lost else NOTHING_SAID.chain
            known = NOTHING_SAID._replace(chain=chain)
        self._said[place] = known.followed_by(mark)

    def resume(self, partition: str) -> None:
        """Take the next messages of a partition, although some before them are lost."""
        sources = self._known_sources()
        places = [place for place in sources if place[0] == partition]
        for place in places:
            self._moved[place] = sources[place]._replace(resumes=True)
        for node, mark in self._nodes(partition).items():
            self._said[partition, node] = mark._replace(chain=ANY_CHAIN)
        # Of a source that nothing is known of, all before now may have been lost.
        here = Taken(Cursor(0, self._now_ms), resumes=True)
        self._moved[partition, NO_OUTBOX] = here

    def progress(self, moved: Cursors, cursors: Cursors) -> Progress:
        """Return what is kept with the cursors of a batch, and count it as kept.

        Args:
            moved: the cursors behind the batch.
            cursors: before it.
        """
        if not self._reader.is_stream:
            return NO_PROGRESS
        was = {partition: cursors.get(partition, START) for partition in moved}
        progress = Progress(was, dict(self._moved), dict(self._said))
        if self._moved:
            self._known_sources().update(self._moved)
        self._marks |= self._said
        self._moved.clear()
        self._said.clear()
        return progress

    def watermarks(self, at_end: Sequence[str]) -> dict[str, int]:
        """Return the watermark of each partition in milliseconds; see EventLogReader.

        A partition that could not be read to its end has that of its nodes, and without
        any nothing of it is joined.

        Args:
            at_end: the partitions that were read to their end.
        """
        found: dict[str, int] = {}
        for partition in self._partitions:
            marks = self._nodes(partition)
            if partition in at_end:
                for node, mark in self._reader.silent(
                    partition, self._now_ms, marks
                ).items():
                    marks[node] = self._said[partition, node] = mark
            live = any(mark.state == "live" for mark in marks.values())
            found[partition] = (
                self._reader.watermark_ms(self._now_ms, marks.values())
                if live or partition in at_end or not self._reader.is_stream
                else _NOTHING_IS_JOINED
            )
        return found

    @property
    def has_news(self) -> bool:
        """True if something has changed that is not kept yet."""
        return bool(self._moved or self._said)

    def _nodes(self, partition: str) -> dict[str, Mark]:
        return {n: mark for (p, n), mark in self._marks.items() if p == partition}

    def _known(self, partition: str, source: str) -> Taken:
        place = partition, source
        known = self._moved.get(place) or self._known_sources().get(place)
        if known is not None:
            return known
        lost = self._known_sources().get((partition, NO_OUTBOX))
        is_older = lost is not None and _began_at_ms(source) <= lost.cursor.offset
        return _NEW._replace(resumes=is_older)

    def _known_sources(self) -> dict[Place, Taken]:
        if self._sources is None:
            self._sources = dict(self._facts.sources(self._partitions))
        return self._sources


def _began_at_ms(source: str) -> int:
    """Return when a source began, as its name says; 0 where it does not."""
    digits = source[1:].partition("-")[0]
    return int(digits) if digits.isdecimal() else 0
