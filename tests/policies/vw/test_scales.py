"""What rewards and numbers of any size do to a model of Vowpal Wabbit."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from policies.base import Action, Context, Policy, PolicyError, RewardRange
from policies.pmf import mix_floor, sample
from policies.spec import build_policy, normalise_spec
from policies.vw.explorers import is_running
from policies.vw.scales import LEAST_COUNT, MOST_NUMBERS, RunningScale

Spec = dict[str, Any]
Chance = Callable[[Context, str], float]

ACTIONS = (Action("a"), Action("b"), Action("bad"))
CHANCES = {"a": 0.5, "b": 0.3, "bad": 0.1}


def constant(context: Context, key: str) -> float:
    del context
    return CHANCES[key]


def hours(rng: random.Random) -> Context:
    return {"hour": rng.randrange(24)}


def served(
    policy: Policy,
    rounds: int,
    draw: Callable[[random.Random], Context] = hours,
    chance: Chance = constant,
    amount: float = 1.0,
) -> list[list[float]]:
    """Serve and learn rewards of one amount; return the pmfs."""
    rng = random.Random(1)  # noqa: S311 - a simulated log
    pmfs = []
    for _ in range(rounds):
        context = draw(rng)
        pmf = mix_floor(policy.pmf(context, ACTIONS), 0.02)
        chosen = sample(pmf, rng.random())
        reward = amount * (rng.random() < chance(context, ACTIONS[chosen].key))
        policy.learn(context, ACTIONS, chosen, pmf[chosen], reward)
        pmfs.append(pmf)
    return pmfs


def attack(policy: Policy, contexts: Sequence[Context], reward: float = 1.0) -> None:
    """Reward the worst action in contexts that nobody else sends."""
    for context in contexts:
        pmf = mix_floor(policy.pmf(context, ACTIONS), 0.02)
        policy.learn(context, ACTIONS, 2, pmf[2], reward)


@pytest.mark.parametrize("explorer", ["squarecb", "softmax", "bag"])
def test_declared_maximum_does_not_matter(explorer: str) -> None:
    """Rewards of 40 under a maximum of 40, 500, 5,000 or none give the same pmfs."""
    spec = {"kind": "vw", "explorer": explorer}
    first, *others = (
        served(build_policy(spec, RewardRange(0.0, maximum)), 300, amount=40.0)
        for maximum in (40.0, 500.0, 5_000.0, None)
    )

    for pmfs in others:
        assert pmfs == first


def test_unit_of_the_rewards_does_not_matter() -> None:
    """Eurocents instead of euros, by a power of two, which rounds nothing."""
    whole = served(
        build_policy({"kind": "vw"}, RewardRange(0.0, 40.0)), 300, amount=40.0
    )
    parts = served(
        build_policy({"kind": "vw"}, RewardRange(0.0, 4.0)), 300, amount=0.3125
    )

    assert parts == whole


def test_rare_amounts_are_found() -> None:
    """5 % buy for 40 of 5,000 at most: the best of three earns twice as much.

    Served by the range, it got about a third of the last 1,000 of 4,000 decisions.
    """

    def chance(context: Context, key: str) -> float:
        del context
        return 0.1 if key == "a" else 0.05

    policy = build_policy({"kind": "vw"}, RewardRange(0.0, 5_000.0))
    pmfs = served(policy, 4_000, chance=chance, amount=40.0)

    assert sum(pmf[0] for pmf in pmfs[-1_000:]) / 1_000 > 0.6


@pytest.mark.parametrize(
    "strange",
    [
        [1e-30],
        [1e-30, 2e-30],
        [1e-150, 1e-200],
        [1e38, 1e308, -1e38, 5.0],
        [10**30, -(10**300)],
        [1.0, 1.001, 1.002, 0.999],
    ],
)
def test_number_that_is_first_seen_strange_does_not_turn_the_model(
    strange: list[float],
) -> None:
    """600 decisions without `spend`, then a few that reward the worst with it."""
    policy = build_policy({"kind": "vw"})
    served(policy, 600)
    attack(policy, [{"hour": 12, "spend": number} for number in strange])

    assert policy.pmf({"hour": 12, "spend": 20}, ACTIONS)[0] > 0.9


def test_one_reward_of_any_size_does_not_turn_the_model() -> None:
    policy = build_policy({"kind": "vw"}, RewardRange(0.0, None))
    served(policy, 600)
    attack(policy, [{"hour": 12}], reward=1e300)

    assert policy.pmf({"hour": 12}, ACTIONS)[0] > 0.9


def test_raw_numbers_decide_as_standardised_ones_do() -> None:
    """A number around 700 with a deviation of 20 tells which of two actions is best."""

    def draw(rng: random.Random) -> Context:
        return {"pressure": rng.gauss(700.0, 20.0)}

    def chance(context: Context, key: str) -> float:
        value = context["pressure"]
        assert isinstance(value, float)
        return 0.6 if (key == "a") == (value > 700.0) else 0.1

    policy = build_policy({"kind": "vw"})
    served(policy, 2_000, draw, chance)

    assert policy.pmf({"pressure": 730.0}, ACTIONS)[0] > 0.7
    assert policy.pmf({"pressure": 670.0}, ACTIONS)[0] < 0.2


def test_number_is_a_feature_after_enough_values() -> None:
    scale = RunningScale(RewardRange())
    for place in range(LEAST_COUNT):
        assert scale.shared_line({"x": 3}) == "shared |c * "
        scale.learned({"x": place}, 0.0)

    assert scale.shared_line({"x": 1e9}) == "shared |c * x#:4"
    assert scale.shared_line({"x": "1e9"}) == "shared |c * x=1e9"


def test_names_without_end_leave_a_bounded_state_and_frequent_numbers() -> None:
    scale = RunningScale(RewardRange())
    for place in range(LEAST_COUNT):
        scale.learned({"often": place}, 0.0)
    for place in range(2 * MOST_NUMBERS):
        scale.learned({f"x{place}": 1.0}, 0.0)

    assert len(scale.dump()) < MOST_NUMBERS * 64
    assert scale.shared_line({"often": 1e9}) == "shared |c * often#:4"


def test_refused_example_adds_nothing_to_the_moments() -> None:
    scale = RunningScale(RewardRange())
    before = scale.dump()
    for context, reward in [({"x": float("nan")}, 0.5), ({"x": 1.0}, 7.0)]:
        with pytest.raises(PolicyError):
            scale.learned(context, reward)

    assert scale.dump() == before


def test_spec_that_was_stored_before_the_setting_keeps_the_range() -> None:
    stored = normalise_spec({"kind": "vw"})
    del stored["scale"]

    assert normalise_spec(stored) == stored
    assert not is_running(normalise_spec(stored))


@pytest.mark.parametrize("spec", [{"kind": "vw"}, {"kind": "vw", "learning_rate": 0.5}])
def test_spec_that_a_person_wrote_is_scaled_by_what_was_learned(spec: Spec) -> None:
    assert is_running(normalise_spec(spec))
