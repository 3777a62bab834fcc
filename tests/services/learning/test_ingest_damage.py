"""Ingestion over a damaged log: the rest goes on, and what is lost is named."""

import logging
from pathlib import Path

import pytest

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.event import encode_event
from bandit_svc.domain.events.record import UNIT, Record
from bandit_svc.eventlog.interface import START
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import Ingested, ingest
from tests.harness.service import Service


def ingested(service: Service) -> Ingested:
    backends = service.backends
    definitions = Definitions(backends.storage.experiments)
    facts, reader = backends.storage.facts, backends.reader
    return ingest(facts, reader, backends.decoder, definitions, service.now_ms)


def segment(service: Service, partition: str) -> Path:
    folder = Path(service.settings.data) / "log" / partition
    (found,) = folder.glob("*.seg")
    return found


def test_a_damaged_fact_is_named_and_the_rest_is_stored(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.create()
    decided = [service.decide() for _ in range(3)]
    path = segment(service, service.worker.log.partition)
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        tick = service.learner.tick()

    (damage,) = tick.ingested.damages
    assert (damage.partition, damage.facts) == (service.worker.log.partition, 1)
    assert tick.ingested.records == 2
    kept = [service.storage.facts.decision(d.decision.id) for d in decided]
    assert [view is None for view in kept] == [False, False, True]
    assert str(damage) in caplog.messages
    (found,) = service.storage.damages.all()
    assert (found.damage, found.found_at_ms) == (damage, service.now_ms)
    assert found.acknowledged_at_ms is None


def test_an_unreadable_segment_stops_its_own_partition_only(service: Service) -> None:
    service.create()
    waiting = service.decide(service.worker)
    read = service.decide(service.other_worker)
    path = segment(service, service.worker.log.partition)
    aside = path.with_name("aside")
    path.rename(aside)
    path.mkdir()
    first = ingested(service)
    path.rmdir()
    aside.rename(path)
    second = ingested(service)

    assert (first.records, second.records) == (1, 1)
    (wait,) = first.waits
    assert f"{service.worker.log.partition}/00000001.seg" in wait.sentence
    assert "Is a directory" in wait.sentence
    assert second.waits == []
    for decided in (waiting, read):
        assert service.storage.facts.decision(decided.decision.id) is not None


def test_a_partition_of_format_1_is_stored_with_its_facts_checked(
    service: Service,
) -> None:
    service.create()
    decided = service.decide()
    changed = service.decide()
    service.worker.close()
    service.other_worker.close()
    ingested(service)
    old = Path(service.settings.data) / "log" / "w1700000000000-1-ab12"
    old.mkdir()
    line = encode_event(decided.decision)
    wrong = encode_event(changed.decision).replace(b'"chosen":', b'"chosen":1')
    (old / "00000001.jsonl").write_bytes(line + b"\n" + wrong + b"\n")
    found = ingested(service)

    assert found.records == 1
    assert found.damages == [
        Damage(old.name, 1, len(line) + 1, 1, len(wrong), "unreadable", format=1)
    ]
    assert found.counts == {(1, "decisions_repeated"): 1}
    assert not old.exists()


def append_unreadable(service: Service, *bodies: bytes) -> None:
    for body in bodies:
        service.worker.log.append(Record(UNIT, body))


def test_records_that_mean_nothing_are_one_damage_at_the_place_of_the_first(
    service: Service,
) -> None:
    service.create()
    first = service.decide()
    end = service.backends.reader.end(service.worker.log.partition)
    append_unreadable(service, b"one", b"other")
    last = service.decide()
    append_unreadable(service, b"third")
    found = ingested(service)

    assert found.records == 2
    assert found.damages == [
        Damage(service.worker.log.partition, *end[:2], 3, 13, "unreadable")
    ]
    (kept,) = service.storage.damages.unacknowledged()
    assert service.storage.damages.remains(kept.id) == b"one\nother\nthird"
    for decided in (first, last):
        assert service.storage.facts.decision(decided.decision.id) is not None


def test_records_that_mean_nothing_are_kept_once_however_often_they_are_read(
    service: Service,
) -> None:
    service.create()
    append_unreadable(service, b"one", b"other")
    ingested(service)
    service.storage.facts.ingest([], {service.worker.log.partition: START})
    ingested(service)

    (kept,) = service.storage.damages.all()
    assert kept.damage.facts == 2


def test_the_bytes_of_a_changed_record_are_kept(service: Service) -> None:
    service.create()
    service.decide()
    path = segment(service, service.worker.log.partition)
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    (damage,) = ingested(service).damages

    (kept,) = service.storage.damages.all()
    remains = bytes(content[damage.offset : damage.offset + damage.bytes])
    assert service.storage.damages.remains(kept.id) == remains
