"""The linear policy's arithmetic, against ridge regression and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.base import Action, RewardRange
from policies.linear.explorers import Estimates, greedy, igw, thompson, ucb
from policies.linear.regressions import Regressions
from policies.pmf import validate_pmf
from policies.spec import build_policy

ACTIONS = (Action("boots"), Action("coat"))


def estimates(
    means: list[float],
    deviations: list[float] | None = None,
    noise_deviation: float = 1.0,
    learned_count: int = 100,
) -> Estimates:
    return Estimates(
        means=np.array(means),
        deviations=np.array(deviations or [1.0] * len(means)),
        noise_deviation=noise_deviation,
        learned_count=learned_count,
    )


def test_igw_gives_one_over_k_plus_gamma_times_the_gap() -> None:
    # By hand: gamma = 1 * sqrt(3 * 48) = 12, gaps 0.5 / 0.5 and 0.125 / 0.5; shares
    # 1 / (3 + 12 * 1) = 1/15 and 1 / (3 + 12 * 0.25) = 1/6; the best takes 23/30.
    known = estimates([0.25, 0.75, 0.625], noise_deviation=0.5, learned_count=48)

    assert igw(known, 1.0) == pytest.approx([1 / 15, 23 / 30, 1 / 6])


def test_igw_without_examples_is_uniform() -> None:
    assert igw(estimates([0.0] * 4, learned_count=0), 10.0) == pytest.approx([0.25] * 4)


def test_greedy_ties_share() -> None:
    assert greedy(estimates([0.5, 0.5, 0.1])) == [0.5, 0.5, 0.0]


def test_ucb_adds_alpha_standard_deviations() -> None:
    # By hand: 0.5 + 0.1 * 1 = 0.6 against 0.4 + 0.1 * 3 = 0.7.
    assert ucb(estimates([0.5, 0.4], [1.0, 3.0]), 0.1) == [0.0, 1.0]
    assert ucb(estimates([0.5, 0.4], [1.0, 3.0]), 0.01) == [1.0, 0.0]


def test_thompson_of_equal_estimates_is_uniform() -> None:
    assert thompson(estimates([0.2] * 4), 0.1) == pytest.approx([0.25] * 4)


def test_thompson_of_two_is_the_normal_distribution_of_the_gap() -> None:
    # By hand: 0.1 * sqrt(1^2 + sqrt(3)^2) = 0.2, so that the gap of 0.2 is one
    # standard deviation of the difference, whose chance is 0.841345.
    pmf = thompson(estimates([0.5, 0.3], [1.0, 3.0**0.5]), 0.1)

    assert pmf == pytest.approx([0.841345, 0.158655], abs=1e-6)


def test_estimates_are_those_of_ridge_regression() -> None:
    rng = np.random.default_rng(3)
    rows, rewards = rng.normal(size=(50, 4)), rng.random(50)
    regressions = Regressions(prior_variance=0.5, forgetting=0.0)
    regressions.make_room("boots", width=4)
    for row, reward in zip(rows, rewards, strict=True):
        regressions.learn("boots", np.arange(4), row, float(reward))

    indices, values = np.array([0, 3]), np.array([1.0, 2.0])
    means, variances = regressions.estimates(indices, values, 0.0, ["boots"])

    covariance = np.linalg.inv(rows.T @ rows + 2.0 * np.eye(4))
    dense = np.array([1.0, 0.0, 0.0, 2.0])
    assert means == pytest.approx([dense @ covariance @ rows.T @ rewards])
    assert variances == pytest.approx([dense @ covariance @ dense])


def test_action_without_examples_has_the_prior() -> None:
    regressions = Regressions(prior_variance=0.5, forgetting=3.0)

    means, variances = regressions.estimates(
        np.array([0, 2]), np.array([1.0, 2.0]), 3.0, ["coat"]
    )

    # By hand: 0.5 * (1 + 4 + 3).
    assert means.tolist() == [0.0]
    assert variances.tolist() == [4.0]


def test_noise_is_the_mean_squared_residual() -> None:
    regressions = Regressions(prior_variance=1.0, forgetting=0.0)
    regressions.make_room("boots", width=1)
    for reward in (1.0, 0.0):
        regressions.learn("boots", np.array([0]), np.array([1.0]), reward)

    # By hand: residual 1 of variance 1 + 1, then 0.5 below of variance 1 + 1/2, and
    # the assumed 0.25 by now divided by 3.
    assert regressions.noise == pytest.approx((1 / 2 + 0.25 / 1.5 + 0.25 / 3) / 3)


def test_action_that_is_not_chosen_grows_uncertain_again() -> None:
    indices, values = np.array([0]), np.array([1.0])
    regressions = Regressions(prior_variance=1.0, forgetting=3.0)
    for key in ("boots", "coat"):
        regressions.make_room(key, width=1)
    regressions.learn("boots", indices, values, 1.0)
    before = regressions.estimates(indices, values, 0.0, ["boots"])
    for _ in range(500):
        regressions.learn("coat", indices, values, 0.5)

    means, variances = regressions.estimates(indices, values, 0.0, ["boots"])

    # By hand: from age 1 to 501, exp(-9 * (1/1001 - 1/1501)) is kept of a variance
    # of 1/2 and its root of a mean of 1/2; the rest is the prior's.
    kept = math.exp(-9 * (1 / 1001 - 1 / 1501))
    assert before[1].tolist() == [0.5]
    assert variances == pytest.approx([kept * 0.5 + (1 - kept) * 1.0])
    assert means == pytest.approx([0.5 * math.sqrt(kept)])


def test_forgetting_is_the_same_before_and_after_learning() -> None:
    """A lazy forgetting that is caught up when the action is learned changes nothing.

    The row that is learned is 0, so that it says nothing itself.
    """
    indices, values = np.array([0]), np.array([1.0])
    regressions = Regressions(prior_variance=1.0, forgetting=10.0)
    for key in ("boots", "coat"):
        regressions.make_room(key, width=1)
    regressions.learn("boots", indices, values, 1.0)
    for _ in range(500):
        regressions.learn("coat", indices, values, 0.5)
    lazy = regressions.estimates(indices, values, 0.0, ["boots"])
    regressions.learn("boots", indices, np.array([0.0]), 0.0)

    caught_up = regressions.estimates(indices, values, 0.0, ["boots"])

    assert caught_up[0] == pytest.approx(lazy[0], rel=1e-3)
    assert caught_up[1] == pytest.approx(lazy[1], rel=1e-3)


def test_halved_columns_predict_the_same_to_the_last_bit() -> None:
    rng = np.random.default_rng(5)
    regressions = Regressions(prior_variance=1.0, forgetting=3.0)
    regressions.make_room("boots", width=3)
    indices = np.arange(3)
    for row in rng.normal(size=(20, 3)):
        regressions.learn("boots", indices, row, float(rng.random()))
    before = regressions.estimates(indices, np.array([1.0, 3.0, 0.3]), 0.0, ["boots"])

    regressions.rescale({1: 2})
    after = regressions.estimates(indices, np.array([1.0, 0.75, 0.3]), 0.0, ["boots"])

    assert after[0].tolist() == before[0].tolist()
    assert after[1].tolist() == before[1].tolist()


def test_weight_learned_from_tiny_numbers_starts_anew_when_large_ones_come() -> None:
    regressions = Regressions(prior_variance=1.0, forgetting=0.0)
    regressions.make_room("boots", width=2)
    indices = np.array([0, 1])
    regressions.learn("boots", indices, np.array([1.0, 0.5]), 1.0)

    regressions.rescale({1: 10})
    means, variances = regressions.estimates(
        np.array([1]), np.array([0.5]), 0.0, ["boots"]
    )

    # By hand: a prior variance of 1, and 0.5 squared.
    assert means.tolist() == [0.0]
    assert variances.tolist() == [0.25]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=False, allow_infinity=False),
            st.floats(allow_nan=False, allow_infinity=False, width=16),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_numbers_of_any_size_leave_a_pmf(rows: list[tuple[float, float, bool]]) -> None:
    policy = build_policy({"kind": "linear"})

    for place, (huge, large, reward) in enumerate(rows):
        context = {"huge": huge, "large": large}
        policy.learn(context, ACTIONS, place % 2, 0.5, float(reward))
        validate_pmf(policy.pmf(context, ACTIONS), 2, floor=0.0)


def test_narrow_band_of_a_wide_range_is_explored_like_a_range_that_fits() -> None:
    """The two differ by the variance assumed at the start, 0.25 of the range.

    After 400 examples that is 0.25 * 100^2 / 401^2 = 0.016 against a noise of 0.25,
    and the pmf is between 0.1 and 0.9, so that the unit would show.
    """
    tight = build_policy({"kind": "linear"})
    wide = build_policy({"kind": "linear"}, RewardRange(0.0, 100.0))
    for place in range(400):
        # 80 of 200 bring a reward for one action, 82 of 200 for the other.
        reward = float(place // 2 % 200 < 80 + place % 2 * 2)
        for policy in (tight, wide):
            policy.learn({}, ACTIONS, place % 2, 0.5, reward)

    expected = tight.pmf({}, ACTIONS)

    assert 0.1 < expected[0] < 0.9
    assert wide.pmf({}, ACTIONS) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("explorer", ["greedy", "ucb", "igw", "thompson"])
def test_context_decides_once_it_has_been_learned(explorer: str) -> None:
    policy = build_policy({"kind": "linear", "explorer": explorer})
    for place in range(200):
        device, chosen = place % 2, place // 2 % 2
        context = {"device": ("mobile", "desktop")[device]}
        policy.learn(context, ACTIONS, chosen, 0.5, float(device == chosen))

    assert policy.pmf({"device": "mobile"}, ACTIONS)[0] > 0.9
    assert policy.pmf({"device": "desktop"}, ACTIONS)[1] > 0.9
