"""Vowpal Wabbit as one of the models of `auto`."""

import random

import numpy as np
import pytest

from policies.auto.policy import AutoPolicy
from policies.base import Action, RewardRange
from policies.pmf import mix_floor, sample
from policies.spec import build_policy, normalise_spec

ACTIONS = (Action("boots"), Action("sandals"), Action("coat"))
NAME = "Vowpal Wabbit"


def auto() -> AutoPolicy:
    policy = build_policy(normalise_spec({"kind": "auto"}), RewardRange())
    assert isinstance(policy, AutoPolicy)
    return policy


def weight_of(policy: AutoPolicy, name: str) -> float:
    return next(one.weight for one in policy.evidence() if one.policy == name)


@pytest.mark.statistical
def test_it_serves_where_it_alone_is_right() -> None:
    """2,000 visitors, each of whom likes one of three variants: only their ids tell.

    The other models have columns for 111 ids. 12,000 rounds, so that each visitor comes
    six times; a chance of .8 for the variant that is liked, .1 for the others. The seed
    is fixed. A uniform draw earns .33; the last 2,000 rounds must earn .5.
    """
    rng = random.Random(12)  # noqa: S311 - a simulated log
    likes = [rng.randrange(3) for _ in range(2_000)]
    policy, earned = auto(), []
    for _ in range(12_000):
        visitor = rng.randrange(len(likes))
        context = {"visitor": f"v{visitor}"}
        pmf = mix_floor(policy.pmf(context, ACTIONS), 0.02)
        chosen = sample(pmf, rng.random())
        chances = [0.8 if at == likes[visitor] else 0.1 for at in range(3)]
        earned.append(float(np.dot(pmf, chances)))
        reward = float(rng.random() < chances[chosen])
        policy.learn(context, ACTIONS, chosen, pmf[chosen], reward)

    assert weight_of(policy, NAME) > 0.5
    assert np.mean(earned[-2_000:]) > 0.5


def test_what_it_serves_is_part_of_the_state() -> None:
    policy = knowing_visitors(2_000)
    loaded = auto()

    loaded.load(policy.dump())

    assert weight_of(policy, NAME) > 0.1
    for visitor in range(50):
        context = {"visitor": f"v{visitor}"}
        # The second and third time, the parsed examples of the actions are kept ones.
        pmfs = {tuple(loaded.pmf(context, ACTIONS)) for _ in range(3)}
        assert pmfs == {tuple(policy.pmf(context, ACTIONS))}
    for one in (policy, loaded):
        one.learn({"visitor": "v1"}, ACTIONS, 0, 0.5, 1.0)
    assert loaded.dump() == policy.dump()


def test_a_policy_that_begins_again_has_a_new_one() -> None:
    spec = normalise_spec({"kind": "auto", "reset_every": 50})
    policy = build_policy(spec, RewardRange())
    for place in range(50):
        policy.learn({"id": f"v{place}"}, ACTIONS, place % 3, 0.5, float(place % 2))

    assert policy.pmf({"id": "v1"}, ACTIONS) == [1 / 3] * 3


def test_every_id_adds_few_bytes_to_a_dump() -> None:
    """Each of 3 actions has a weight of its own for each id, of 16 bytes."""
    few, many = (len(knowing_visitors(rounds).dump()) for rounds in (1_000, 4_000))

    assert many - few < 3_000 * 3 * 16 + 50_000


def knowing_visitors(rounds: int) -> AutoPolicy:
    """Return a policy that learned of each visitor four times what is liked."""
    policy = auto()
    for place in range(rounds):
        visitor, chosen = place // 4, place % 3
        reward = float(visitor % 3 == chosen)
        context = {"visitor": f"v{visitor % 500}"}
        policy.learn(context, ACTIONS, chosen, 1 / 3, reward)
    return policy
