"""Rewards, events and activations wait in memory until the service has taken them."""

import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from bandit_svc.client import AsyncBanditClient, BanditClient
from bandit_svc.client.guarding.minute_log import MinuteLog
from bandit_svc.client.reporting.lane import Lane
from bandit_svc.client.reporting.outbox import Answer as Answered
from bandit_svc.client.reporting.outbox import Outbox
from tests.harness.client.collecting_service import (
    CollectingService,
    collecting_service,
)
from tests.harness.client.forked import in_fork
from tests.harness.fakes.json_server import Answer
from tests.harness.waiting import GENEROUS_S, wait_until
from tests.harness.web.own_loop import in_own_loop

BUSY = Answer(503, {"title": "Unavailable", "status": 503}, {"Retry-After": "0"})
LOST = None
"""The service has gone before it answered."""


@pytest.fixture
def service() -> Iterator[CollectingService]:
    """Return a service that takes reports."""
    with collecting_service() as service:
        yield service


@pytest.fixture
def client(service: CollectingService) -> Iterator[BanditClient]:
    """Return a client of it."""
    with BanditClient(service.url, exit_flush_s=GENEROUS_S) as client:
        yield client


def test_reports_of_each_kind_go_to_their_batch(
    service: CollectingService, client: BanditClient
) -> None:
    client.reward("d-1", 1, "order-1")
    client.track("viewed", "u-1", value=2.5, properties={"a": 1}, event_id="e-1")
    client.activate("d-2")

    assert client.flush()

    assert sorted(path for path, _ in service.requests) == [
        "/v1/activations/batch",
        "/v1/events/batch",
        "/v1/rewards/batch",
    ]
    (reward,), (event,) = service.taken["rewards"], service.taken["events"]
    assert reward == {
        "decision_id": "d-1",
        "value": 1.0,
        "metric": "reward",
        "reward_id": "order-1",
    }
    assert event == {
        "unit_id": "u-1",
        "event": "viewed",
        "event_id": "e-1",
        "value": 2.5,
        "properties": {"a": 1},
    }
    assert service.taken["decision_ids"] == ["d-2"]


def test_reports_are_sent_without_being_asked_for(
    service: CollectingService, client: BanditClient
) -> None:
    client.reward("d-1", 1.0, "order-1")

    wait_until(lambda: service.reward_ids == ["order-1"], "the reward taken")


@pytest.mark.parametrize(
    "failure",
    [
        BUSY,
        LOST,
        Answer(500, {"title": "Oh"}),
        Answer(429, {}),
        Answer(401, {"detail": "no such key"}),
        Answer(200, b"<html>"),
        Answer(202, {"rewards": []}),
    ],
)
def test_a_batch_that_was_not_taken_is_sent_again_as_it_was(
    service: CollectingService, client: BanditClient, failure: Answer | None
) -> None:
    service.failures = [failure, failure]
    client.reward("d-1", 1.0, "order-1")

    assert client.flush()

    assert service.reward_ids == ["order-1"]
    first, second, third = (body for _, body in service.requests)
    assert first == second
    assert third["rewards"][0].items() >= first["rewards"][0].items()
    stats = client.stats()
    assert (stats.delivered, stats.repeated, stats.waiting) == (1, 2, 0)


def test_an_event_keeps_the_id_that_the_client_gave_it(
    service: CollectingService, client: BanditClient
) -> None:
    service.failures = [LOST]
    client.track("viewed", "u-1")

    assert client.flush()

    ids = [body["events"][0]["event_id"] for _, body in service.requests]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_refused_report_is_lost_alone_counted_and_told(
    service: CollectingService,
    client: BanditClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    service.item_problems["bad"] = {"status": 400, "detail": "value is too large"}
    with caplog.at_level(logging.WARNING, "bandit_client"):
        for name in ("good", "bad", "better"):
            client.reward("d-1", 1.0, name)
        assert client.flush()

    assert service.reward_ids == ["good", "better"]
    assert client.stats().dropped == {"refused": 1}
    assert "1 rewards were lost (refused): status_400" in caplog.text
    assert "value is too large" in caplog.text


def test_of_a_batch_only_what_was_not_taken_is_sent_again(
    service: CollectingService, client: BanditClient
) -> None:
    service.item_problems["slow"] = {"status": 503, "detail": "the disk is busy"}
    client.reward("d-1", 1.0, "quick")
    client.reward("d-1", 1.0, "slow")
    wait_until(lambda: service.reward_ids == ["quick"], "the first taken")
    service.item_problems.clear()

    assert client.flush()

    assert service.reward_ids == ["quick", "slow"]


@pytest.mark.parametrize("status", [400, 413, 500])
def test_one_report_that_spoils_its_batch_is_found_and_lets_the_others_pass(
    *, service: CollectingService, client: BanditClient, status: int
) -> None:
    service.batch_problems["r7"] = Answer(status, {"detail": "what is this"})
    for number in range(16):
        client.reward("d-1", 1.0, f"r{number}")

    wait_until(
        lambda: client.flush(0.1) or len(service.reward_ids) == 15, "the others taken"
    )

    assert sorted(service.reward_ids) == sorted(f"r{n}" for n in range(16) if n != 7)
    # What the service fails at may be mended.
    service.batch_problems.clear()
    assert client.flush()
    stats = client.stats()
    refused = 0 if status == 500 else 1
    assert (stats.delivered, stats.dropped.get("refused", 0)) == (16 - refused, refused)


def test_what_does_not_fit_is_lost_and_counted(
    service: CollectingService, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, "bandit_client"),
        BanditClient(
            service.url,
            most_waiting=3,
            flush_interval_s=3600,
            exit_flush_s=GENEROUS_S,
        ) as client,
    ):
        for number in range(5):
            client.reward("d-1", 1.0, f"r{number}")
        stats = client.stats()

    assert (stats.waiting, stats.dropped) == (3, {"full": 2})
    assert service.reward_ids == ["r0", "r1", "r2"]
    assert "1 rewards were lost (full): 3 wait already" in caplog.text


