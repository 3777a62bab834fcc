"""Whatever happens to messages on their way, each record enters once and in order.

A model of honest shippers: they send on before they are acknowledged, lose messages in
the middle, send again from their last contiguous acknowledgement in other pieces, and
are killed at any place. The stream is a real one, the store too; the reader is killed
between reading and keeping, and another one goes on.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.record import REWARD, Record
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import stream_address
from bandit_svc.eventlog.stream.engines import stream_source
from bandit_svc.eventlog.stream.source import StreamSource
from bandit_svc.services.learning.stream.standing import Standing
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.interface import Storage
from tests.harness.nats.sending import Sender, Stretch, message
from tests.harness.nats.servers import NatsServer, nats_server

SOURCES = ("w1", "w2", "w3")
LENGTH = 30
"""Records of each source; those of odd sequence numbers are of this partition."""
EXAMPLES = 40
PARTITION = "0"

Records = dict[str, list[bytes]]


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as started:
        yield started


def records_of(source: str, first: int, last: int) -> list[tuple[int, Record]]:
    return [
        (n, Record(REWARD, f"{source} {n}".encode()))
        for n in range(first, last)
        if n % 2
    ]


def place(sequence: int) -> Cursor:
    return Cursor(1 + sequence // 10, 7 * sequence, sequence) if sequence else START


class Shipper:
    """Sends stretches of its sources; `place` is what was acknowledged contiguously."""

    def __init__(self, sender: Sender, node: str, sources: tuple[str, ...]) -> None:
        self._sender = sender
        self._node = node
        self._acknowledged = dict.fromkeys(sources, 0)

    def round(self, sizes: list[int], kept: list[bool], *, dies: bool) -> None:
        """Send pieces of all sources without waiting; some are not kept.

        Args:
            sizes: of the pieces, in sequence numbers.
            kept: by the stream, in turn.
            dies: before it has seen an acknowledgement.
        """
        at = dict(self._acknowledged)
        contiguous = dict(self._acknowledged)
        broken = False
        for size, is_kept in zip(sizes, kept, strict=False):
            stretches = []
            for source, first in at.items():
                last = min(LENGTH, first + size)
                records = records_of(source, first, last)
                stretches.append(Stretch(source, place(first), place(last), records))
                at[source] = last
            if is_kept:
                self._sender.send(PARTITION, message(self._node, stretches))
            broken |= not is_kept
            if not broken:
                contiguous = dict(at)
        if not dies:
            self._acknowledged = contiguous

    @property
    def is_done(self) -> bool:
        return all(at == LENGTH for at in self._acknowledged.values())


class Reader:
    """Takes batches; what it took is kept with the cursor, or lost with it."""

    def __init__(self, storage: Storage, source: StreamSource) -> None:
        self._facts = storage.facts
        self._source = source
        self.taken: Records = defaultdict(list)

    def read(self, max_bytes: int, *, dies: bool, overtaken: bool = False) -> bool:
        """Read one batch; return whether there was any."""
        cursors = self._facts.cursors()
        standing = Standing(self._facts, self._source, [PARTITION], 1_000)
        after = cursors.get(PARTITION, START)
        batch = self._source.read(PARTITION, after, max_bytes)
        if batch.cursor == after:
            return False
        new = [
            (source, [record.payload for record in records])
            for source, records in standing.new_records(PARTITION, batch)
        ]
        moved = {PARTITION: batch.cursor}
        progress = standing.progress(moved, cursors)
        if overtaken:
            assert self.read(max_bytes, dies=False)
            with pytest.raises(Unavailable, match="by another process"):
                self._facts.ingest([], moved, progress=progress)
        elif not dies:
            self._facts.ingest([], moved, progress=progress)
            for source, records in new:
                self.taken[source] += records
        return True


shipping = st.tuples(
    st.just("ship"),
    st.integers(0, 1),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.lists(st.sampled_from([True, True, False]), min_size=5, max_size=5),
    st.booleans(),
)
reading = st.tuples(
    st.just("read"),
    st.sampled_from([1, 400, 100_000]),
    st.sampled_from(["keeps", "keeps", "dies", "is overtaken"]),
)
steps = st.lists(st.one_of(shipping, reading), max_size=14)


@given(data=st.data())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_each_record_enters_once_and_in_order(
    server: NatsServer, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("model")
    url = f"{server.address}/{folder.name.replace('_', '-')}?partitions=1"
    address = stream_address(url)
    with (
        closing(Sender(address)) as sender,
        closing(stream_source(address, "model")) as source,
        closing(_storage(folder)) as storage,
    ):
        shippers = [
            Shipper(sender, "web-1", SOURCES[:2]),
            Shipper(sender, "web-2", SOURCES[2:]),
        ]
        reader = Reader(storage, source)
        for step in data.draw(steps):
            match step:
                case ("ship", which, sizes, kept, dies):
                    shippers[which].round(sizes, kept, dies=dies)
                case ("read", size, end):
                    reader.read(size, dies=end == "dies", overtaken=end[:2] == "is")
        for shipper in shippers:
            while not shipper.is_done:
                shipper.round([7], [True], dies=False)
        while reader.read(100_000, dies=False):
            pass

    assert reader.taken == {
        name: [record.payload for _, record in records_of(name, 0, LENGTH)]
        for name in SOURCES
    }


def _storage(folder: Path) -> Storage:
    storage = open_storage(folder)
    storage.migrate()
    return storage
