"""The Python client and a real service, which is killed, started again, and refuses."""

import logging
from collections.abc import Iterator

import pytest

from bandit_svc.client import BanditClient
from tests.harness.client.forked import in_fork
from tests.harness.shop import Shop
from tests.harness.waiting import GENEROUS_S, wait_until

pytestmark = pytest.mark.e2e

HERO = {
    "key": "hero",
    "variants": [{"key": "a"}, {"key": "b"}],
    "holdout": 0.0,
    "reward": {"window_seconds": 60, "default": 0.0},
}
UNITS = 8


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return a running service that asks for keys, with the experiment `hero`."""
    shop = Shop(tmp_path_factory.mktemp("client"))
    try:
        shop.wait_until_ready()
        shop.client.create_experiment(HERO)
        yield shop
    finally:
        shop.close()


def rewards_of(service: Shop, decision_id: str) -> list[tuple[str, float]]:
    """Return what the service knows of a decision's rewards, by id."""
    found = service.look_up(decision_id) or {"rewards": []}
    return sorted((one["reward_id"] or "", one["value"]) for one in found["rewards"])


def test_rewards_of_an_outage_count_once_at_the_time_they_occurred(
    service: Shop,
) -> None:
    """Two of a decision, one by a forked process; another has no id of its own."""
    with BanditClient(
        service.url, service.publishable, timeout_s=GENEROUS_S, exit_flush_s=GENEROUS_S
    ) as client:
        decided = [client.decide("hero", f"u{n}") for n in range(UNITS)]
        ids = [made.decision_id or "" for made in decided]
        client.reward(ids[0], 1.0, "before")
        assert client.flush()
        service.kill()

        missed = client.decide("hero", "u-1", fallback="a")
        client.reward(missed.decision_id, 1.0)
        for decision_id in ids:
            client.reward(decision_id, 1.0, "order")
            client.reward(decision_id, 0.5)
        wait_until(lambda: client.stats().repeated > 0, "an attempt that failed")
        service.restart()
        service.wait_until_ready()
        assert client.flush(GENEROUS_S)
        assert in_fork(lambda: client.decide("hero", "u1").decision_id) is not None

    assert missed.source == "fallback"
    assert client.stats().dropped == {}
    wait_until(
        lambda: all(len(rewards_of(service, one)) >= 2 for one in ids), "them joined"
    )
    assert rewards_of(service, ids[0]) == [("", 0.5), ("before", 1.0), ("order", 1.0)]
    for decision_id in ids[1:]:
        assert rewards_of(service, decision_id) == [("", 0.5), ("order", 1.0)]


def test_events_and_activations_reach_the_service(service: Shop) -> None:
    with BanditClient(
        service.url, service.publishable, timeout_s=GENEROUS_S, exit_flush_s=GENEROUS_S
    ) as client:
        made = client.decide("hero", "u-9", defer=True)
        client.activate(made.decision_id)
        client.track("viewed", "u-9", properties={"style": "dress"})
        assert client.flush()
        stats = client.stats()

    assert (stats.delivered, stats.dropped) == (2, {})


def test_a_wrong_key_and_a_typo_are_told_in_the_words_of_the_service(
    service: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "bandit_client"):
        with BanditClient(service.url, "bpk_wrong", timeout_s=GENEROUS_S) as stranger:
            assert stranger.decide("hero", fallback="mine").variant == "mine"
        with BanditClient(
            service.url, service.publishable, timeout_s=GENEROUS_S
        ) as client:
            assert client.decide("heroo", fallback="mine").variant == "mine"
            made = client.decide("hero")
            client.reward("made up", 1.0)
            client.reward(made.decision_id, float("inf"))
            assert client.flush(GENEROUS_S)

    first, second, *others = caplog.messages
    assert "status_401" in first
    assert "this route needs a valid key" in first
    assert "bpk_wrong" not in first
    assert "'heroo' showed its fallback 1 time(s) (status_404" in second
    assert client.stats().dropped == {"invalid": 1, "refused": 1}
    assert any("decision_id" in one for one in others)