def test_a_value_that_is_no_number_is_lost_and_counted(
    service: CollectingService, client: BanditClient
) -> None:
    client.reward("d-1", float("nan"))
    client.track("viewed", "u-1", properties={"a": object()})

    assert client.flush()

    assert service.requests == []
    assert client.stats().dropped == {"invalid": 2}


def test_a_fallback_decision_has_nothing_to_report(
    service: CollectingService, client: BanditClient
) -> None:
    client.reward(None, 1.0)
    client.activate(None)

    assert client.flush()
    assert service.requests == []


def test_many_threads_lose_and_double_nothing(
    service: CollectingService, client: BanditClient
) -> None:
    def report(thread: int) -> None:
        for number in range(300):
            client.reward("d-1", 1.0, f"{thread}-{number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(report, range(6)))
    assert client.flush()

    assert sorted(service.reward_ids) == sorted(
        f"{thread}-{number}" for thread in range(6) for number in range(300)
    )


def test_a_forked_process_sends_its_own_reports_and_not_its_parents(
    service: CollectingService,
) -> None:
    with BanditClient(
        service.url, flush_interval_s=3600, exit_flush_s=GENEROUS_S
    ) as client:
        client.reward("d-1", 1.0, "parent")

        def child() -> list[int]:
            waits_at_first = client.stats().waiting
            client.reward("d-1", 1.0, "child")
            client.flush()
            return [waits_at_first, client.stats().delivered]

        assert in_fork(child) == [0, 1]
        assert service.reward_ids == ["child"]
        assert client.stats().waiting == 1
        assert client.flush()

    assert service.reward_ids == ["child", "parent"]


def test_a_fork_while_other_threads_report_does_not_hang(
    service: CollectingService, client: BanditClient
) -> None:
    ended = threading.Event()

    def report() -> None:
        while not ended.is_set():
            client.reward("d-1", 1.0, "parent")

    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(report)
        for number in range(10):

            def child(name: str = f"child-{number}") -> bool:
                client.reward("d-1", 1.0, name)
                return client.flush()

            assert in_fork(child)
        ended.set()
    assert client.flush()

    assert {f"child-{number}" for number in range(10)} <= set(service.reward_ids)


def test_a_time_of_the_caller_is_sent_as_it_is(
    service: CollectingService, client: BanditClient
) -> None:
    acted_at = datetime(2026, 1, 2, tzinfo=UTC)

    client.reward("d-1", 1.0, "r-1", acted_at)
    client.track("viewed", "u-1", occurred_at=acted_at)
    assert client.flush()

    (reward,), (event,) = service.taken["rewards"], service.taken["events"]
    assert reward["occurred_at"] == event["occurred_at"] == "2026-01-02T00:00:00+00:00"


def test_reports_of_the_async_client_may_be_awaited_and_need_not_be(
    service: CollectingService,
) -> None:
    async def report() -> None:
        async with AsyncBanditClient(service.url, exit_flush_s=GENEROUS_S) as client:
            await client.reward("d-1", 1.0, "awaited")
            client.reward("d-1", 1.0, "not awaited")
            await client.track("viewed", "u-1")
            await client.activate("d-2")
            assert client.stats().waiting == 4

    in_own_loop(report())

    assert service.reward_ids == ["awaited", "not awaited"]
    assert len(service.taken["events"]) == 1
    assert service.taken["decision_ids"] == ["d-2"]


def test_a_wrong_clock_loses_nothing_though_the_services_is_not_known_yet() -> None:
    """A program whose clock is ten minutes ahead begins while the service is down."""
    sent: list[dict[str, str]] = []
    date = "Sun, 09 Sep 2001 01:46:40 GMT"
    refused = {"status": 400, "errors": [{"pointer": "/rewards/0/occurred_at"}]}

    def send(_: str, body: bytes) -> Answered:
        (reward,) = json.loads(body)["rewards"]
        sent.append(reward)
        answer = refused if len(sent) == 1 else {"status": "accepted"}
        return {"rewards": [answer]}, date

    outbox = Outbox(
        [Lane("rewards", "/v1/rewards/batch", "rewards", "rewards")],
        send,
        MinuteLog(),
        interval_s=-1000.0,
        most_waiting=10,
        wall_s=lambda: 1_000_000_600.0,
    )
    outbox.add("rewards", b'{"decision_id":"d-1"}', dated=True)

    assert outbox.flush(GENEROUS_S)

    times = [reward["occurred_at"] for reward in sent]
    assert times == ["2001-09-09T01:56:40+00:00", "2001-09-09T01:46:40+00:00"]
    assert (outbox.delivered, outbox.dropped) == (1, {})
