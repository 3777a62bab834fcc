"""Logs that earlier versions wrote are read as they were written."""

import shutil
from pathlib import Path

import pytest

from bandit_svc.domain.events.codec import Fact, FactDecoder
from bandit_svc.domain.events.decision_id import SECRET_BYTES, DecisionIds
from bandit_svc.domain.events.event import decode_event
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.interface import START

FIXTURES = Path(__file__).parent / "fixtures"
WRITTEN = [
    decode_event(line) for line in (FIXTURES / "events.jsonl").read_bytes().splitlines()
]


@pytest.mark.parametrize("max_bytes", [1, 4_194_304])
@pytest.mark.parametrize(("folder", "facts"), [("format-1", 9), ("format-2", 10)])
def test_a_log_of_each_format_is_read_as_it_was_written(
    tmp_path: Path, folder: str, facts: int, max_bytes: int
) -> None:
    root = tmp_path / "log"
    shutil.copytree(FIXTURES / folder / "log", root)
    reader = FileReader(root)
    decoder = FactDecoder(DecisionIds(bytes(range(SECRET_BYTES))))
    (partition,) = reader.partitions()
    found: list[Fact] = []
    cursor = START
    while cursor < reader.end(partition):
        batch = reader.read(partition, cursor, max_bytes)
        assert (batch.torn, list(batch.damages)) == (0, [])
        found += [decoder.decode(record, batch.parts) for record in batch.records]
        cursor = batch.cursor

    assert found == WRITTEN[:facts]
    assert reader.committed(partition, cursor)
    assert reader.partitions() == []
