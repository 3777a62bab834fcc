"""A search over an experiment's own log, and what it promotes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypedDict, Unpack

import pytest
from msgspec.structs import replace

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Spec
from bandit_svc.errors import Conflict
from bandit_svc.services.evaluation.evaluate import evaluate
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.evaluation.search_space import space_of, specs_to_try
from bandit_svc.services.evaluation.tune import (
    check_still_served,
    promotion,
    tune,
    verdict_of,
)
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.values import Estimated
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.interface import Storage
from benchmarks.world_log import START_MS, write_world_log
from simulators.environment import World
from simulators.worlds.hero import HeroWorld
from simulators.worlds.null import NullWorld

Json = dict[str, Any]
Written = tuple[Experiment, Callable[[], Storage]]


class Changes(TypedDict, total=False):
    """Fields of the world's experiment."""

    policy: Json
    exploration_floor: float
    reward: Json


class Write(Protocol):
    """Write a log of a world; return its experiment and what opens its store."""

    def __call__(
        self, world: World, rounds: int, seed: int = 1, **changes: Unpack[Changes]
    ) -> Written: ...


BLIND = {"kind": "vw", "interactions": "none"}


@pytest.fixture
def logged(tmp_path: Path) -> Write:
    """Return a function that writes a log of a world."""

    def write(
        world: World, rounds: int, seed: int = 1, **changes: Unpack[Changes]
    ) -> Written:
        folder = tmp_path / f"{world.key}-{rounds}-{seed}"
        definition: Changes = {"exploration_floor": 0.2, **changes}
        made = write_world_log(folder, world, rounds, seed, **definition)
        return made, partial(open_storage, folder)

    return write


def specs_of(experiment: Experiment, raw: object) -> list[Spec]:
    policy = experiment.definition.policy
    return specs_to_try(policy, space_of(raw), "grid", None, 1)


def test_the_result_does_not_depend_on_the_number_of_processes(
    logged: Write,
) -> None:
    experiment, opener = logged(HeroWorld(), 300, policy=BLIND)
    raw = {
        "explorer": ["epsilon", "softmax"],
        "learning_rate": [0.1, 0.5],
        "linear": {},
    }
    specs = specs_of(experiment, raw)
    alone, two = (tune(opener, experiment, specs, count) for count in (1, 2))

    assert alone == two
    assert [row.rank for row in alone.leaderboard] == [1, 2, 3, 4, 5, 6]


def test_a_spec_has_the_numbers_of_evaluate(logged: Write) -> None:
    experiment, opener = logged(HeroWorld(), 600, policy=BLIND)
    specs = specs_of(experiment, {"linear": {}})
    board = tune(opener, experiment, specs, 1)
    storage = opener()
    asked = asked_specs(experiment.definition, [specs[0], {"kind": "linear"}])
    expected = evaluate(storage, experiment, asked).policies
    storage.close()
    found = {row.policy["kind"]: row for row in board.leaderboard}

    for row in expected:
        mine = found[row.policy.split("-")[0]]
        assert mine.n == row.n
        assert mine.effective_sample_size == row.effective_sample_size
        assert mine.refused == row.refused


def test_a_plainly_better_spec_is_found_and_its_promotion_is_recorded(
    logged: Write,
) -> None:
    """Seed 1 of the log; 4,000 decisions with a floor of 0.2.

    Without interactions a context can't change a ranking, so `linear` earns half as
    much again.
    """
    policy = {**BLIND, "gamma_scale": 0.5}
    experiment, opener = logged(HeroWorld(), 4_000, policy=policy)
    board = tune(opener, experiment, specs_of(experiment, {"linear": {}}), 1)
    found = promotion(board)

    assert found is not None
    assert found.spec["kind"] == "linear"
    assert (board.leaderboard[0].difference.interval[0] or 0.0) > 0
    assert verdict_of(board).startswith("linear-igw beats vw-squarecb gamma")
    storage = opener()
    patch = {"policy": found.spec}
    lifecycle.change(storage, experiment.key, patch, START_MS, found.note)
    now = storage.experiments.get(experiment.key)
    (_, revision) = storage.experiments.revisions(experiment.number)
    storage.close()
    assert now.definition.policy == found.spec
    assert revision.note.startswith("tune: linear-igw beats vw-squarecb")
    assert revision.note.endswith("2 specs, 3,589 decisions")
    with pytest.raises(Conflict, match="got another policy while the search ran"):
        check_still_served(experiment, now)


def test_where_nothing_is_better_nothing_is_promoted(
    logged: Write,
) -> None:
    experiment, opener = logged(NullWorld(), 1_000)
    raw = {"learning_rate": [0.1, 1.0], "linear": {}}
    board = tune(opener, experiment, specs_of(experiment, raw), 1)

    assert promotion(board) is None
    assert verdict_of(board).startswith("No candidate beats auto, the")


def test_where_histories_follow_decisions_nothing_is_promoted(logged: Write) -> None:
    experiment, opener = logged(HeroWorld(), 300, policy=BLIND)
    board = tune(opener, experiment, specs_of(experiment, {"linear": {}}), 1)
    better = Estimated(0.15, (0.1, 0.2))
    rows = (replace(row, refused=None, difference=better) for row in board.leaderboard)
    board = replace(board, leaderboard=tuple(rows))
    dependent = replace(board, history_dependent=True)

    assert promotion(board) is not None
    assert promotion(dependent) is None
    assert "Nothing is promoted. What a unit finds follows" in verdict_of(dependent)
    assert "split the traffic" in verdict_of(dependent)


def test_where_successes_are_joined_first_nothing_is_promoted(
    logged: Write,
) -> None:
    reward = HeroWorld().experiment()["reward"] | {"learn_on": "first_reward"}
    experiment, opener = logged(HeroWorld(), 300, policy=BLIND, reward=reward)
    board = tune(opener, experiment, specs_of(experiment, {"linear": {}}), 1)
    better = Estimated(0.15, (0.1, 0.2))
    rows = (replace(row, refused=None, difference=better) for row in board.leaderboard)
    board = replace(board, leaderboard=tuple(rows))

    assert promotion(replace(board, successes_first=False)) is not None
    assert promotion(board) is None
    assert "successes are joined first" in verdict_of(board)


def test_without_an_exploration_floor_nothing_can_be_said(
    logged: Write,
) -> None:
    experiment, opener = logged(HeroWorld(), 200, exploration_floor=0.0)
    board = tune(opener, experiment, specs_of(experiment, {"linear": {}}), 1)

    assert promotion(board) is None
    assert all("exploration floor" in str(row.refused) for row in board.leaderboard)
    assert verdict_of(board).startswith("The log can't say what the incumbent")


def test_a_log_that_is_short_carries_no_spec(logged: Write) -> None:
    experiment, opener = logged(HeroWorld(), 100)
    board = tune(opener, experiment, specs_of(experiment, {"linear": {}}), 1)

    assert promotion(board) is None
    assert all(r.refused is not None for r in board.leaderboard[1:])


def test_an_experiment_without_a_log_has_nothing_to_say(
    logged: Write,
) -> None:
    experiment, opener = logged(HeroWorld(), 0)
    board = tune(opener, experiment, specs_of(experiment, {"linear": {}}), 1)

    assert {row.refused for row in board.leaderboard} == {
        "No decision has matured yet."
    }
