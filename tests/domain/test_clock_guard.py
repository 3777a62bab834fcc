"""Worlds in which the wall clock and the running clock disagree."""

from collections.abc import Iterable
from itertools import pairwise

import pytest

from bandit_svc.domain.clock_guard import (
    SETTLED_MS,
    STEADY_AFTER_MS,
    ClockGuard,
    KeptClock,
)
from bandit_svc.domain.limits import CLOCK_SKEW_MS

T0_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
TICK_MS = 150
MINUTE_MS = 60_000


class Machine:
    """A wall clock that can be set, and a running clock that can't."""

    def __init__(self, guard: ClockGuard | None = None) -> None:
        self.guard = guard or ClockGuard()
        self.running_ms = 5_000
        self.set_by_ms = 0

    @property
    def true_ms(self) -> int:
        return T0_MS + self.running_ms

    @property
    def wall_ms(self) -> int:
        return self.true_ms + self.set_by_ms

    def after(self, ms: int) -> int:
        """Let time pass; return what the guard agrees to."""
        self.running_ms += ms
        return self.guard.agree(self.wall_ms, self.running_ms)

    @property
    def doubted(self) -> bool:
        return self.guard.doubt is not None


def test_clocks_that_agree_are_believed_to_the_millisecond() -> None:
    machine = Machine()

    assert [machine.after(TICK_MS) - machine.true_ms for _ in range(9)] == [0] * 9
    assert not machine.doubted


@pytest.mark.parametrize("step_ms", [2 * HOUR_MS, -2 * HOUR_MS])
def test_a_step_for_one_tick_moves_no_time_and_is_doubted_for_one_tick(
    step_ms: int,
) -> None:
    machine = Machine()
    machine.after(TICK_MS)
    machine.set_by_ms = step_ms
    stepped = machine.after(TICK_MS) - machine.true_ms
    doubted = machine.doubted
    machine.set_by_ms = 0
    back = machine.after(TICK_MS) - machine.true_ms

    assert (stepped, doubted) == (0, True)
    assert (back, machine.doubted) == (0, False)


@pytest.mark.parametrize("step_ms", [2 * HOUR_MS, -2 * HOUR_MS])
def test_a_step_for_good_is_believed_after_the_documented_time_and_not_before(
    step_ms: int,
) -> None:
    machine = Machine()
    machine.after(TICK_MS)
    machine.set_by_ms = step_ms
    machine.after(TICK_MS)
    machine.after(STEADY_AFTER_MS - 1)
    before = (machine.doubted, machine.guard.agree(machine.wall_ms, machine.running_ms))
    kept_ms = machine.true_ms
    after_ms = machine.after(1)

    assert before == (True, kept_ms)
    assert (machine.doubted, after_ms) == (False, machine.wall_ms)


def test_a_wall_clock_that_jumps_about_is_never_believed() -> None:
    machine = Machine()
    machine.after(TICK_MS)
    for hours in range(1, 20):
        machine.set_by_ms = hours * HOUR_MS
        assert machine.after(STEADY_AFTER_MS - 1) == machine.true_ms
        assert machine.doubted


def test_a_slow_drift_is_followed_without_a_doubt() -> None:
    machine = Machine()
    machine.after(TICK_MS)
    for _ in range(10_000):
        # 500 parts in a million, the most that a time service corrects by.
        machine.set_by_ms += MINUTE_MS // 2_000
        agreed_ms = machine.after(MINUTE_MS)
        assert not machine.doubted
    assert machine.set_by_ms > 4 * CLOCK_SKEW_MS
    assert abs(agreed_ms - machine.wall_ms) <= MINUTE_MS // 2_000


def test_small_steps_one_after_another_do_not_carry_the_time_away() -> None:
    machine = Machine()
    machine.after(TICK_MS)
    for _ in range(100):
        machine.set_by_ms += CLOCK_SKEW_MS - 1
        machine.after(TICK_MS)

    agreed_ms = machine.after(TICK_MS)
    assert machine.doubted
    assert agreed_ms - machine.true_ms <= 100 * TICK_MS // 10


