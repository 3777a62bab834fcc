"""Vowpal Wabbit as one model of the reward among others."""

import random

import pytest

from policies.base import Action, Context, PolicyError
from policies.spec import normalise_spec
from policies.vw.explorers import command_line, default_command_line
from policies.vw.rewards import RewardModel

ACTIONS = (Action("boots", {"price": 9.5}), Action("coat", {"kind": "warm"}))


def trained(rounds: int = 200) -> RewardModel:
    model = RewardModel()
    rng = random.Random(4)  # noqa: S311 - a simulated log
    for _ in range(rounds):
        chosen = rng.randrange(2)
        reward = 40.0 * (rng.random() < 0.1 + 0.4 * chosen)
        model.learn(drawn(rng), ACTIONS, chosen, 0.5, reward)
    return model


def drawn(rng: random.Random) -> Context:
    device = rng.choice(["phone", "desk"])
    return {"device": device, "user": {"new": rng.random() < 0.5}}


def test_it_is_the_regression_of_kind_vw_with_its_defaults() -> None:
    assert default_command_line() == command_line(normalise_spec({"kind": "vw"}))


def test_expectations_are_in_the_unit_of_the_rewards() -> None:
    """Rewards of 40 come with chances of .1 and .5; 2,000 rounds, the seed is fixed."""
    expected = trained(2_000).expected({"device": "phone"}, ACTIONS)

    assert expected == pytest.approx([4.0, 20.0], abs=4.0)


def test_a_learn_returns_what_was_expected_before_it() -> None:
    model, rng = trained(), random.Random(5)  # noqa: S311 - a simulated log
    for turn in range(100):
        context, chosen = drawn(rng), turn % 2
        before = model.expected(context, ACTIONS)[chosen]

        found = model.learn(context, ACTIONS, chosen, 0.5, 40.0 * (turn % 3 == 0))

        assert found == before


def test_a_reward_does_not_help_to_expect_itself() -> None:
    with_little, with_much = trained(), trained()
    example = {"device": "phone"}, ACTIONS, 1, 0.5

    expected = with_little.learn(*example, 0.0)

    assert with_much.learn(*example, 4_000.0) == expected


def test_a_loaded_model_goes_on_with_the_same_bits() -> None:
    whole, loaded = trained(), RewardModel.loaded(trained().dump())
    for model in (whole, loaded):
        model.learn({"device": "tv", "hour": 3}, ACTIONS, 0, 0.5, 40.0)

    assert loaded.dump() == whole.dump()
    context: Context = {"device": "tv"}
    assert loaded.expected(context, ACTIONS) == whole.expected(context, ACTIONS)


def test_a_model_that_learned_nothing_takes_no_bytes() -> None:
    assert RewardModel().dump() == b""
    assert RewardModel.loaded(b"").expected({}, ACTIONS) == [0.0, 0.0]


def test_a_refused_feature_changes_nothing() -> None:
    model = trained()
    before = model.dump()

    with pytest.raises(PolicyError):
        model.learn({"hour": float("nan")}, ACTIONS, 0, 0.5, 40.0)
    with pytest.raises(PolicyError):
        model.read([*ACTIONS, Action("scarf", {"price": float("inf")})])

    assert model.dump() == before
