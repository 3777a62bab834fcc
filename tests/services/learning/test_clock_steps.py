"""No reward is lost or reordered when the wall clock steps."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.domain.clock_guard import STEADY_AFTER_MS
from bandit_svc.errors import LogUnreadable
from bandit_svc.eventlog.bounded import Room
from bandit_svc.services.checks.degraded import LEARNER_SILENT_MS, learning_reasons
from bandit_svc.services.checks.operations import Measured, operation_checks
from bandit_svc.services.managing.doctor import examine
from tests.harness.clock_world import ClockWorld
from tests.harness.service import T0_MS, Service

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
STEPS = [2 * HOUR_MS, -2 * HOUR_MS]


@pytest.mark.parametrize("step_ms", STEPS)
def test_a_step_for_one_tick_loses_no_reward(service: Service, step_ms: int) -> None:
    world = ClockWorld(service)
    decided = world.decide()
    world.set_by_ms = step_ms
    assert world.tick() == 0
    world.set_by_ms = 0
    world.tick(MINUTE_MS)
    world.reward(decided)

    assert world.tick(HOUR_MS) == 100
    assert world.joined_rewards() == [1.0] * 100


@pytest.mark.parametrize("step_ms", STEPS)
def test_rewards_that_come_while_the_clock_is_wrong_count(
    service: Service, step_ms: int
) -> None:
    world = ClockWorld(service)
    decided = world.decide()
    world.set_by_ms = step_ms
    world.tick(MINUTE_MS)
    world.reward(decided)
    world.set_by_ms = 0

    assert world.tick(HOUR_MS) == 100
    assert world.joined_rewards() == [1.0] * 100


def test_after_a_step_back_for_good_every_reward_counts(service: Service) -> None:
    world = ClockWorld(service)
    decided = world.decide()
    world.set_by_ms = -2 * HOUR_MS
    world.tick()
    assert world.tick(STEADY_AFTER_MS) == 0
    # By now the wall clock is believed, and the rewards are stamped before their
    # decisions.
    world.reward(decided)
    world.tick(HOUR_MS)
    world.tick(3 * HOUR_MS)

    assert world.joined_rewards() == [1.0] * 100


def test_after_a_step_ahead_for_good_joining_goes_on(service: Service) -> None:
    world = ClockWorld(service)
    world.set_by_ms = 2 * HOUR_MS
    world.tick()
    held = world.learner_time.holds
    world.tick(STEADY_AFTER_MS)
    decided = world.decide()
    world.reward(decided)

    assert held
    assert world.tick(HOUR_MS + MINUTE_MS) == 100
    assert world.joined_rewards() == [1.0] * 100


def test_what_matures_while_the_clock_holds_is_joined_afterwards(
    service: Service,
) -> None:
    world = ClockWorld(service)
    decided = world.decide()
    world.reward(decided)
    world.tick(HOUR_MS - MINUTE_MS)
    world.set_by_ms = 2 * HOUR_MS
    assert [world.tick(MINUTE_MS) for _ in range(3)] == [0, 0, 0]
    world.set_by_ms = 0

    assert world.tick() == 100


@pytest.mark.parametrize("step_ms", STEPS)
def test_a_worker_that_starts_while_the_clock_is_wrong_loses_no_reward(
    service: Service, step_ms: int
) -> None:
    world = ClockWorld(service)
    decided = world.decide()
    world.set_by_ms = step_ms
    world.restart_worker()
    decided += world.decide()
    world.reward(decided)
    world.set_by_ms = 0
    world.tick(HOUR_MS + MINUTE_MS)

    assert world.joined_rewards() == [1.0] * 200


def test_the_last_reward_is_the_one_that_came_last_across_a_step_back(
    service: Service,
) -> None:
    world = ClockWorld(service, aggregate="last")
    decided = world.decide()
    world.tick(MINUTE_MS)
    world.reward(decided, 1.0)
    world.set_by_ms = -2 * HOUR_MS
    world.tick(MINUTE_MS)
    world.reward(decided, 2.0)
    world.set_by_ms = 0
    world.tick(HOUR_MS)

    assert world.joined_rewards() == [2.0] * 100


@pytest.mark.parametrize("learn_on", ["maturity", "first_reward"])
def test_a_worker_whose_clock_is_behind_its_neighbours_loses_no_reward(
    service: Service, learn_on: str
) -> None:
    service.create(holdout=0.0, reward={"window_seconds": 3600, "learn_on": learn_on})
    decided = [service.decide() for _ in range(50)]
    service.now_ms -= 2 * HOUR_MS
    for one in decided:
        service.reward(one, worker=service.other_worker)
    service.now_ms += 2 * HOUR_MS
    if learn_on == "maturity":
        service.now_ms += HOUR_MS + MINUTE_MS
    service.now_ms += 1_000
    tick = service.learner.tick()
    rewards = [row.reward for row in service.storage.joins.after(1, 0, 10**6)]

    assert tick.joined == 50
    assert rewards == [1.0] * 50


def test_a_hold_is_logged_once_and_so_is_its_end(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="bandit_svc.learner")
    world = ClockWorld(service)
    world.set_by_ms = 2 * HOUR_MS
    for _ in range(5):
        world.tick()
    world.set_by_ms = 0
    for _ in range(5):
        world.tick()

    assert [r.getMessage()[:29] for r in caplog.records] == [
        "the wall clock is 7200 s ahea",
        "the clocks agree again; joini",
    ]


def test_a_hold_is_a_reason_to_be_degraded_while_it_lasts(service: Service) -> None:
    world = ClockWorld(service)

    def reasons() -> list[str]:
        kept = service.storage.clock.kept()
        return [r.name for r in learning_reasons(kept, world.worker_clock.now_ms())]

    before = reasons()
    world.set_by_ms = 2 * HOUR_MS
    world.tick()
    during = reasons()
    world.set_by_ms = 0
    world.tick()

    assert (before, during, reasons()) == ([], ["clock"], [])


def test_a_learner_that_stores_nothing_is_a_reason_to_be_degraded(
    service: Service,
) -> None:
    world = ClockWorld(service)
    kept = service.storage.clock.kept()
    assert kept is not None

    def names(after_ms: int) -> list[str]:
        return [r.name for r in learning_reasons(kept, kept.agreed_at_ms + after_ms)]

    assert names(LEARNER_SILENT_MS) == []
    assert names(LEARNER_SILENT_MS + 1) == ["learner"]
    assert [r.name for r in learning_reasons(None, world.running_ms)] == ["learner"]


def test_a_learner_whose_ticks_fail_looks_silent(service: Service) -> None:
    world = ClockWorld(service)
    (Path(service.settings.data) / "log").touch()
    for _ in range(4):
        with pytest.raises(LogUnreadable):
            world.tick(MINUTE_MS)
    kept = service.storage.clock.kept()
    reasons = learning_reasons(kept, world.worker_clock.now_ms())

    assert [reason.name for reason in reasons] == ["learner"]


def test_doctor_and_the_page_for_operators_name_a_clock_that_is_doubted(
    service: Service,
) -> None:
    world = ClockWorld(service)

    def faults() -> list[str]:
        return examine(service.storage, service.backends.reader, service.now_ms)

    before = faults()
    world.set_by_ms = 2 * HOUR_MS
    world.tick()
    during = faults()

    assert before == []
    assert len(during) == 1
    assert "7200 s ahead of the time that was agreed" in during[0]


@pytest.mark.parametrize(("doubt", "status"), [("", "ok"), ("It is ahead.", "fail")])
def test_a_doubted_clock_fails_a_check_of_the_operation(
    doubt: str, status: str
) -> None:
    measured = Measured(
        learner="process 1 on here",
        backlog_bytes=0,
        lag_s=None,
        room=Room(0, 10**12, 10**12),
        shortages=(),
        requests=1,
        server_errors=0,
        dead_partitions=0,
        doubt=doubt,
    )
    (check,) = [c for c in operation_checks(measured) if c.name == "clock"]

    assert check.status == status
    assert doubt in check.detail


def test_the_agreed_time_comes_back_as_it_was_kept(
    new_service: Callable[[str], Service],
) -> None:
    service = new_service("empty")
    service.start()
    assert service.storage.clock.kept() is None
    world = ClockWorld(service)
    kept = service.storage.clock.kept()

    assert kept is not None
    assert (kept.boot_id, kept.doubt) == ("this boot", None)
    assert kept.offset_ms == T0_MS
    assert kept.agreed_at_ms == T0_MS + world.running_ms
