"""Segments that were read and are kept: compressed, checked, readable again."""

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.eventlog.bounded import measured_room
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.kept import KeptSegments, kept_faults
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import ingest
from tests.harness.service import Service
from tests.harness.service_fixtures import new_service, service

__all__ = ["new_service", "service"]


@pytest.fixture
def kept(service: Service) -> Path:
    """The log of a service whose partitions were read to their end and kept."""
    service.create()
    service.rounds(300)
    for worker in service.workers:
        worker.close()
    log = Path(service.settings.data) / "log"
    store = service.storage
    definitions = Definitions(store.experiments)
    reader = FileReader(log, keep_days=7)
    ingest(store.facts, reader, service.backends.decoder, definitions, service.now_ms)
    return log


def segments(log: Path) -> list[Path]:
    return sorted((log / "kept").glob("w*/*.seg.gz"))


def put_back(log: Path) -> None:
    """Unpack every kept file to where it was."""
    for packed in (log / "kept").glob("*/*.gz"):
        folder = log / packed.parent.name
        folder.mkdir(exist_ok=True)
        (folder / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    shutil.rmtree(log / "kept")


def test_a_segment_that_was_read_is_kept_and_takes_less_than_half(kept: Path) -> None:
    found = segments(kept)

    assert len(found) == 2
    assert list(kept.glob("w*")) == []
    for packed in found:
        content = gzip.decompress(packed.read_bytes())
        assert packed.stat().st_size < len(content) / 2
    assert list(kept_faults(kept)) == []


def test_kept_segments_are_read_again_into_a_new_store(
    kept: Path, service: Service, new_service: Callable[[str], Service]
) -> None:
    before = service.storage.facts.totals(1)
    put_back(kept)
    again = new_service("again")
    again.start()
    again.create()
    for worker in again.workers:
        worker.close()
    log = Path(again.settings.data) / "log"
    shutil.rmtree(log, ignore_errors=True)
    (kept / "manifests/released").unlink()
    shutil.copytree(kept, log)
    found = again.learner.tick().ingested

    assert found.damages == []
    assert again.storage.facts.totals(1) == before


def test_a_changed_or_missing_file_is_named(kept: Path) -> None:
    first, second = segments(kept)
    content = bytearray(first.read_bytes())
    content[100] ^= 1
    first.write_bytes(content)
    second.unlink()
    faults = list(kept_faults(kept))

    assert len(faults) == 2
    assert f"log/kept/{first.parent.name}/{first.name} is damaged" in faults[0]
    assert f"{second.parent.name}/{second.name} is missing" in faults[1]


def test_what_is_older_than_the_days_is_deleted(kept: Path) -> None:
    first, second = segments(kept)
    os.utime(first, (0, 0))
    KeptSegments(kept, 7).prune()

    assert segments(kept) == [second]
    assert not first.parent.exists()
    assert list(kept_faults(kept)) == []
    KeptSegments(kept, 0).prune()
    assert segments(kept) == []


def test_a_segment_that_can_not_be_kept_holds_nothing_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    segment = tmp_path / "00000001.seg"
    segment.write_bytes(b"x")
    (tmp_path / "kept").write_bytes(b"no folder")
    KeptSegments(tmp_path, 7).keep("w1", segment)

    assert "can't be kept" in caplog.text


def test_kept_segments_do_not_count_for_the_limit_of_the_log(kept: Path) -> None:
    size = measured_room(kept, with_log=True).log_bytes

    assert 0 < size < min(packed.stat().st_size for packed in segments(kept))
