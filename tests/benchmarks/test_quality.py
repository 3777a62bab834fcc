"""The worlds, the play and the tables of the learning benchmark."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.encoder import ActionEncoder, Encoder
from benchmarks.quality.kept_aside import KEPT_ASIDE
from benchmarks.quality.libraries import LogisticBootstraps
from benchmarks.quality.outcomes import Kept, Outcome, Tables
from benchmarks.quality.playing import Task, played
from benchmarks.quality.site_rounds import play, yardsticks
from benchmarks.quality.site_worlds import SITE_WORLDS, WINDOW_ROUNDS
from policies.base import Action, Context

N_ROUNDS = 1_500
PLAYED = {**SITE_WORLDS, **KEPT_ASIDE}


class Recording:
    """Draws uniformly, and keeps what it is taught and when."""

    def __init__(self) -> None:
        self.decided = 0
        self.learned: list[tuple[int, float]] = []

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return equal chances."""
        del context
        self.decided += 1
        return [1.0 / len(actions)] * len(actions)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Keep the reward."""
        del context, actions, chosen, propensity
        self.learned.append((self.decided, reward))


@pytest.mark.parametrize("world", PLAYED)
def test_a_world_is_a_function_of_its_seed(world: str) -> None:
    one, same, other = (PLAYED[world](400, seed) for seed in (1, 1, 2))

    assert list(one.contexts) == list(same.contexts)
    assert np.array_equal(one.rewards, same.rewards)
    assert not np.array_equal(one.expected, other.expected)
    sticks = yardsticks(one, 400)
    assert 0 < sticks.uniform < sticks.best_fixed <= sticks.oracle


@pytest.mark.parametrize("world", ["sparse10", "sparse50", "sparse200"])
def test_rare_conversions_are_two_percent(world: str) -> None:
    means = [SITE_WORLDS[world](400, seed).expected.mean() for seed in range(1, 6)]

    # The effects of variants and contexts move the mean of a seed by a fourth.
    assert np.mean(means) == pytest.approx(0.02, rel=0.35)


def test_a_delayed_decision_is_learned_after_its_window_and_without_lost_rewards() -> (
    None
):
    rounds = SITE_WORLDS["delayed"](N_ROUNDS, 1)
    policy = Recording()
    play(rounds, policy)

    assert policy.learned[0][0] == WINDOW_ROUNDS + 1
    assert len(policy.learned) == N_ROUNDS - WINDOW_ROUNDS
    assert rounds.heard is not None
    heard = rounds.heard[: len(policy.learned)]
    rewards = np.array([reward for _, reward in policy.learned])
    assert not rewards[~heard].any()
    assert rewards[heard].any()
    # exp(-2) of the rewards are too late, and 15 % of the others are lost.
    share = float(rounds.heard.mean())
    assert share == pytest.approx((1 - np.exp(-2)) * 0.85, abs=0.04)


def test_contestants_play_and_are_left_out_where_there_are_too_many_variants() -> None:
    few = played(Task("abrupt", 1, (50, 100), ("auto", "linear", "vw", "logit")))
    many = played(Task("sparse200", 1, (20,), ("vw", "linucb")))

    names = ["uniform", "best-fixed", "auto", "linear", "vw", "logit"]
    assert [one.contestant for one in few] == names
    assert all(0 < share <= 1 for one in few for share in one.shares)
    assert [one.contestant for one in many] == ["uniform", "best-fixed", "vw"]


def test_vectors_have_standardised_numbers_and_known_categories() -> None:
    contexts: list[Context] = [
        {"age": 20 + 10 * (row % 3), "user": {"kind": "ab"[row % 2]}}
        for row in range(60)
    ]
    encoder = Encoder(contexts)
    table = np.array([encoder.encode(context) for context in contexts])

    assert table.shape == (60, 4)
    assert table.mean(axis=0) == pytest.approx([1.0, 0.0, 0.5, 0.5])
    assert not encoder.encode({"user": {"kind": "new"}})[1:].any()
    actions = [Action("a", {"price": 3.0}), Action("b", {"kind": "x"})]
    rows = ActionEncoder(actions).encode(actions[::-1])
    assert rows.tolist() == [[0, 1, 0, 1], [1, 0, 3, 0]]


def test_logistic_bootstraps_learn_what_is_better() -> None:
    actions = [Action("a"), Action("b")]
    policy = LogisticBootstraps(Encoder([{}]), 2, 1)
    for row in range(200):
        policy.learn({}, actions, row % 2, 0.5, float(row % 2))

    assert policy.pmf({}, actions) == [0.0, 1.0]


def test_outcomes_are_kept_and_become_tables(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "some" / "outcomes.jsonl")
    kept.add(
        Outcome(world, seed, name, (10, 20), (share, share + 0.1 * seed))
        for world in ("w", "v")
        for seed in (1, 2)
        for name, share in (("one", 0.5), ("best-fixed", 0.4), ("uniform", 0.2))
    )
    kept.add([Outcome("w", 1, "two", (10, 20), (0.1, 1.0))])
    again = Kept(tmp_path / "some" / "outcomes.jsonl").outcomes
    tables = Tables(again, ["w", "v"], ["one", "two"])

    assert again == kept.outcomes
    # Of .6 and .7: a deviation of .0707 over the root of 2.
    cells = ".650 ± .050 | 1.000 | .550 ± .050 | .350 ± .050"
    assert tables.of_worlds(1)[2] == f"| w | {cells} |"
    mean = ".650 ± .035 | - | .550 ± .035 | .350 ± .035"
    assert tables.of_worlds(1)[4] == f"| **mean** | {mean} |"
    assert len(tables.over_rounds([10, 20])) == 2 + 4
