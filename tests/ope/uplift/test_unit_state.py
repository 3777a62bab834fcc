"""Packed states of units: short, and equal after a round trip."""

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.uplift.history_weights import Intervals
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_state import UnitStates, pack, unpack
from bandit_svc.ope.uplift.unit_sums import added
from tests.harness.unit_decisions import decisions

COLUMNS = 12


def random_states(seed: int, intervals: int, units: int = 300) -> UnitStates:
    """Return states with zeros, equal weightings, and likelihoods of 0 and 1."""
    random = np.random.default_rng(seed)
    logs = -random.exponential(3, (units, intervals))
    logs[random.random(logs.shape) < 0.2] = -np.inf
    logs[np.arange(units), random.integers(0, intervals, units)] = 0.0
    sums = random.normal(0, 1, (units, COLUMNS))
    sums[random.random(sums.shape) < 0.4] = 0.0
    some = random.random(units) < 0.5
    sums[some, 2:4], sums[some, 8:10] = sums[some, 0:2], sums[some, 6:8]
    some = random.random(units) < 0.5
    sums[some, 4:6], sums[some, 10:12] = sums[some, 2:4], sums[some, 8:10]
    return UnitStates(logs, sums)


@pytest.mark.parametrize("chances", [(0.1,), (0.5, 0.1), (0.1, 0.5, 0.3, 0.2, 0.05)])
def test_states_are_equal_after_a_round_trip(chances: tuple[float, ...]) -> None:
    intervals = Intervals(chances)
    states = random_states(3, intervals.count)

    found = unpack(pack(states, intervals), intervals, COLUMNS)

    assert np.array_equal(found.logs, states.logs)
    assert np.array_equal(found.sums, states.sums)


@pytest.mark.parametrize("treated", [True, False])
@pytest.mark.parametrize("alike", [True, False])
def test_a_unit_with_one_decision_and_no_reward_takes_at_most_40_bytes(
    treated: bool,  # noqa: FBT001 - a case of the table, not a switch
    alike: bool,  # noqa: FBT001 - likewise
) -> None:
    made = decisions(
        np.array([0]), np.array([treated]), np.zeros(1), alike=np.array([alike])
    )

    assert len(added(Totals.empty(), [None], made).states[0]) <= 40


def test_a_chance_that_came_later_cuts_the_intervals_of_a_kept_unit() -> None:
    states = UnitStates(np.array([[0.0, -2.0]]), np.ones((1, COLUMNS)))
    kept = pack(states, Intervals((0.3,)))

    found = unpack(kept, Intervals((0.3, 0.1, 0.5)), COLUMNS + 6)

    # [0, .1), [.1, .3) were one interval, and [.3, .5), [.5, 1) another.
    assert found.logs.tolist() == [[0.0, 0.0, -2.0, -2.0]]
    assert found.sums[0].tolist() == [1.0] * COLUMNS + [0.0] * 6
    assert pack(
        UnitStates(found.logs, found.sums[:, :COLUMNS]), Intervals((0.3, 0.1, 0.5))
    ) == (kept)


def test_a_new_unit_knows_nothing() -> None:
    found = unpack([None], Intervals((0.1,)), COLUMNS)

    assert not found.logs.any()
    assert not found.sums.any()


def test_bytes_that_are_no_state_are_refused() -> None:
    intervals = Intervals((0.1,))
    (state,) = pack(UnitStates(np.zeros((1, 2)), np.ones((1, COLUMNS))), intervals)

    with pytest.raises(LoggedDataError, match="bytes of numbers"):
        unpack([state[:-1]], intervals, COLUMNS)
    with pytest.raises(LoggedDataError, match="at least 4"):
        unpack([b"\x00"], intervals, COLUMNS)
    with pytest.raises(LoggedDataError, match="the totals have 1 and 6"):
        unpack([state], intervals, 6)
