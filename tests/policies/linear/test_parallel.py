"""Regressions in parallel: what they follow that one can't, and what moves them."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from policies.auto.regressions import Prior, Regressions
from policies.base import Action, Context, Policy, PolicyError, RewardRange
from policies.linear.explorers import EXPLORERS
from policies.linear.kind import is_parallel
from policies.pmf import mix_floor, sample
from policies.spec import build_policy, normalise_spec

Draw = Callable[[random.Random], dict[str, float | str]]
Chance = Callable[[Mapping[str, Any], int, int], float]

ACTIONS = (Action("boots"), Action("coat"))
PARALLEL = {"kind": "linear"}
ONE = {"kind": "linear", "regressions": "one"}


def served(
    policy: Policy, rounds: int, draw: Draw, chance: Chance, amount: float = 1.0
) -> list[float]:
    """Serve and learn rewards of one amount; return the chances that were served."""
    rng = random.Random(4)  # noqa: S311 - a simulated log
    values = []
    for place in range(rounds):
        context = draw(rng)
        pmf = mix_floor(policy.pmf(context, ACTIONS), 0.02)
        chosen, uniform = sample(pmf, rng.random()), rng.random()
        chances = [chance(context, action, place) for action in range(2)]
        reward = amount * (uniform < chances[chosen])
        policy.learn(context, ACTIONS, chosen, pmf[chosen], reward)
        values.append(pmf[0] * chances[0] + pmf[1] * chances[1])
    return values


def nothing(rng: random.Random) -> dict[str, float | str]:
    del rng
    return {"device": "tv"}


def rare(context: Mapping[str, Any], action: int, place: int) -> float:
    del context, place
    return (0.1, 0.05)[action]


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_declared_maximum_does_not_matter(explorer: str) -> None:
    """Rewards of 40 under a maximum of 40, 500, 5,000 or none give the same pmfs."""
    spec = {"kind": "linear", "explorer": explorer}
    first, *others = (
        served(build_policy(spec, RewardRange(0.0, most)), 200, nothing, rare, 40.0)
        for most in (40.0, 500.0, 5_000.0, None)
    )

    for values in others:
        assert values == first


def test_number_with_the_best_value_in_the_middle_is_followed() -> None:
    """Boots are best for 40 to 60 of 0 to 100, which no straight line can tell."""

    def draw(rng: random.Random) -> dict[str, float | str]:
        return {"age": rng.uniform(0.0, 100.0)}

    def chance(context: Mapping[str, Any], action: int, place: int) -> float:
        del place
        return 0.8 if (35.0 < context["age"] < 65.0) == (action == 0) else 0.2

    several, single = build_policy(PARALLEL), build_policy(ONE)
    gained = sum(served(several, 3_000, draw, chance)[1_000:])
    lines = sum(served(single, 3_000, draw, chance)[1_000:])

    assert several.pmf({"age": 50.0}, ACTIONS)[0] > 0.8
    assert several.pmf({"age": 5.0}, ACTIONS)[1] > 0.8
    assert gained > 1.1 * lines


def test_change_of_the_best_variant_is_followed_sooner_than_by_one() -> None:
    """The better of two changes after 3,000 of 4,000 rounds."""

    def chance(context: Mapping[str, Any], action: int, place: int) -> float:
        del context
        return 0.6 if (action == 0) == (place < 3_000) else 0.3

    several = served(build_policy(PARALLEL), 4_000, nothing, chance)
    single = served(build_policy(ONE), 4_000, nothing, chance)

    assert sum(several[3_000:]) > sum(single[3_000:])
    assert np.mean(several[3_800:]) > 0.5


def test_ids_that_come_first_leave_columns_to_what_comes_often() -> None:
    """Each decision has an id of its own, and one of ten categories that decide."""

    def draw(rng: random.Random) -> dict[str, float | str]:
        return {"id": f"u{rng.random()}", "category": f"c{rng.randrange(10)}"}

    def chance(context: Mapping[str, Any], action: int, place: int) -> float:
        if place < 200:
            return 0.5
        return 0.7 if (context["category"] < "c5") == (action == 0) else 0.3

    policy = build_policy(PARALLEL)
    rng = random.Random(5)  # noqa: S311 - simulated contexts
    for _ in range(200):
        context: Context = {"id": f"u{rng.random()}"}
        policy.learn(context, ACTIONS, 0, 0.5, float(rng.random() < 0.5))
    values = served(policy, 4_000, draw, chance)

    assert np.mean(values[3_500:]) > 0.62


@pytest.mark.parametrize("strange", [[1e-30], [1e-30, 2e-30], [1e38, 1e308, 5.0]])
def test_number_that_is_first_seen_strange_does_not_turn_the_model(
    strange: list[float],
) -> None:
    def chance(context: Mapping[str, Any], action: int, place: int) -> float:
        del context, place
        return (0.5, 0.1)[action]

    policy = build_policy(PARALLEL)
    served(policy, 600, nothing, chance)
    for number in strange:
        policy.learn({"device": "tv", "spend": number}, ACTIONS, 1, 0.01, 1.0)

    assert policy.pmf({"device": "tv", "spend": 20}, ACTIONS)[0] > 0.9


def test_one_reward_of_any_size_does_not_turn_the_model() -> None:
    def chance(context: Mapping[str, Any], action: int, place: int) -> float:
        del context, place
        return (0.5, 0.1)[action]

    policy = build_policy(PARALLEL, RewardRange(0.0, None))
    served(policy, 600, nothing, chance)
    policy.learn({"device": "tv"}, ACTIONS, 1, 0.01, 1e300)

    assert policy.pmf({"device": "tv"}, ACTIONS)[0] > 0.8


def test_refused_example_changes_nothing() -> None:
    policy = build_policy(PARALLEL)
    served(policy, 50, nothing, rare)
    before = policy.dump()

    for context, reward in [({"x": float("nan")}, 0.5), ({"x": 1.0}, 7.0)]:
        with pytest.raises(PolicyError):
            policy.learn(context, ACTIONS, 0, 0.5, reward)

    assert policy.dump() == before


def test_spec_that_was_stored_before_the_setting_keeps_one_regression() -> None:
    stored = normalise_spec({"kind": "linear", "explorer": "thompson"})
    del stored["regressions"]

    assert normalise_spec(stored) == stored
    assert not is_parallel(normalise_spec(stored))
    assert is_parallel(normalise_spec({"kind": "linear", "ridge": 5.0}))


def test_variances_are_those_of_ridge_regression() -> None:
    """Two models over four columns; matrices are float32, hence the tolerance."""
    rng = np.random.default_rng(3)
    stack = Regressions([Prior(0.5, 0.5, 0.0), Prior(1.0, 0.2, 0.0)], 16)
    rows = np.column_stack([np.ones(50), rng.normal(size=(50, 3))])
    for count, row in enumerate(rows, 1):
        stack.learn(0, np.arange(4), row, float(rng.random()), count)

    asked, values = np.array([0, 3]), np.array([1.0, 2.0])
    found = stack.variances(np.array([0, -1]), asked, values, 50)

    dense = np.array([1.0, 0.0, 0.0, 2.0])
    for model, deviations in enumerate(([0.5] * 4, [1.0, 0.2, 0.2, 0.2])):
        prior = np.diag(np.square(deviations))
        covariance = np.linalg.inv(rows.T @ rows + np.linalg.inv(prior))
        assert found[model, 0] == pytest.approx(dense @ covariance @ dense, rel=1e-4)
        assert found[model, 1] == pytest.approx(dense @ prior @ dense)
