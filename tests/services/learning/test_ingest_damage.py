"""Ingestion over a damaged log: the rest goes on, and what is lost is named."""

import logging
from pathlib import Path

import pytest

from bandit_svc.domain.events.event import encode_event
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
    assert service.worker.log.partition in first.faults[0]
    assert "Is a directory" in first.faults[0]
    assert second.faults == []
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

    assert (found.records, found.unreadable) == (2, 1)
    assert found.counts == {(1, "decisions_repeated"): 1}
    assert not old.exists()
