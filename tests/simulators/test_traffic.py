"""Traffic against a stub of the service on a loopback port, on a fast clock."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest

from bandit_svc.client import BanditClient, BanditClientError
from simulators.delays import Channel, Exponential
from simulators.summary import Summary, summary_lines
from simulators.traffic import Traffic, ensure_experiment, simulate
from simulators.visitors import Habits, Visitors, habits_for
from simulators.worlds.registry import world
from tests.harness.fakes.fake_service import FakeService
from tests.harness.fakes.leaping_pace import LeapingPace
from tests.harness.waiting import GENEROUS_S

CHANNEL = Channel(
    acts=Exponential(2.0),
    travels=Exponential(0.1),
    lost_share=0.1,
    duplicated_share=0.3,
    overtaken_share=0.2,
    hold_back_s=3.0,
)
HABITS = Habits(CHANNEL, users=50, deferred_share=0.2, unseen_share=0.5)


@pytest.fixture
def client(service: FakeService) -> Iterator[BanditClient]:
    with BanditClient(
        service.url, timeout_s=GENEROUS_S, failures_to_open=0
    ) as connected:
        ensure_experiment(connected, world("hero"), window_s=10.0)
        yield connected


@pytest.fixture
def traffic(client: BanditClient, pace: LeapingPace) -> Traffic:
    return Traffic(client, world("hero"), HABITS, seed=3, pace=pace)


def test_as_many_decisions_are_asked_for_as_rounds_were_wanted(
    service: FakeService, traffic: Traffic
) -> None:
    summary = traffic.run(300, None, None)

    assert summary.decisions == len(service.decisions) == 300


def test_one_seed_sends_the_same_visitors(
    service: FakeService, client: BanditClient, pace: LeapingPace
) -> None:
    for _ in range(2):
        Traffic(client, world("hero"), HABITS, 3, pace).run(40, None, None)

    asked = [(one["unit_id"], one["context"]) for one in service.decisions]
    assert asked[:40] == asked[40:]


def test_two_runs_of_one_seed_share_no_request_id(
    service: FakeService, client: BanditClient, pace: LeapingPace
) -> None:
    for _ in range(2):
        Traffic(client, world("hero"), HABITS, 3, pace).run(40, None, None)

    assert len({one["request_id"] for one in service.decisions}) == 80


def test_rewards_come_late_copied_and_out_of_order(
    service: FakeService, traffic: Traffic
) -> None:
    summary = traffic.run(400, 50.0, None)

    copies = Counter(reward["reward_id"] for reward in service.rewards)
    occurred = [
        datetime.fromisoformat(reward["occurred_at"]) for reward in service.rewards
    ]
    assert set(copies.values()) == {1, 2}
    assert occurred != sorted(occurred)
    assert len(service.rewards) == summary.deliveries
    assert len(copies) == summary.rewards
    assert summary.lost > 0


def test_orders_are_rewarded_with_their_amounts(
    service: FakeService, pace: LeapingPace
) -> None:
    with BanditClient(service.url, timeout_s=GENEROUS_S, failures_to_open=0) as client:
        ensure_experiment(client, world("shop"), window_s=10.0)
        Traffic(client, world("shop"), HABITS, 3, pace).run(400, 50.0, None)

    values = {reward["reward_id"]: reward["value"] for reward in service.rewards}
    assert len(set(values.values())) == len(values) > 5
    assert min(values.values()) > 1.0


def test_deferred_decisions_are_activated_unless_never_seen(
    service: FakeService, traffic: Traffic
) -> None:
    summary = traffic.run(300, None, None)

    deferred = {
        f"d-{number}"
        for number, one in enumerate(service.decisions, start=1)
        if one.get("defer")
    }
    assert set(service.activated) < deferred
    assert len(deferred) == len(service.activated) + summary.unseen


def test_a_decision_that_was_never_seen_is_never_rewarded(
    service: FakeService, traffic: Traffic
) -> None:
    traffic.run(300, None, None)

    unseen = {
        f"d-{number}"
        for number, one in enumerate(service.decisions, start=1)
        if one.get("defer") and f"d-{number}" not in service.activated
    }
    assert not unseen & {reward["decision_id"] for reward in service.rewards}


def test_the_rate_sets_the_time_between_decisions(
    traffic: Traffic, pace: LeapingPace
) -> None:
    began_s = pace.now_s()
    seen: list[Summary] = []

    traffic.run(101, 50.0, seen.append)

    # By hand: 100 steps of 1/50 s; the clock stands while requests are answered.
    assert max(one.decisions for one in seen) == 101
    assert pace.now_s() - began_s >= 2.0


def test_truth_is_counted_by_the_group_that_the_service_names(
    traffic: Traffic,
) -> None:
    summary = traffic.run(200, None, None)

    assert summary.true_mean.keys() == {"treatment", "baseline"}
    assert summary.true_uniform < summary.true_best
    assert summary.true_uplift == pytest.approx(
        summary.true_mean["treatment"] - summary.true_mean["baseline"]
    )


def test_stopping_ends_the_run_without_waiting_for_rewards(
    service: FakeService, traffic: Traffic, pace: LeapingPace
) -> None:
    pace.stop_at_s = pace.now_s() + 1.0

    summary = traffic.run(10_000, 100.0, None)

    # By hand: at 100 a second, one second holds 100 decisions, and the first.
    assert 99 <= summary.decisions <= 101
    assert len(service.decisions) == summary.decisions


def test_a_failing_service_gets_fallbacks_and_traffic_goes_on(
    service: FakeService, traffic: Traffic
) -> None:
    service.failures["/v1/decisions"] = 5

    summary = traffic.run(100, 50.0, None)

    assert (summary.fallbacks, summary.decisions) == (5, 95)


def test_a_reward_that_the_service_could_not_take_is_sent_again(
    service: FakeService, traffic: Traffic
) -> None:
    service.failures["/v1/rewards"] = 4

    summary = traffic.run(100, 50.0, None)

    assert summary.undelivered == 0
    assert len(service.rewards) == summary.deliveries > 0


def test_a_reward_is_given_up_after_five_attempts(
    service: FakeService, traffic: Traffic
) -> None:
    service.failures["/v1/rewards"] = 10**9

    summary = traffic.run(20, 50.0, None)

    copies = 10**9 - service.failures["/v1/rewards"]
    assert summary.undelivered == copies / 5


def test_a_service_that_is_gone_ends_the_run_with_its_error(
    service: FakeService, traffic: Traffic
) -> None:
    service.failures["/v1/decisions"] = 10**9

    with pytest.raises(BanditClientError, match="Unavailable"):
        traffic.run(10_000, 50.0, None)

    # By hand: failures for 10 s at 50 a second.
    assert 10**9 - service.failures["/v1/decisions"] == pytest.approx(501, abs=1)


def test_an_experiment_is_created_once_and_then_kept(service: FakeService) -> None:
    with BanditClient(service.url, timeout_s=GENEROUS_S, failures_to_open=0) as client:
        assert ensure_experiment(client, world("drift"), window_s=6.0) == 6.0
        assert ensure_experiment(client, world("drift"), window_s=99.0) == 6.0


def test_simulate_creates_the_experiment_and_reports_progress(
    service: FakeService,
) -> None:
    seen: list[Summary] = []

    summary = simulate(
        "null", service.url, 20, 1, window_s=0.05, on_progress=seen.append
    )

    assert service.experiments["aa-test"]["reward"]["window_seconds"] == 0.05
    assert seen[-1] == summary
    assert summary.decisions == 20


def test_simulate_asks_for_nothing_once_it_is_stopped(service: FakeService) -> None:
    stop = threading.Event()
    stop.set()

    assert simulate("null", service.url, 20, 1, stop=stop).decisions == 0


def test_nearly_all_acts_fall_into_the_window_that_delays_are_scaled_to() -> None:
    """By hand, an exponential delay exceeds five means with chance e^-5 = 0.7 %.

    2,000 visits of seed 8: 0.7 % has a standard error of 0.19 %; the test allows
    four of them.
    """
    visitors = Visitors(world("hero"), habits_for(5.0), seed=8)

    late = [
        delivery.occurred_after_s > 5.0
        for visit in (visitors.next_visit() for _ in range(2_000))
        for delivery in visit.deliveries[:1]
    ]

    assert sum(late) / len(late) == pytest.approx(0.0067, abs=0.0076)


def test_summary_lines_name_the_true_uplift() -> None:
    summary = Summary(
        experiment="homepage-hero",
        decisions=10,
        fallbacks=1,
        unseen=2,
        rewards=3,
        deliveries=4,
        lost=1,
        undelivered=0,
        true_mean={"treatment": 0.35, "baseline": 0.2},
        true_best=0.4,
        true_uniform=0.19,
    )

    assert summary_lines(summary)[-1] == "true uplift: +0.1500"
