"""The policy that chooses among models: what it promises beyond the contracts."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from policies.auto.evidence import Evidence
from policies.auto.exploration import inverse_gap
from policies.base import Action, Context, Policy, RewardRange
from policies.pmf import mix_floor, sample, validate_pmf
from policies.spec import build_policy

ACTIONS = (Action("boots"), Action("sandals"), Action("coat"))
FEATURED = (
    Action("boots", {"kind": "shoe", "price": 120.0}),
    Action("sandals", {"kind": "shoe", "price": 35.0}),
    Action("coat", {"kind": "coat", "warm": True}),
)


def auto(maximum: float = 1.0) -> Policy:
    return build_policy({"kind": "auto"}, RewardRange(0.0, maximum))


def mean_chance(
    policy: Policy, contexts: Sequence[Context], actions: Sequence[Action], at: int
) -> float:
    return float(np.mean([policy.pmf(context, actions)[at] for context in contexts]))


def test_inverse_gap_gives_one_over_k_plus_gamma_times_the_gap() -> None:
    # By hand: gamma = 1 * sqrt(4) * 1 = 2 at one example, gaps in deviations of .5 are
    # 0, 1, 2, 4; the shares 1/6, 1/8, 1/12 leave 15/24 to the best.
    pmf = inverse_gap(np.array([0.0, -0.5, -1.0, -2.0]), 0.5, 1, 1.0)

    assert pmf == pytest.approx([15 / 24, 1 / 6, 1 / 8, 1 / 12])


def test_inverse_gap_is_uniform_before_two_rewards_differ() -> None:
    assert inverse_gap(np.array([0.0, 0.0]), 0.0, 100, 3.0) == [0.5, 0.5]


def test_weights_fall_with_the_losses_of_the_models() -> None:
    evidence = Evidence([10.0, 10.0, 20.0, 100.0], [0.0] * 4)

    weights = evidence.weights([0.0, -2.0, 0.0, 0.0])

    # By hand: exp of 0, -2, -.15 * 10 and -.15 * 90; the last is below .01 of the sum.
    unscaled = np.array([1.0, np.exp(-2.0), np.exp(-1.5), 0.0])
    assert weights == pytest.approx(unscaled / unscaled.sum())


def test_noise_is_the_deviation_of_the_served_average() -> None:
    evidence = Evidence.of(2)
    for error in (0.5, -0.5) * 500:
        evidence.add(0.5 + error, [error, 2 * error], [1.0, 0.0], 1)

    assert evidence.noise == pytest.approx(0.5)
    assert evidence.losses[1] > evidence.losses[0]


def test_a_kept_table_changes_no_bit_of_a_pmf() -> None:
    rng = random.Random(7)  # noqa: S311 - a simulated log
    asked_once, asked_often = auto(), auto()
    for _ in range(300):
        eligible = FEATURED[: rng.randrange(1, 4)]
        context: Context = {
            "device": rng.choice("ab"),
            "hour": rng.randrange(24),
            "user": {"new": rng.random() < 0.5, "segment": rng.choice("ab")},
        }
        first = asked_once.pmf(context, eligible)
        # The second and third answer come from the folded table.
        again = [asked_often.pmf(context, eligible) for _ in range(3)]
        assert again == [first] * 3
        chosen, reward = rng.randrange(len(eligible)), float(rng.random() < 0.3)
        for policy in (asked_once, asked_often):
            policy.learn(context, eligible, chosen, 0.5, reward)


def test_the_declared_maximum_does_not_matter() -> None:
    rng = random.Random(4)  # noqa: S311 - a simulated log
    policies = {maximum: auto(maximum) for maximum in (40.0, 500.0, 5000.0)}
    for _ in range(400):
        context: Context = {
            "age": rng.randrange(18, 80),
            "device": rng.choice("ab"),
        }
        chosen = rng.randrange(3)
        reward = 40.0 if rng.random() < 0.02 + 0.04 * chosen else 0.0
        for policy in policies.values():
            policy.learn(context, ACTIONS, chosen, 1 / 3, reward)

    known = policies[40.0].pmf({"age": 30, "device": "a"}, ACTIONS)
    for policy in policies.values():
        pmf = policy.pmf({"age": 30, "device": "a"}, ACTIONS)
        assert pmf == known


def test_a_number_first_seen_tiny_does_not_turn_the_model() -> None:
    """600 decisions without `spend`; then one who sends 1e-30 rewards `sandals`.

    The seed is fixed; honest decisions with a spend of 20 must still mostly get boots,
    whose reward is .5 against .1.
    """
    rng = random.Random(9)  # noqa: S311 - a simulated log
    policy = auto()
    for _ in range(600):
        chosen = rng.randrange(3)
        reward = float(rng.random() < (0.5 if chosen == 0 else 0.1))
        policy.learn({"hour": rng.randrange(24)}, ACTIONS, chosen, 1 / 3, reward)
    for size in (1e-30, 2e-30, 1e-30):
        policy.learn({"hour": 12, "spend": size}, ACTIONS, 1, 0.1, 1.0)

    assert policy.pmf({"hour": 12, "spend": 20.0}, ACTIONS)[0] > 0.7


def test_products_are_left_out_for_good_with_fifty_actions() -> None:
    policy = auto()
    many = tuple(Action(f"v{place}") for place in range(50))
    context: Context = {"a": "x", "b": "y", "c": 1.5}
    for chosen in range(3):
        policy.learn(context, ACTIONS, chosen, 1 / 3, 1.0)
    before = len(policy.dump())
    policy.learn(context, many, 0, 1 / 50, 0.0)

    policy.learn(context, ACTIONS, 0, 1 / 3, 1.0)

    assert len(policy.dump()) < before
    loaded = auto()
    loaded.load(policy.dump())
    assert loaded.pmf(context, many) == policy.pmf(context, many)


def test_rows_of_actions_that_went_are_given_away() -> None:
    policy = auto()
    sizes = []
    for start in range(120):
        live = tuple(Action(f"title{place}") for place in range(start, start + 3))
        for turn in range(30):
            policy.learn({"a": "x"}, live, turn % 3, 1 / 3, float(turn % 2))
        sizes.append(len(policy.dump()))

    assert sizes[-1] < 1.2 * sizes[60]
    validate_pmf(policy.pmf({"a": "x"}, live), 3, floor=0.0)


def test_an_action_that_was_never_learned_counts_as_average() -> None:
    policy = auto()
    for turn in range(300):
        policy.learn({}, ACTIONS, turn % 3, 1 / 3, float(turn % 3 == 0))

    pmf = policy.pmf({}, (*ACTIONS, Action("new")))

    assert pmf[0] > pmf[3] > pmf[1]


def test_a_new_action_is_known_by_its_features() -> None:
    policy = auto()
    rng = random.Random(2)  # noqa: S311 - a simulated log
    titles = [
        Action(f"t{at}", {"topic": "sport" if at % 2 else "news"}) for at in range(20)
    ]
    for _ in range(1500):
        eligible = rng.sample(titles, 4)
        chosen = rng.randrange(4)
        liked = eligible[chosen].features["topic"] == "sport"
        policy.learn(
            {}, eligible, chosen, 0.25, float(rng.random() < (0.6 if liked else 0.1))
        )

    fresh = (Action("n1", {"topic": "sport"}), Action("n2", {"topic": "news"}))

    assert policy.pmf({}, fresh)[0] > 0.7


@pytest.mark.statistical
def test_what_only_counts_together_is_learned() -> None:
    """Two flags, and the best of two actions is their exclusive or; 2,000 rounds.

    No model without products can earn more than .5 a round; chance .9 against .1 makes
    .9 the most. The seed is fixed, and the last 500 rounds must earn .8 on average.
    """
    rng = random.Random(3)  # noqa: S311 - a simulated log
    policy, earned = auto(), []
    for _ in range(2000):
        one, other = rng.random() < 0.5, rng.random() < 0.5
        context: Context = {"one": one, "other": other}
        pmf = mix_floor(policy.pmf(context, ACTIONS[:2]), 0.02)
        chosen = sample(pmf, rng.random())
        chance = 0.9 if chosen == (one != other) else 0.1
        earned.append(chance)
        reward = float(rng.random() < chance)
        policy.learn(context, ACTIONS[:2], chosen, pmf[chosen], reward)

    assert np.mean(earned[-500:]) > 0.8


@pytest.mark.statistical
def test_a_curve_is_learned() -> None:
    """One number; the middle is good for one action, the ends for the other.

    As above: no straight line earns more than about .5; the last 500 of 2,000 rounds
    must earn .75.
    """
    rng = random.Random(3)  # noqa: S311 - a simulated log
    policy, earned = auto(), []
    for _ in range(2000):
        value = rng.uniform(0.0, 4000.0)
        context: Context = {"value": value}
        pmf = mix_floor(policy.pmf(context, ACTIONS[:2]), 0.02)
        chosen = sample(pmf, rng.random())
        chance = 0.9 if chosen == (1000.0 < value < 3000.0) else 0.1
        earned.append(chance)
        reward = float(rng.random() < chance)
        policy.learn(context, ACTIONS[:2], chosen, pmf[chosen], reward)

    assert np.mean(earned[-500:]) > 0.75


ATTACKS: list[Callable[[int], bool]] = [
    lambda place: place == 0,
    lambda place: place == 40,
    lambda place: place == 1_000,
    lambda place: 1_000 <= place < 1_005,
    lambda place: 900 <= place < 1_000 and place % 20 == 0,
]


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["auto", "linear"])
@pytest.mark.parametrize("is_attacked", ATTACKS)
def test_absurd_rewards_do_not_mislead(
    kind: str, is_attacked: Callable[[int], bool]
) -> None:
    """Orders of about 60 of one visitor in 5, 2, 2; some rewards are 1e9 instead.

    1,600 rounds; the seed is fixed. The last 300 must earn .8 of always choosing the
    best, whose share is a half of all with a uniform draw.
    """
    rng = random.Random(8)  # noqa: S311 - a simulated log
    policy, earned = build_policy({"kind": kind}, RewardRange(0.0, None)), []
    for place in range(1_600):
        context: Context = {"device": rng.choice("ab")}
        pmf = mix_floor(policy.pmf(context, ACTIONS), 0.02)
        chosen = sample(pmf, rng.random())
        chances = (0.2, 0.05, 0.05)
        earned.append(float(np.dot(pmf, chances)))
        reward = 60.0 * rng.lognormvariate(0, 0.5) * (rng.random() < chances[chosen])
        if is_attacked(place):
            reward = 1e9
        policy.learn(context, ACTIONS, chosen, pmf[chosen], reward)

    assert np.mean(earned[-300:]) > 0.8 * 0.2
