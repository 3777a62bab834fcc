"""The runner: order of learning, floor, restarts, one seed."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from policies.base import Policy
from policies.spec import build_policy
from simulators.delays import Channel, Exponential
from simulators.worlds.registry import world
from tests.harness.simulated.rounds import Run, draw_rounds, run

Build = Callable[[], Policy]

LATE = Channel(acts=Exponential(20.0))


def learned(outcome: Run) -> list[list[float]]:
    decoded: list[list[float]] = json.loads(outcome.model)
    return decoded


def test_one_seed_gives_byte_equal_models(build_tally: Build) -> None:
    first = run(draw_rounds(world("hero"), 300, seed=4), build_tally)
    second = run(draw_rounds(world("hero"), 300, seed=4), build_tally)

    assert first.model == second.model


@pytest.mark.parametrize("kind", ["vw", "linear", "thompson"])
def test_a_learning_policy_is_byte_equal_for_one_seed_and_over_five_restarts(
    kind: str,
) -> None:
    rounds = draw_rounds(world("hero"), 600, 4, LATE)

    def build() -> Policy:
        return build_policy({"kind": kind})

    straight = run(rounds, build, window_s=60)
    again = run(draw_rounds(world("hero"), 600, 4, LATE), build, window_s=60)
    restarted = run(rounds, build, window_s=60, restart_before=(1, 90, 91, 300, 599))

    assert straight.model == again.model
    assert straight.model == restarted.model


def test_another_seed_gives_another_model(build_tally: Build) -> None:
    first = run(draw_rounds(world("hero"), 300, seed=4), build_tally)
    second = run(draw_rounds(world("hero"), 300, seed=5), build_tally)

    assert first.model != second.model


def test_five_restarts_leave_the_model_as_it_is(build_tally: Build) -> None:
    rounds = draw_rounds(world("hero"), 300, seed=4)

    restarted = run(rounds, build_tally, restart_before=(1, 50, 120, 121, 299))

    assert restarted.model == run(rounds, build_tally).model


def test_every_decision_is_learned_once_and_in_order(build_tally: Build) -> None:
    rounds = draw_rounds(world("drift"), 50, seed=1)

    outcome = run(rounds, build_tally, window_s=7)

    assert [entry[0] for entry in learned(outcome)] == outcome.chosen.tolist()


def test_a_decision_is_not_learned_before_its_window_closes(build_tally: Build) -> None:
    # With a window longer than the run nothing is learned during it, so that the
    # tally keeps preferring the first action.
    rounds = draw_rounds(world("drift"), 100, seed=1)

    outcome = run(rounds, build_tally, floor=0.0, window_s=100)

    assert set(outcome.chosen.tolist()) == {0}


def test_rewards_beyond_the_window_are_learned_as_silence(build_tally: Build) -> None:
    rounds = draw_rounds(world("drift"), 400, 1, Channel(acts=Exponential(10.0)))

    outcome = run(rounds, build_tally, floor=0.0, window_s=10)

    acted = rounds.rewards[np.arange(400), outcome.chosen] == 1.0
    counted = acted & (rounds.reward_after_s <= 10.0)
    assert [entry[2] for entry in learned(outcome)] == counted.tolist()
    assert 0 < counted.sum() < acted.sum()


def test_floor_reaches_every_action_and_the_logged_propensity(
    build_tally: Build,
) -> None:
    rounds = draw_rounds(world("hero"), 200, seed=2)

    outcome = run(rounds, build_tally, floor=0.1)

    # By hand: 0.1 / 5 for the others, 0.9 + 0.1 / 5 for the preferred one.
    assert outcome.smallest_propensity == pytest.approx(0.02)
    assert {round(entry[1], 9) for entry in learned(outcome)} == {0.02, 0.92}


def test_value_is_the_expected_reward_under_the_served_pmf(build_tally: Build) -> None:
    rounds = draw_rounds(world("null"), 50, seed=2)

    outcome = run(rounds, build_tally)

    # Every variant of the null world has the same expected reward.
    assert outcome.value == pytest.approx(rounds.expected[:, 0])
    assert outcome.regret[-1] == pytest.approx(0.0)


def test_a_channel_changes_neither_contexts_nor_reward_draws() -> None:
    plain = draw_rounds(world("hero"), 40, seed=3)
    delayed = draw_rounds(world("hero"), 40, 3, Channel(acts=Exponential(5.0)))

    assert plain.contexts == delayed.contexts
    assert np.array_equal(plain.rewards, delayed.rewards)
