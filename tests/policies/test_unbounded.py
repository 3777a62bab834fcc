"""Rewards without a maximum: shares of the largest so far, part of the state."""

import pytest

from policies.base import Action, PolicyError, RewardRange
from policies.spec import KINDS, build_policy, normalise_spec

ACTIONS = (Action("a"), Action("b"))
OPEN = RewardRange(0.0, None)
SPECS = [
    {"kind": name, **kind.examples[0]} if kind.needs_settings else {"kind": name}
    for name, kind in KINDS.items()
]


def test_shares_of_the_largest_reward_so_far_are_learned() -> None:
    """Rewards 10, 40, 20 above the minimum are learned as 1, 1 and 1/2."""
    spec = normalise_spec({"kind": "linear", "regressions": "one"})
    scaled, plain = build_policy(spec, RewardRange(-5.0, None)), build_policy(spec)
    for chosen, reward, share in ((0, 5.0, 1.0), (1, 35.0, 1.0), (0, 15.0, 0.5)):
        scaled.learn({}, ACTIONS, chosen, 0.5, reward)
        plain.learn({}, ACTIONS, chosen, 0.5, share)

    assert scaled.pmf({}, ACTIONS) == plain.pmf({}, ACTIONS)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec["kind"])
def test_every_kind_resumes_bit_for_bit_without_a_maximum(
    spec: dict[str, object],
) -> None:
    whole, first = build_policy(spec, OPEN), build_policy(spec, OPEN)
    rewards = [0.0, 3.0, 900.0, 12.5, 0.0, 41.0]
    for place, reward in enumerate(rewards):
        whole.learn({"x": 1.0}, ACTIONS, place % 2, 0.5, reward)
    for place, reward in enumerate(rewards[:3]):
        first.learn({"x": 1.0}, ACTIONS, place % 2, 0.5, reward)
    resumed = build_policy(spec, OPEN)
    resumed.load(first.dump())
    for place, reward in enumerate(rewards[3:], 3):
        resumed.learn({"x": 1.0}, ACTIONS, place % 2, 0.5, reward)

    assert resumed.dump() == whole.dump()
    assert resumed.pmf({"x": 1.0}, ACTIONS) == whole.pmf({"x": 1.0}, ACTIONS)


def test_a_refused_example_changes_nothing() -> None:
    policy = build_policy({"kind": "thompson"}, OPEN)
    policy.learn({}, ACTIONS, 0, 0.5, 7.0)
    before = policy.dump()

    for reward in (-1.0, float("nan"), float("inf")):
        with pytest.raises(PolicyError, match="must be between"):
            policy.learn({}, ACTIONS, 0, 0.5, reward)
    with pytest.raises(PolicyError):
        policy.learn({}, ACTIONS, 2, 0.5, 1_000.0)

    assert policy.dump() == before


def test_a_state_of_another_range_is_refused() -> None:
    state = build_policy({"kind": "linear"}, OPEN).dump()

    with pytest.raises(PolicyError, match="another spec or reward range"):
        build_policy({"kind": "linear"}).load(state)
