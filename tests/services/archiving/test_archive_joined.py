"""The archive has what was joined, as the same bytes however often it is written."""

import importlib
import io
from pathlib import Path

import pytest
from msgspec.structs import replace

from bandit_svc.domain.limits import DAY_MS
from bandit_svc.errors import Conflict, Unprocessable
from bandit_svc.services.archiving.faults import archive_faults
from bandit_svc.services.archiving.mend_archive import mend_archive
from bandit_svc.services.archiving.orders import joined_order
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.learning.replay import replay as replay_model
from bandit_svc.storage.joined.joins import JoinedOrder
from bandit_svc.storage.rows import JoinedRow
from tests.harness.service import Service
from tests.harness.stored.archived import archive, bytes_in, days, ports_of, rows_of

URLS = ("file", "memory")


@pytest.fixture
def ports(service: Service, tmp_path: Path) -> ArchivePorts:
    return ports_of(service, f"file://{tmp_path}/archive")


def read(order: JoinedOrder, step: int) -> list[JoinedRow]:
    """Return all rows of a joined order, a few at a time."""
    found: list[JoinedRow] = []
    while rows := order.after(1, found[-1].position if found else 0, step):
        found += rows
    return found


@pytest.mark.parametrize("kind", URLS)
def test_each_day_that_is_over_is_a_file_named_by_its_positions(
    service: Service, tmp_path: Path, kind: str
) -> None:
    service.create()
    ports = ports_of(service, f"{kind}://{tmp_path}/archive")
    days(service, 2)
    service.rounds(10)
    service.mature()
    done = archive(service, ports)
    names = ports.target.names("joined")

    assert (done.written, done.rewritten) == (2, 0)
    assert [name.partition("/date=")[2] for name in names] == [
        "2026-09-21/part-000000000001-000000000040.parquet",
        "2026-09-22/part-000000000041-000000000080.parquet",
    ]
    assert archive_faults(service.storage, ports) == []


def test_writing_again_gives_the_same_bytes(
    service: Service, ports: ArchivePorts, tmp_path: Path
) -> None:
    service.create()
    days(service)
    archive(service, ports)
    again = ports_of(service, f"file://{tmp_path}/other")
    before = bytes_in(ports)
    for file in service.storage.archived.files(1):
        # As if its decisions had changed, and back again.
        service.storage.archived.keep(replace(file, source="", checked=""))
    assert archive(service, again).rewritten == len(before)

    assert bytes_in(again) == before


def test_a_file_is_closed_by_its_number_of_rows_too(
    service: Service, ports: ArchivePorts
) -> None:
    service.create()
    service.rounds(50)
    service.mature()
    archive(service, ports, most_rows=20)

    files = service.storage.archived.files(1)
    assert [(file.first, file.last) for file in files] == [(1, 20), (21, 40)]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_the_archive_and_then_the_store_are_the_joined_order(
    service: Service, ports: ArchivePorts, step: int
) -> None:
    experiment = service.create()
    days(service, 2)
    archive(service, ports)
    service.rounds(15)
    service.mature()

    assert read(joined_order(ports, experiment), step) == rows_of(service)


@pytest.mark.parametrize("kind", ["vw", "linear", "auto"])
def test_a_model_learned_from_the_archive_has_the_same_bytes(
    service: Service, ports: ArchivePorts, kind: str
) -> None:
    experiment = service.create(policy={"kind": kind})
    days(service)
    archive(service, ports)
    found = replay_model(
        service.storage, experiment, order=joined_order(ports, experiment)
    )

    assert found.matches


def test_pages_come_back_from_the_archive_with_their_slots(
    service: Service, ports: ArchivePorts
) -> None:
    experiment = service.create(
        variants=[{"key": key} for key in "abcd"], policy={"kind": "linear"}
    )
    for _ in range(30):
        service.round(slots=3)
    service.mature()
    service.now_ms += DAY_MS
    archive(service, ports)
    order = joined_order(ports, experiment)
    parquet = importlib.import_module("pyarrow.parquet")
    (content,) = bytes_in(ports).values()

    assert read(order, 7) == rows_of(service)
    assert parquet.read_table(io.BytesIO(content)).num_rows == 90
    assert replay_model(service.storage, experiment, order=order).matches


def test_a_correction_writes_only_files_again_that_it_changes(
    service: Service, ports: ArchivePorts
) -> None:
    experiment = service.create(holdout=0.0, reward={"maximum": 2.0})
    days(service, 1)
    decided = service.rounds(20)[-1]
    service.reward(decided, 1.0, reward_id="late-one")
    service.mature()
    service.now_ms += DAY_MS
    archive(service, ports)
    before = bytes_in(ports)
    service.correct(decided, 0.5, reward_id="late-one")
    service.relearn()
    outdated = rows_of(service) == read(joined_order(ports, experiment), 9)
    done = archive(service, ports)
    after = bytes_in(ports)

    assert outdated
    assert (done.rewritten, done.compared) == (1, 1)
    assert [before[name] == after[name] for name in sorted(before)] == [True, False]
    assert read(joined_order(ports, experiment), 9) == rows_of(service)
    assert replay_model(
        service.storage, experiment, order=joined_order(ports, experiment)
    ).matches
    assert archive_faults(service.storage, ports) == []


def test_only_one_process_writes(service: Service, ports: ArchivePorts) -> None:
    service.create()
    days(service, 1)
    with service.storage.leases.hold("archive"), pytest.raises(Conflict):
        archive(service, ports)


def test_missing_and_altered_files_and_gaps_are_faults_and_can_be_mended(
    service: Service, ports: ArchivePorts, tmp_path: Path
) -> None:
    experiment = service.create()
    days(service)
    archive(service, ports)
    first, second, _ = sorted((tmp_path / "archive").rglob("*.parquet"))
    before = first.read_bytes()
    first.unlink()
    damaged = bytearray(second.read_bytes())
    damaged[100] ^= 1
    second.write_bytes(damaged)
    missing, altered = archive_faults(service.storage, ports)
    mended = mend_archive(ports, experiment)

    assert "is missing" in missing
    assert "other bytes" in altered
    assert mended == 2
    assert first.read_bytes() == before
    assert archive_faults(service.storage, ports) == []


def test_a_missing_archive_is_a_sentence_and_loses_nothing(
    service: Service, ports: ArchivePorts, tmp_path: Path
) -> None:
    service.create()
    days(service, 1)
    place = tmp_path / "archive"
    place.write_text("not a folder")
    with pytest.raises(Unprocessable, match="can't be written"):
        archive(service, ports)
    place.unlink()

    assert archive(service, ports).written == 1
