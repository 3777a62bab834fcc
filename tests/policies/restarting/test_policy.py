"""Policies that begin again: at a change, in turns, by a schedule, for every kind."""

import random
from typing import Any

import numpy as np
import pytest

from policies.base import Action, Policy, Remembering, RewardRange
from policies.pmf import mix_floor, sample
from policies.spec import KINDS, build_policy, learns, normalise_spec

ACTIONS = (Action("boots"), Action("sandals"), Action("coat"))
LEARNING = [kind.name for kind in KINDS.values() if kind.learns]
KINDS_AROUND = [kind.name for kind in KINDS.values() if kind.later]


def served(policy: Policy, rounds: int, best: int, rng: random.Random) -> list[float]:
    """Serve and learn chances of .5 for one action and .1 for others."""
    earned = []
    for _ in range(rounds):
        context = {"device": rng.choice("ab")}
        pmf = mix_floor(policy.pmf(context, ACTIONS), 0.02)
        chosen = sample(pmf, rng.random())
        chances = [0.5 if place == best else 0.1 for place in range(3)]
        reward = float(rng.random() < chances[chosen])
        policy.learn(context, ACTIONS, chosen, pmf[chosen], reward)
        earned.append(float(np.dot(pmf, chances)))
    return earned


def memory_of(policy: Policy) -> Any:
    assert isinstance(policy, Remembering)
    return policy.memory()


@pytest.mark.parametrize("kind", LEARNING)
def test_a_change_is_found_and_followed(kind: str) -> None:
    """6,000 rounds with one best action, then 600 with another; the seed is fixed.

    Of the last 300 rounds a policy that has not changed its mind earns .1 a round, one
    that has earns up to .5.
    """
    rng = random.Random(3)  # noqa: S311 - a simulated log
    policy = build_policy({"kind": kind, "change": "detect"})
    served(policy, 6_000, 0, rng)
    assert memory_of(policy).changes == 0

    earned = served(policy, 600, 1, rng)

    assert memory_of(policy).changes >= 1
    assert 6_000 < memory_of(policy).last_change < 6_200
    assert memory_of(policy).effective < 1_000
    assert np.mean(earned[-300:]) > 0.35


@pytest.mark.parametrize("kind", LEARNING)
def test_a_limited_memory_follows_without_detection(kind: str) -> None:
    rng = random.Random(4)  # noqa: S311 - a simulated log
    policy = build_policy({"kind": kind, "change": "ignore", "memory": 400})
    served(policy, 6_000, 0, rng)

    earned = served(policy, 2_000, 1, rng)

    assert memory_of(policy).effective <= 800
    assert np.mean(earned[-300:]) > 0.35


@pytest.mark.parametrize("kind", LEARNING)
def test_a_scheduled_reset_leaves_nothing(kind: str) -> None:
    rng = random.Random(5)  # noqa: S311 - a simulated log
    policy = build_policy({"kind": kind, "change": "ignore", "reset_every": 300})
    served(policy, 299, 0, rng)
    assert policy.pmf({"device": "a"}, ACTIONS)[0] > 0.4

    served(policy, 1, 0, rng)

    untrained = build_policy({"kind": kind}).pmf({"device": "a"}, ACTIONS)
    assert policy.pmf({"device": "a"}, ACTIONS) == pytest.approx(untrained)
    assert memory_of(policy).learned == 300
    assert memory_of(policy).effective == 0


@pytest.mark.parametrize("kind", KINDS_AROUND)
def test_in_turns_one_to_two_memories_count(kind: str) -> None:
    rng = random.Random(6)  # noqa: S311 - a simulated log
    policy = build_policy({"kind": kind, "memory": 100})
    counts = []
    for _ in range(500):
        served(policy, 1, 0, rng)
        counts.append(memory_of(policy).effective)

    assert min(counts[100:]) == 100
    assert max(counts) == 199


@pytest.mark.parametrize("kind", KINDS_AROUND)
def test_specs_from_before_the_settings_are_unchanged(kind: str) -> None:
    before = normalise_spec({"kind": kind})
    off = {"change": "ignore", "memory": 0, "reset_every": 0}

    assert normalise_spec(before | off) == before
    assert not set(off) & set(before)
    assert normalise_spec(before | {"memory": 500.0})["memory"] == 500


def test_only_kinds_that_learn_have_the_settings() -> None:
    assert learns({"kind": "auto"})
    assert learns({"kind": "vw"})
    assert not learns({"kind": "uniform"})


@pytest.mark.parametrize("kind", KINDS_AROUND)
def test_rewards_without_a_maximum_are_scaled_by_what_still_counts(kind: str) -> None:
    policy = build_policy({"kind": kind, "reset_every": 10}, RewardRange(0.0, None))
    for place in range(15):
        policy.learn({}, ACTIONS, place % 3, 0.3, float(place))

    loaded = build_policy({"kind": kind, "reset_every": 10}, RewardRange(0.0, None))
    loaded.load(policy.dump())

    assert loaded.pmf({}, ACTIONS) == policy.pmf({}, ACTIONS)
