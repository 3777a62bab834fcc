"""Which requests are answered in threads where the store is on a server."""

import json

import pytest

from bandit_svc.services.serving.callers.store_reads import StoreReads
from tests.harness.service import Service

DECISIONS = "/v1/decisions"


@pytest.fixture
def reads(service: Service) -> StoreReads:
    service.create()
    service.decide()
    return StoreReads(service.worker.catalog, service.storage.units)


def asked(*keys: str, **fields: object) -> bytes:
    items = [{"experiment": key, "context": {}, **fields} for key in keys]
    return json.dumps(items if len(items) > 1 else items[0]).encode()


def test_a_decision_of_what_is_in_memory_reads_nothing(reads: StoreReads) -> None:
    assert not reads.are_made(DECISIONS, asked("hero"))
    assert not reads.are_made(f"{DECISIONS}/batch", asked("hero", "hero"))


@pytest.mark.parametrize(
    "body",
    [
        asked("shelf"),
        asked("hero", "shelf"),
        asked("hero", links=["u-2"]),
        b"{}",
        b'{"experiment": "\xff"}',
    ],
)
def test_what_is_not_in_memory_is_read(reads: StoreReads, body: bytes) -> None:
    assert reads.are_made(f"{DECISIONS}/batch" if body[:1] == b"[" else DECISIONS, body)


def test_what_began_alike_is_read_once_definitions_have_changed(
    reads: StoreReads, service: Service
) -> None:
    assert not reads.are_made(DECISIONS, asked("hero"))
    service.change(features={"views": "count(viewed)"})
    service.decide(unit_id="u")

    assert reads.are_made(DECISIONS, asked("hero"))


def test_definitions_that_have_changed_are_read(
    reads: StoreReads, service: Service
) -> None:
    service.create("shelf")

    assert reads.are_made(DECISIONS, asked("hero"))


def test_what_is_known_of_a_unit_is_read(service: Service) -> None:
    service.create(features={"views": "count(viewed)"})
    service.create("kept", sticky={"for_seconds": 60})
    for key in ("hero", "kept"):
        service.decide(experiment=key, unit_id="u")
    reads = StoreReads(service.worker.catalog, service.storage.units)

    assert reads.are_made(DECISIONS, asked("hero"))
    assert reads.are_made(DECISIONS, asked("kept"))


@pytest.mark.parametrize("path", ["/v1/rewards", "/v1/rewards/batch", "/v1/events"])
def test_whether_a_reward_or_an_event_is_known_is_read(
    reads: StoreReads, path: str
) -> None:
    assert reads.are_made(path, b"{}")
