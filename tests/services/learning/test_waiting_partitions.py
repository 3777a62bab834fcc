"""A partition that can't be read holds joining, for a while, and stops nothing else."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from bandit_svc.errors import LogUnreadable
from bandit_svc.eventlog.interface import Batch, Cursor, EventLogReader
from bandit_svc.learner.loop import Learner
from bandit_svc.services.checks.degraded import damage_reasons
from bandit_svc.services.serving.decide import Decided
from bandit_svc.services.serving.look_up import look_up
from bandit_svc.storage.damages import HOLD_JOINING_MS
from tests.harness.service import Service

MINUTE_MS = 60_000


class Refusing:
    """A reader for whom the disk refuses one partition as long as it is named."""

    def __init__(self, reader: EventLogReader) -> None:
        self._reader = reader
        self.refused = ""
        self.may_pass = True
        self.check_formats = reader.check_formats
        self.partitions = reader.partitions
        self.end = reader.end
        self.committed = reader.committed
        self.watermark_ms = reader.watermark_ms
        self.status = reader.status
        self.is_stream = reader.is_stream
        self.silent = reader.silent
        self.close = reader.close
        self.released_facts = reader.released_facts
        self.backlog_bytes = reader.backlog_bytes

    def file(self, partition: str) -> str:
        return f"log/{partition}/00000001.seg"

    def read(self, partition: str, after: Cursor, max_bytes: int = 1_000_000) -> Batch:
        if partition == self.refused:
            file, reason = self.file(partition), "Input/output error"
            raise LogUnreadable(file, reason, may_pass=self.may_pass)
        return self._reader.read(partition, after, max_bytes)


class Refused:
    """A service one of whose partitions, that of the rewards, can't be read."""

    def __init__(self, service: Service, *, may_pass: bool = True) -> None:
        service.create(holdout=0.0)
        self.service = service
        self.reader = Refusing(service.backends.reader)
        self.reader.may_pass = may_pass
        service.backends.reader = self.reader
        self.learner = Learner(service.backends, lambda: service.now_ms)
        self.decided = [service.decide(service.worker) for _ in range(5)]
        for one in self.decided:
            service.reward(one, worker=service.other_worker)
        self.reader.refused = service.other_worker.log.partition

    def tick(self, after_ms: int = 2_000) -> int:
        """Let time pass; return how many decisions were joined."""
        self.service.now_ms += after_ms
        return self.learner.tick().joined

    def names(self) -> list[str]:
        kept = self.service.storage.damages.unacknowledged()
        return [r.name for r in damage_reasons([one.damage for one in kept])]

    def joined_rewards(self) -> list[float]:
        return [row.reward for row in self.service.storage.joins.after(1, 0, 10**6)]


def stored(service: Service, decided: Sequence[Decided]) -> int:
    views = [service.storage.facts.decision(one.decision.id) for one in decided]
    return sum(view is not None for view in views)


def test_rewards_behind_an_error_of_the_disk_count_once_it_has_passed(
    service: Service,
) -> None:
    world = Refused(service)
    held = [world.tick() for _ in range(3)]
    during = world.names()
    world.reader.refused = ""
    joined = world.tick()

    # The other partition went on being stored.
    assert stored(service, world.decided) == 5
    assert (held, joined) == ([0, 0, 0], 5)
    assert (during, world.names()) == (["unreadable"], [])
    assert world.joined_rewards() == [1.0] * 5
    # Its number is not given to another damage.
    (over,) = service.storage.damages.all()
    assert (over.damage.what, over.acknowledged_at_ms) == ("waited", service.now_ms)


def test_an_operator_lets_joining_go_on_without_the_partition(service: Service) -> None:
    world = Refused(service)
    held = world.tick()
    (kept,) = service.storage.damages.unacknowledged()
    service.storage.damages.acknowledge(kept.id, service.now_ms)

    assert held == 0
    assert world.tick() == 5
    assert world.names() == []
    # A learner that is started anew remembers it.
    world.learner = Learner(service.backends, lambda: service.now_ms)
    world.decided = [service.decide(service.worker)]
    assert world.tick() == 1


def test_joining_holds_for_the_documented_time_and_no_longer(service: Service) -> None:
    world = Refused(service)
    world.tick()
    before = world.tick(HOLD_JOINING_MS - 1)
    after = world.tick(1)

    assert (before, after) == (0, 5)
    assert world.names() == ["unreadable"]


def test_what_is_no_file_stops_its_own_partition_and_holds_nothing(
    service: Service,
) -> None:
    world = Refused(service, may_pass=False)

    assert world.tick() == 5
    assert world.names() == ["unreadable"]


def test_a_waiting_partition_that_is_deleted_whole_is_lost(service: Service) -> None:
    world = Refused(service)
    world.tick()
    service.other_worker.close()
    world.reader.refused = ""
    backends = service.open()
    partition = service.other_worker.log.partition
    assert backends.reader.committed(partition, Cursor(9, 0))
    joined = world.tick()
    (kept,) = service.storage.damages.unacknowledged()

    assert joined == 5
    assert (kept.damage.partition, kept.damage.what) == (partition, "deleted")
    assert kept.damage.at_least


def test_a_wait_is_logged_once_with_its_file_and_so_is_its_end(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    world = Refused(service)
    caplog.set_level(logging.WARNING, logger="bandit_svc.learner")
    for _ in range(3):
        world.tick(MINUTE_MS)
    world.reader.refused = ""
    world.tick()
    file = world.reader.file(service.other_worker.log.partition)
    begun, held, over, resumed = [record.getMessage() for record in caplog.records]

    assert f"{file} of the event log can't be read (Input/output error)" in begun
    assert "mend the disk, or restore it from a copy" in begun
    assert held.startswith("joining holds for at most 60 min")
    assert over.endswith("of the event log is read again")
    assert resumed == "joining goes on"


@pytest.fixture
def no_file(service: Service) -> Service:
    """A service with a folder in the place of the other worker's segment."""
    service.create(holdout=0.0)
    service.decide(service.other_worker)
    folder = Path(service.settings.data) / "log" / service.other_worker.log.partition
    (path,) = folder.glob("*.seg")
    path.rename(path.with_name("aside"))
    path.mkdir()
    return service


def test_repeated_requests_are_answered_though_a_partition_can_not_be_read(
    no_file: Service,
) -> None:
    first = no_file.decide(no_file.worker, request_id="r1")
    again = no_file.decide(no_file.worker, request_id="r1")

    assert first.decision == again.decision


def test_a_decision_is_looked_up_in_the_partitions_that_can_be_read(
    no_file: Service,
) -> None:
    backends = no_file.backends
    read = no_file.decide(no_file.worker).decision
    lost = no_file.worker.ids.issue(1, no_file.now_ms, bytes(9), deferred=False)
    ports = backends.storage.facts, backends.reader, backends.decoder

    assert look_up(*ports, read.id).decision == read
    # It may lie in the other partition, so that it can't be said not to exist.
    with pytest.raises(LogUnreadable, match=r"00000001.seg .*Is a directory"):
        look_up(*ports, lost)
