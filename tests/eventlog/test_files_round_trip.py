"""Whatever is appended comes back, whatever the sizes of records and batches."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from bandit_svc.eventlog.files.frames import read_footer
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.interface import START, Cursor
from tests.harness.file_writers import payloads, record_of

RECORDS = st.binary(max_size=60)


@settings(deadline=None)
@given(
    records=st.lists(RECORDS, max_size=40),
    max_segment_bytes=st.integers(1, 200),
    max_bytes=st.integers(1, 300),
)
def test_records_round_trip_through_any_rotation_and_batch_size(
    records: list[bytes], max_segment_bytes: int, max_bytes: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "log"
        writer = FileWriter(
            root,
            now_ms=1,
            suffix="ab",
            fsync="never",
            fsync_interval_ms=100,
            max_segment_bytes=max_segment_bytes,
        )
        for record in records:
            writer.append(record_of(record))
        writer.close()
        reader = FileReader(root)
        got: list[bytes] = []
        cursor = START
        while cursor < reader.end(writer.partition):
            batch = reader.read(writer.partition, cursor, max_bytes)
            taken = sum(7 + len(record.payload) for record in batch.records)
            assert taken <= max_bytes or len(batch.records) == 1
            assert (batch.torn, batch.damages) == (0, [])
            got += payloads(batch.records)
            cursor = batch.cursor
        files = sorted((root / writer.partition).glob("*.seg")) if records else []

        assert got == records
        for path in files:
            content = path.read_bytes()
            footer = read_footer(content[-24:])
            assert footer is not None
            assert footer.bytes <= max_segment_bytes or footer.records == 1


class Incarnations(RuleBasedStateMachine):
    """Writers come and go while a learner reads, commits and releases at will."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name) / "log"
        self.reader = FileReader(self.root)
        self.writers: list[FileWriter] = []
        self.written: dict[str, list[bytes]] = {}
        self.read: dict[str, list[bytes]] = {}
        self.cursors: dict[str, Cursor] = {}

    @precondition(lambda self: len(self.writers) < 3)
    @rule(max_segment_bytes=st.integers(1, 100))
    def start_writer(self, max_segment_bytes: int) -> None:
        writer = FileWriter(
            self.root,
            now_ms=len(self.written),
            suffix="ab",
            fsync="never",
            fsync_interval_ms=100,
            max_segment_bytes=max_segment_bytes,
        )
        self.writers.append(writer)
        self.written[writer.partition] = []
        self.read[writer.partition] = []

    @precondition(lambda self: self.writers)
    @rule(choice=st.integers(0, 2), records=st.lists(RECORDS, max_size=5))
    def append(self, choice: int, records: list[bytes]) -> None:
        writer = self.writers[choice % len(self.writers)]
        for record in records:
            writer.append(record_of(record))
        self.written[writer.partition] += records

    @precondition(lambda self: self.writers)
    @rule(choice=st.integers(0, 2))
    def stop_writer(self, choice: int) -> None:
        self.writers.pop(choice % len(self.writers)).close()

    @rule(max_bytes=st.integers(1, 200), commit=st.booleans())
    def learn(self, max_bytes: int, *, commit: bool) -> None:
        for partition in self.reader.partitions():
            after = self.cursors.get(partition, START)
            batch = self.reader.read(partition, after, max_bytes)
            if commit:
                self.read[partition] += payloads(batch.records)
                self.cursors[partition] = batch.cursor

    @rule()
    def release(self) -> None:
        for partition in self.reader.partitions():
            cursor = self.cursors.get(partition, START)
            if self.reader.committed(partition, cursor):
                assert self.read[partition] == self.written[partition]

    @invariant()
    def what_is_unread_is_still_there(self) -> None:
        for partition, written in self.written.items():
            after = self.cursors.get(partition, START)
            unread = self.reader.read(partition, after)
            assert unread.damages == []
            assert self.read[partition] + payloads(unread.records) == written

    def teardown(self) -> None:
        for writer in self.writers:
            writer.close()
        self.folder.cleanup()


TestIncarnations = Incarnations.TestCase
TestIncarnations.settings = settings(deadline=None, stateful_step_count=30)
