"""Store and log of different ages: one is of an earlier copy, or was deleted."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.eventlog.files.reader import DEFAULT_READ_BYTES, FileReader
from bandit_svc.eventlog.files.scan import Scan, scan
from bandit_svc.eventlog.interface import Batch
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import ingest
from bandit_svc.services.managing.doctor import examine
from bandit_svc.services.managing.log_damage import log_damage
from bandit_svc.storage.archive.below import Reached
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.facts import SqliteFacts
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions
from bandit_svc.wiring import Worker
from tests.harness.raw_store import raw_store
from tests.harness.service import Service

NewService = Callable[[str], Service]


def folder_of(service: Service) -> Path:
    return Path(service.settings.data)


def read_and_gone(service: Service) -> int:
    """Let workers end and the learner read all; return the number of facts."""
    for worker in service.workers:
        worker.close()
    records = service.learner.tick().ingested.records
    assert service.backends.reader.partitions() == []
    return records


def named(service: Service) -> list[str]:
    return list(log_damage(service.storage, service.backends.reader))


def found_by_the_learner(service: Service) -> list[Damage]:
    return service.new_learner().tick().ingested.damages


@pytest.fixture
def played(service: Service) -> Service:
    service.create()
    service.rounds(10)
    return service


def restored(source: Path, new_service: NewService, name: str) -> Service:
    """Return a service over a copy of a folder, with no worker."""
    service = new_service(name)
    shutil.copytree(source, folder_of(service), dirs_exist_ok=True)
    return service


def test_ages_agree_after_each_tick_and_after_a_restart(played: Service) -> None:
    facts = read_and_gone(played)

    assert facts > 10
    assert played.backends.reader.released_facts([]) == facts
    assert played.storage.facts.released().facts == facts
    assert (named(played), found_by_the_learner(played)) == ([], [])


def test_an_earlier_store_is_told_with_the_facts_that_it_lacks(
    played: Service, new_service: NewService, tmp_path: Path
) -> None:
    played.storage.close()
    shutil.copytree(folder_of(played), tmp_path / "copy")
    facts = read_and_gone(played)
    older = restored(tmp_path / "copy", new_service, "older")
    shutil.rmtree(folder_of(older) / "log")
    shutil.copytree(folder_of(played) / "log", folder_of(older) / "log")
    before = named(older)
    (damage,) = found_by_the_learner(older)

    assert (damage.what, damage.facts, damage.at_least) == ("older store", facts, False)
    assert before[0].startswith(str(damage))
    assert "copies of one moment" in before[0]
    # Told once, and kept until it is acknowledged.
    assert found_by_the_learner(older) == []
    assert [kept.damage for kept in older.storage.damages.unacknowledged()] == [damage]


def test_an_earlier_log_is_told(
    played: Service, new_service: NewService, tmp_path: Path
) -> None:
    played.storage.close()
    shutil.copytree(folder_of(played) / "log", tmp_path / "log")
    read_and_gone(played)
    played.close()
    newer = restored(folder_of(played), new_service, "newer")
    shutil.rmtree(folder_of(newer) / "log")
    shutil.copytree(tmp_path / "log", folder_of(newer) / "log")
    before = named(newer)
    (damage,) = found_by_the_learner(newer)

    assert (damage.what, damage.at_least) == ("older log", True)
    assert before[0].startswith(str(damage))
    assert found_by_the_learner(newer) == []


def test_a_deleted_log_is_told_where_the_store_had_read_of_it(played: Service) -> None:
    played.learner.tick()
    shutil.rmtree(folder_of(played) / "log")
    (damage,) = found_by_the_learner(played)

    assert (damage.what, damage.at_least) == ("older log", True)


def test_a_log_that_is_there_again_is_no_further_damage(played: Service) -> None:
    played.learner.tick()
    log = folder_of(played) / "log"
    log.rename(log.with_name("not mounted"))
    found_by_the_learner(played)
    log.with_name("not mounted").rename(log)
    played.round()

    assert found_by_the_learner(played) == []
    assert len(played.storage.damages.all()) == 1
    read_and_gone(played)
    assert len(named(played)) == 1


def test_a_partition_that_is_shorter_than_what_was_read_is_told(
    played: Service, tmp_path: Path
) -> None:
    log = folder_of(played) / "log"
    shutil.copytree(log, tmp_path / "log")
    played.rounds(10)
    played.learner.tick()
    played.close()
    shutil.rmtree(log)
    shutil.copytree(tmp_path / "log", log)
    found = found_by_the_learner(played)

    assert {damage.what for damage in found} == {"older log"}
    assert {damage.partition for damage in found} == {
        worker.log.partition for worker in played.workers
    }


def test_a_partition_that_ends_segments_before_what_was_read_is_told(
    played: Service, tmp_path: Path
) -> None:
    log = folder_of(played) / "log"
    settings = msgspec.structs.replace(played.settings, segment_bytes=2_000)
    with closing(Worker(settings, played.now_ms, "cc")) as worker:
        partition = worker.log.partition
        played.round(worker)
        shutil.copytree(log, tmp_path / "log")
        for _ in range(40):
            played.round(worker)
        played.learner.tick()
        assert played.storage.facts.cursors()[partition].segment > 2
    played.close()
    shutil.rmtree(log)
    shutil.copytree(tmp_path / "log", log)
    before = examine(played.storage, played.backends.reader, played.now_ms)
    found = {damage.partition: damage for damage in found_by_the_learner(played)}

    assert found[partition].what == "older log"
    assert found[partition].at_least
    assert any(
        fault.startswith(f"partition {partition} of the event log ends at segment 2")
        for fault in before
    )
    assert any(partition in sentence for sentence in before)
    assert partition not in played.backends.reader.partitions()


class KilledError(Exception):
    """The end of a learner."""


class DyingFacts(SqliteFacts):
    """Facts of a learner that is killed before it forgets a partition."""

    def forget_partition(self, partition: str) -> None:
        raise KilledError(partition)


def test_a_learner_that_was_killed_before_it_forgot_a_partition_loses_nothing(
    played: Service,
) -> None:
    for worker in played.workers:
        worker.close()
    reader, decoder = played.backends.reader, played.backends.decoder
    database = Database(folder_of(played) / "bandit.db")
    facts = DyingFacts(database, StoredDecisions(database), Reached())
    definitions = Definitions(played.storage.experiments)
    for _ in played.workers:
        with pytest.raises(KilledError):
            ingest(facts, reader, decoder, definitions, played.now_ms)

    assert len(facts.cursors()) == 2
    assert named(played) == []
    assert found_by_the_learner(played) == []
    assert facts.cursors() == {}
    assert facts.released().facts == reader.released_facts([]) > 10


def test_a_store_of_an_earlier_version_begins_with_the_log_s_number(
    played: Service,
) -> None:
    read_and_gone(played)
    with raw_store(folder_of(played)) as connection:
        connection.execute("DELETE FROM meta WHERE name = 'released_facts'")
        connection.execute("INSERT INTO cursors VALUES ('gone', 3, 500, 7, NULL)")
    (folder_of(played) / "log/manifests/released").unlink()

    assert (named(played), found_by_the_learner(played)) == ([], [])
    assert played.storage.facts.released().facts == -7


class ReaderBesideAWriter(FileReader):
    """A reader to whose first look at records something happens before."""

    def __init__(self, root: Path, happens: Callable[[], object]) -> None:
        super().__init__(root)
        self._happens: Callable[[], object] | None = happens

    def read(
        self,
        partition: str,
        after: Cursor,
        max_bytes: int = DEFAULT_READ_BYTES,
        scan: Scan = scan,
    ) -> Batch:
        happens, self._happens = self._happens, None
        if happens is not None:
            happens()
        return super().read(partition, after, max_bytes, scan)


@pytest.mark.parametrize("ends", [False, True])
def test_a_writer_that_goes_on_or_ends_meanwhile_is_no_older_log(
    service: Service, *, ends: bool
) -> None:
    """Its end was asked for before; what was read since lies behind it."""
    service.create()
    settings = msgspec.structs.replace(service.settings, segment_bytes=2_000)
    with closing(Worker(settings, service.now_ms, "cc")) as worker:
        service.round(worker)

        def happens() -> None:
            for _ in range(40):
                service.round(worker)
            if ends:
                worker.close()

        done = ingest(
            service.storage.facts,
            ReaderBesideAWriter(folder_of(service) / "log", happens),
            service.backends.decoder,
            Definitions(service.storage.experiments),
            service.now_ms,
        )

    assert done.damages == []
    assert named(service) == []