def test_a_small_step_back_never_sets_the_agreed_time_back() -> None:
    machine = Machine()
    readings = [machine.after(TICK_MS)]
    machine.set_by_ms = -CLOCK_SKEW_MS
    readings += [machine.after(TICK_MS) for _ in range(9_000)]

    assert _rise(readings)
    assert not machine.doubted
    assert abs(readings[-1] - machine.wall_ms) <= TICK_MS


def test_a_machine_that_slept_is_not_doubted() -> None:
    # The running clock counts the sleep, so both clocks move by as much.
    machine = Machine()
    machine.after(TICK_MS)

    assert machine.after(9 * HOUR_MS) == machine.wall_ms
    assert not machine.doubted


def test_a_virtual_machine_whose_clocks_stood_still_holds_and_then_goes_on() -> None:
    machine = Machine()
    machine.after(TICK_MS)
    # Restored from a snapshot: only the time service tells that hours have passed.
    machine.set_by_ms = 9 * HOUR_MS
    machine.after(TICK_MS)
    assert machine.doubted

    assert machine.after(STEADY_AFTER_MS) == machine.wall_ms
    assert not machine.doubted


def test_processes_that_start_while_the_clock_is_wrong_agree_with_the_others() -> None:
    first = Machine()
    first.after(TICK_MS)
    kept = first.guard.kept("boot", first.running_ms)
    for hours in (-2, 2, 5):
        first.set_by_ms = hours * HOUR_MS
        offset_ms = kept.offset_for("boot", first.wall_ms, first.running_ms)
        later = ClockGuard(offset_ms)

        assert later.agree(first.wall_ms, first.running_ms) == first.true_ms
        assert later.doubt is not None


def test_after_another_boot_a_clock_behind_what_was_is_doubted_for_a_while() -> None:
    kept = KeptClock("before", offset_ms=7, agreed_at_ms=T0_MS + HOUR_MS)
    machine = Machine(ClockGuard(kept.offset_for("after", T0_MS, 5_000)))
    agreed_ms = machine.after(TICK_MS)

    assert agreed_ms == T0_MS + HOUR_MS + TICK_MS
    assert machine.doubted
    assert machine.after(STEADY_AFTER_MS) == machine.wall_ms


def test_after_another_boot_a_clock_ahead_of_what_was_is_believed() -> None:
    kept = KeptClock("before", offset_ms=7, agreed_at_ms=T0_MS)

    assert kept.offset_for("after", T0_MS + HOUR_MS, 5_000) is None
    assert kept.offset_for("after", T0_MS - CLOCK_SKEW_MS, 5_000) is None


@pytest.mark.parametrize(
    ("boot", "ahead_ms", "running_ms", "settles_at_ms"),
    [
        ("after", HOUR_MS, 5_000, SETTLED_MS),
        ("after", HOUR_MS, SETTLED_MS, 0),
        ("after", CLOCK_SKEW_MS, 5_000, 0),
        ("before", HOUR_MS, 5_000, 7),
    ],
)
def test_joining_waits_for_the_time_service_of_a_machine_that_has_just_started(
    boot: str, ahead_ms: int, running_ms: int, settles_at_ms: int
) -> None:
    kept = KeptClock("before", offset_ms=7, agreed_at_ms=T0_MS, settles_at_ms=7)
    wall_ms = T0_MS + ahead_ms

    assert kept.settles_at_ms_for(boot, wall_ms, running_ms) == settles_at_ms


def test_a_doubt_names_the_step_the_limit_and_the_way_out() -> None:
    machine = Machine()
    machine.after(TICK_MS)
    machine.set_by_ms = -2 * HOUR_MS
    machine.after(TICK_MS)

    assert machine.guard.doubt is not None
    assert machine.guard.doubt.sentence == (
        "the wall clock is 7200 s behind the time that was agreed; more than 60 s are "
        "doubted, and joining is on hold until the clocks agree or the wall clock has "
        "run evenly for 10 min; check the time service of the machine"
    )


def _rise(readings: Iterable[int]) -> bool:
    return all(a < b for a, b in pairwise(readings))
