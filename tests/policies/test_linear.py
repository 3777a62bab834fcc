"""The linear policy's arithmetic, against ridge regression and by hand."""

import numpy as np
import pytest
from scipy.special import ndtr

from policies.base import Action
from policies.linear_columns import Columns
from policies.linear_explorers import Estimates, greedy, igw, thompson, ucb
from policies.spec import build_policy

ACTIONS = (Action("boots"), Action("coat"))


def estimates(
    means: list[float], variances: list[float] | None = None, learned_count: int = 100
) -> Estimates:
    return Estimates(
        np.array(means), np.array(variances or [1.0] * len(means)), learned_count
    )


def test_igw_gives_one_over_k_plus_gamma_times_the_gap() -> None:
    # By hand: gamma = 2 * sqrt(3 * 48) = 24; shares 1/(3 + 24 * 0.5) = 1/15 and
    # 1/(3 + 24 * 0.125) = 1/6; the best takes 1 - 7/30 = 23/30.
    pmf = igw(estimates([0.25, 0.75, 0.625], learned_count=48), 2.0)

    assert pmf == pytest.approx([1 / 15, 23 / 30, 1 / 6])


def test_igw_without_examples_is_uniform() -> None:
    assert igw(estimates([0.0] * 4, learned_count=0), 10.0) == pytest.approx([0.25] * 4)


def test_greedy_ties_share() -> None:
    assert greedy(estimates([0.5, 0.5, 0.1])) == [0.5, 0.5, 0.0]


def test_ucb_adds_alpha_standard_deviations() -> None:
    # By hand: 0.5 + 0.1 * 1 = 0.6 against 0.4 + 0.1 * 3 = 0.7.
    assert ucb(estimates([0.5, 0.4], [1.0, 9.0]), 0.1) == [0.0, 1.0]
    assert ucb(estimates([0.5, 0.4], [1.0, 9.0]), 0.01) == [1.0, 0.0]


def test_thompson_of_equal_estimates_is_uniform() -> None:
    assert thompson(estimates([0.2] * 4), 0.1) == pytest.approx([0.25] * 4)


def test_thompson_of_two_is_the_normal_distribution_of_the_gap() -> None:
    # By hand: deviations 0.1 * 1 and 0.1 * sqrt(3); the gap 0.2 is then one
    # standard deviation of the difference, whose chance is 0.841345.
    pmf = thompson(estimates([0.5, 0.3], [1.0, 3.0]), 0.1)

    assert pmf == pytest.approx([0.841345, 0.158655], abs=1e-6)


def test_estimates_are_those_of_ridge_regression() -> None:
    """Compared through Thompson sampling, whose pmf has means and variances in it."""
    spec = {"kind": "linear", "explorer": "thompson", "alpha": 0.3, "ridge": 2.0}
    rng = np.random.default_rng(3)
    # The first example has the largest numbers, so that their scale is settled.
    xs = np.vstack([np.ones((1, 3)), rng.choice([0.25, 0.5, 1.0], size=(49, 3))])
    rewards = rng.random((50, 2))
    policy = build_policy(spec)
    for x, reward in zip(xs, rewards, strict=True):
        context = {name: float(value) for name, value in zip("abc", x, strict=True)}
        for chosen in range(2):
            policy.learn(context, ACTIONS, chosen, 0.5, float(reward[chosen]))

    # A number is cut by the power of two above the largest one, here 2.
    design = np.column_stack([np.ones(50), xs / 2])
    covariance = np.linalg.inv(design.T @ design + 2 * np.eye(4))
    for a, b, c in ((0.25, 0.5, 1.0), (1.0, 0.25, 0.25), (0.0, 0.0, 1.0)):
        x = np.array([1.0, a / 2, b / 2, c / 2])
        means = x @ covariance @ design.T @ rewards
        deviation = 0.3 * np.sqrt(2 * x @ covariance @ x)
        expected = ndtr((means[0] - means[1]) / deviation)
        pmf = policy.pmf({"a": a, "b": b, "c": c}, ACTIONS)
        assert pmf[0] == pytest.approx(expected, abs=1e-8)


def test_columns_are_given_in_the_order_of_learning() -> None:
    columns = Columns(limit=16, pairs=False)

    columns.admit({"device": "mobile", "hour": 3})
    columns.admit({"device": "desktop"})

    assert columns.known == {"device=mobile": 1, "hour#": 2, "device=desktop": 3}
    assert columns.width == 4


def test_number_is_cut_by_the_power_of_two_above_the_largest_learned() -> None:
    columns = Columns(limit=16, pairs=False)

    first = columns.admit({"hour": 3})
    second = columns.admit({"hour": -9})
    indices, values, unseen = columns.vector({"hour": 4})

    # By hand: 3 < 4 = 2^2, 9 < 16 = 2^4, and 4 / 16 = 0.25.
    assert first == {1: 0}
    assert second == {1: 2}
    assert indices.tolist() == [0, 1]
    assert values.tolist() == [1.0, 0.25]
    assert unseen == 0.0


def test_feature_that_was_never_learned_counts_as_unseen() -> None:
    columns = Columns(limit=16, pairs=False)
    columns.admit({"device": "mobile"})

    indices, values, unseen = columns.vector({"device": "desktop", "hour": 0.5})

    assert indices.tolist() == [0]
    assert values.tolist() == [1.0]
    assert unseen == 1.25


def test_late_features_share_the_last_columns() -> None:
    columns = Columns(limit=16, pairs=False)

    for city in range(100):
        columns.admit({"city": str(city)})
        indices, _, unseen = columns.vector({"city": str(city)})
        assert unseen == 0.0
        assert indices[-1] == 1 + city if city < 13 else indices[-1] in {14, 15}

    assert columns.width == 16
    assert len(columns.known) == 13


def test_pair_has_one_name_whatever_the_order_of_the_context() -> None:
    columns = Columns(limit=64, pairs=True)

    columns.admit({"device": "mobile", "hour": 3})
    one = columns.vector({"device": "mobile", "hour": 2})
    other = columns.vector({"hour": 2, "device": "mobile"})

    assert list(columns.known) == [
        "device=mobile",
        "hour#",
        "device=mobile&hour#",
    ]
    assert one[0].tolist() == other[0].tolist()
    assert one[1].tolist() == other[1].tolist() == [1.0, 1.0, 0.5, 0.5]


@pytest.mark.parametrize("explorer", ["greedy", "ucb", "igw", "thompson"])
def test_context_decides_once_it_has_been_learned(explorer: str) -> None:
    policy = build_policy({"kind": "linear", "explorer": explorer})
    for place in range(200):
        device, chosen = place % 2, place // 2 % 2
        context = {"device": ("mobile", "desktop")[device]}
        policy.learn(context, ACTIONS, chosen, 0.5, float(device == chosen))

    assert policy.pmf({"device": "mobile"}, ACTIONS)[0] > 0.9
    assert policy.pmf({"device": "desktop"}, ACTIONS)[1] > 0.9
