"""The reward model predicts before it learns, and resumes to the last bit."""

import numpy as np
import pytest

from policies.base import Action, Context, PolicyError, RewardRange
from policies.reward_model import MOST_ACTIONS, RewardModel

BOOTS, COAT, NEW = Action("boots"), Action("coat"), Action("new")
Example = tuple[Context, tuple[Action, ...], int, float, float]


def examples(count: int, seed: int = 5) -> list[Example]:
    """Coats earn 0.9 in the rain and boots 0.2; in the sun it is 0.1 and 0.6."""
    rng = np.random.default_rng(seed)
    found: list[Example] = []
    for _ in range(count):
        rain = bool(rng.random() < 0.5)
        chosen = int(rng.random() < 0.8)
        mean = ((0.6, 0.1), (0.2, 0.9))[rain][chosen]
        context: Context = {"weather": "rain" if rain else "sun", "hour": rng.random()}
        propensity = 0.8 if chosen else 0.2
        reward = float(rng.random() < mean)
        found.append((context, (BOOTS, COAT), chosen, propensity, reward))
    return found


def taught(rounds: list[Example]) -> RewardModel:
    model = RewardModel(RewardRange())
    for example in rounds:
        model.learn(*example)
    return model


def test_it_finds_what_each_action_earns_in_each_context() -> None:
    """Seed 5, 4,000 rounds, the rarer action shown in 400 of each weather.

    Its mean there has a standard error of 0.024, so that 0.1 is four of them.
    """
    model = taught(examples(4_000))

    rain = model.predict({"weather": "rain", "hour": 0.5}, (BOOTS, COAT))
    sun = model.predict({"weather": "sun", "hour": 0.5}, (BOOTS, COAT))
    assert rain == pytest.approx([0.2, 0.9], abs=0.1)
    assert sun == pytest.approx([0.6, 0.1], abs=0.1)


def test_an_action_that_was_never_shown_is_worth_what_the_others_are() -> None:
    model = taught([({}, (BOOTS, COAT), 0, 0.5, 1.0)] * 50)

    assert model.predict({}, (NEW, BOOTS)) == pytest.approx([1.0, 1.0], abs=0.05)


def test_without_examples_it_knows_nothing() -> None:
    assert RewardModel(RewardRange()).predict({"x": 1}, (BOOTS, COAT)) == [0.5, 0.5]


def test_rewards_are_scaled_by_the_declared_range() -> None:
    model = RewardModel(RewardRange(-10.0, 30.0))
    for _ in range(300):
        model.learn({}, (BOOTS, COAT), 0, 1.0, 20.0)

    assert model.predict({}, (BOOTS,)) == pytest.approx([0.75], abs=0.01)


def test_predictions_stay_within_the_range() -> None:
    model = RewardModel(RewardRange())
    for step in range(40):
        model.learn({"x": step / 10}, (BOOTS, COAT), step % 2, 0.5, float(step % 2))

    for x in (-1000.0, 0.0, 1e300):
        assert all(0 <= q <= 1 for q in model.predict({"x": x}, (BOOTS, COAT)))


@pytest.mark.parametrize("cut", [0, 1, 37, 300])
def test_it_resumes_to_the_last_bit(cut: int) -> None:
    rounds: list[Example] = [
        ({**e[0], f"key{n % 90}": n % 7}, (Action(f"v{n % 9}"), COAT), *e[2:])
        for n, e in enumerate(examples(300))
    ]
    straight = taught(rounds)
    again = RewardModel(RewardRange())
    again.load(taught(rounds[:cut]).dump())
    for example in rounds[cut:]:
        again.predict(example[0], example[1])
        again.learn(*example)

    assert again.dump() == straight.dump()


def test_the_action_learned_from_longest_ago_makes_room_for_a_new_one() -> None:
    model = RewardModel(RewardRange())
    for number in range(MOST_ACTIONS + 40):
        for _ in range(20):
            model.learn({}, (Action(f"v{number}"),), 0, 1.0, float(number % 2))
    size = len(model.dump())
    first, last = model.predict({}, (Action("v0"), Action(f"v{MOST_ACTIONS + 39}")))
    model.learn({}, (NEW,), 0, 1.0, 1.0)

    assert first == pytest.approx(0.5, abs=0.2)
    assert last > 0.8
    assert len(model.dump()) == pytest.approx(size, abs=20)


@pytest.mark.parametrize(
    "example",
    [
        ({}, (BOOTS,), 1, 0.5, 1.0),
        ({}, (BOOTS,), 0, 0.0, 1.0),
        ({}, (BOOTS,), 0, 0.5, 1.5),
        ({}, (BOOTS,), 0, 0.5, float("nan")),
        ({"x": float("inf")}, (BOOTS,), 0, 0.5, 1.0),
        ({}, (), 0, 0.5, 1.0),
    ],
)
def test_what_can_not_be_learned_leaves_it_as_it_was(example: Example) -> None:
    model = taught(examples(20))
    before = model.dump()

    with pytest.raises(PolicyError):
        model.learn(*example)
    assert model.dump() == before


@pytest.mark.parametrize("damaged", [b"", b"\x00" * 200])
def test_damaged_bytes_are_refused(damaged: bytes) -> None:
    model = taught(examples(20))
    before = model.dump()

    with pytest.raises(PolicyError):
        model.load(damaged)
    with pytest.raises(PolicyError):
        RewardModel(RewardRange(0, 2)).load(before)
    assert model.dump() == before
