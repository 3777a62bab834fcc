"""Policies that look at no context: fixed, weighted, epsilon-greedy, thompson."""

import pytest

from policies.base import Action, Policy
from policies.spec import build_policy

BOOTS, COAT, SCARF = Action("boots"), Action("coat"), Action("scarf")


def test_fixed_gives_all_to_its_variant() -> None:
    policy = build_policy({"kind": "fixed", "variant": "coat"})

    assert policy.pmf({}, [BOOTS, COAT, SCARF]) == [0.0, 1.0, 0.0]


def test_fixed_is_uniform_where_its_variant_is_not_eligible() -> None:
    policy = build_policy({"kind": "fixed", "variant": "coat"})

    assert policy.pmf({}, [BOOTS, SCARF]) == [0.5, 0.5]


def test_weights_are_shares_of_the_eligible() -> None:
    weights = {"boots": 3, "coat": 1, "scarf": 4}
    policy = build_policy({"kind": "weighted", "weights": weights})

    assert policy.pmf({}, [BOOTS, COAT, SCARF]) == [0.375, 0.125, 0.5]
    assert policy.pmf({}, [COAT, BOOTS]) == [0.25, 0.75]


def test_variant_without_a_weight_weighs_nothing() -> None:
    policy = build_policy({"kind": "weighted", "weights": {"boots": 2}})

    assert policy.pmf({}, [BOOTS, COAT]) == [1.0, 0.0]
    assert policy.pmf({}, [SCARF, COAT]) == [0.5, 0.5]


def test_epsilon_greedy_gives_the_best_mean_all_but_epsilon() -> None:
    policy = build_policy({"kind": "epsilon_greedy", "epsilon": 0.3})
    learn(policy, {"boots": (1, 4), "coat": (3, 4), "scarf": (0, 4)})

    # By hand: 0.3 / 3 = 0.1 each, and 0.7 on top for the coat.
    assert policy.pmf({}, [BOOTS, COAT, SCARF]) == pytest.approx([0.1, 0.8, 0.1])


def test_epsilon_greedy_shares_between_ties() -> None:
    policy = build_policy({"kind": "epsilon_greedy", "epsilon": 0.0})

    assert policy.pmf({}, [BOOTS, COAT]) == [0.5, 0.5]


def test_epsilon_greedy_takes_an_unknown_variant_for_average() -> None:
    policy = build_policy({"kind": "epsilon_greedy", "epsilon": 0.0})
    learn(policy, {"boots": (1, 4), "coat": (3, 4)})

    # By hand, one assumed reward of 0.5: 1.5/5 = 0.3, 3.5/5 = 0.7, scarf 0.5/1.
    assert policy.pmf({}, [BOOTS, COAT, SCARF]) == [0.0, 1.0, 0.0]
    assert policy.pmf({}, [BOOTS, SCARF]) == [0.0, 1.0]


def test_thompson_starts_uniform() -> None:
    policy = build_policy({"kind": "thompson"})

    assert policy.pmf({}, [BOOTS, COAT]) == pytest.approx([0.5, 0.5])


def test_thompson_gives_the_chance_of_being_best() -> None:
    policy = build_policy({"kind": "thompson"})
    learn(policy, {"boots": (1, 1)})

    # By hand: Beta(2, 1) beats the uniform with chance 2/3.
    assert policy.pmf({}, [COAT, BOOTS]) == pytest.approx([1 / 3, 2 / 3])


def test_thompson_scales_rewards_to_successes() -> None:
    half = build_policy({"kind": "thompson"})
    half.learn({}, [BOOTS], 0, 1.0, 0.5)

    # By hand: Beta(1.5, 1.5) and the uniform have the same mean and symmetry.
    assert half.pmf({}, [BOOTS, COAT]) == pytest.approx([0.5, 0.5])


def learn(policy: Policy, rewards: dict[str, tuple[int, int]]) -> None:
    """Let each action bring `ones` rewards of 1 among `count`."""
    for key, (ones, count) in rewards.items():
        for place in range(count):
            policy.learn({}, [Action(key)], 0, 1.0, float(place < ones))
