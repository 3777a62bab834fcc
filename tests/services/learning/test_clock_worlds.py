"""Each world of domain/test_clock_guard.py, through workers, learner and tables."""

import logging

import pytest

from bandit_svc.domain.clock_guard import SETTLED_MS, STEADY_AFTER_MS
from bandit_svc.domain.limits import CLOCK_SKEW_MS
from tests.harness.clock_world import ClockWorld
from tests.harness.service import Service

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


def test_a_clock_that_jumps_about_holds_joining_and_loses_nothing(
    service: Service,
) -> None:
    world = ClockWorld(service)
    decided = world.decide()
    joined = []
    for hours in (2, 7, -3, 5):
        world.set_by_ms = hours * HOUR_MS
        joined += [world.tick(), world.tick(STEADY_AFTER_MS - 1)]
    world.reward(decided)
    world.set_by_ms = 0

    assert joined == [0] * 8
    assert world.tick(HOUR_MS) == 100
    assert world.joined_rewards() == [1.0] * 100


def test_a_slow_drift_holds_nothing_and_every_reward_counts(service: Service) -> None:
    world = ClockWorld(service)
    for _ in range(3):
        decided = world.decide(10)
        for _ in range(30):
            # 500 parts in a million, the most that a time service corrects by.
            world.set_by_ms += MINUTE_MS // 2_000
            world.tick(MINUTE_MS)
        world.reward(decided)
        assert world.tick(HOUR_MS) == 10

    assert world.joined_rewards() == [1.0] * 30


def test_small_steps_that_add_up_to_hours_hold_joining(service: Service) -> None:
    world = ClockWorld(service)
    decided = world.decide()
    for _ in range(120):
        world.set_by_ms += CLOCK_SKEW_MS - 1
        assert world.tick() == 0
    world.set_by_ms = 0
    world.tick()
    world.reward(decided)

    assert world.tick(HOUR_MS) == 100
    assert world.joined_rewards() == [1.0] * 100


def test_small_steps_back_keep_every_reward(service: Service) -> None:
    world = ClockWorld(service)
    decided = world.decide()
    world.set_by_ms = -CLOCK_SKEW_MS
    world.reward(decided)
    world.tick()

    assert world.tick(HOUR_MS + MINUTE_MS) == 100
    assert world.joined_rewards() == [1.0] * 100


def test_what_matured_while_the_machine_slept_is_joined_at_once(
    service: Service,
) -> None:
    world = ClockWorld(service)
    world.reward(world.decide())

    assert world.tick(9 * HOUR_MS) == 100
    assert world.joined_rewards() == [1.0] * 100


def test_a_virtual_machine_that_stood_still_holds_and_then_goes_on(
    service: Service,
) -> None:
    world = ClockWorld(service)
    world.reward(world.decide())
    world.tick()
    # Restored from a snapshot: only the time service tells that hours have passed.
    world.set_by_ms = 9 * HOUR_MS

    assert [world.tick(), world.tick(MINUTE_MS)] == [0, 0]
    assert world.tick(STEADY_AFTER_MS) == 100
    assert world.joined_rewards() == [1.0] * 100


def test_after_a_reboot_with_a_clock_behind_nothing_is_lost(service: Service) -> None:
    world = ClockWorld(service)
    decided = world.decide()
    world.tick()
    world.reboot(5 * MINUTE_MS, set_by_ms=-2 * HOUR_MS)
    world.reward(decided)
    held = world.tick()
    world.set_by_ms = 0
    world.tick(MINUTE_MS)

    assert held == 0
    assert world.tick(HOUR_MS) == 100
    assert world.joined_rewards() == [1.0] * 100


def test_after_a_reboot_joining_waits_for_the_time_service_to_set_back_the_clock(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="bandit_svc.learner")
    world = ClockWorld(service)
    decided = world.decide()
    world.tick()
    world.reboot(MINUTE_MS, set_by_ms=2 * HOUR_MS)
    during = world.decide(1)
    ahead = world.tick(MINUTE_MS)
    # A learner that is started anew meanwhile waits as well.
    world.start()
    ahead += world.tick()
    world.set_by_ms = 0
    ahead += world.tick(MINUTE_MS)
    world.reward(decided + during)

    assert ahead == 0
    assert world.tick(HOUR_MS) == 100
    assert world.tick(2 * HOUR_MS) == 1
    assert world.joined_rewards() == [1.0] * 101
    assert "ahead of the time that was kept; joining waits until 180 s" in caplog.text


def test_after_a_reboot_with_a_right_clock_joining_waits_for_the_documented_time(
    service: Service,
) -> None:
    world = ClockWorld(service)
    world.reward(world.decide())
    world.tick()
    world.reboot(2 * HOUR_MS)
    before = world.tick(SETTLED_MS - world.running_ms - 1)

    assert (before, world.tick(1)) == (0, 100)
    assert world.joined_rewards() == [1.0] * 100


def test_a_service_that_starts_long_after_its_machine_waits_for_nothing(
    service: Service,
) -> None:
    world = ClockWorld(service)
    world.reward(world.decide())
    world.tick()
    world.reboot(2 * HOUR_MS)
    world.running_ms += SETTLED_MS
    world.start()

    assert world.tick() == 100
