"""What a foreign log says of target policies, in numbers to check by hand."""

from typing import Any

import numpy as np
import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.evaluate_log import evaluate_log
from bandit_svc.services.values import NOT_ESTIMATED, PolicyRow

N = 400


def uniform_log(**changes: object) -> DecisionLog:
    """Two actions in turn, each with chance 1/2; `b` earns 1 and `a` nothing."""
    action = np.arange(N) % 2
    fields: dict[str, Any] = {
        "source": "log",
        "actions": ("a", "b"),
        "action": action,
        "reward": action.astype(np.float64),
        "propensity": np.full(N, 0.5),
    }
    return DecisionLog(**(fields | changes))


def row(log: DecisionLog, spec: str) -> PolicyRow:
    return evaluate_log(log, [spec]).policies[0]


def test_a_fixed_action_is_worth_its_mean_reward() -> None:
    found = row(uniform_log(), "fixed:b")

    # Half of the decisions have weight 2 and reward 1, the others weight 0.
    assert found.policy == "fixed:b"
    assert found.n == N
    assert found.mean_weight == 1
    assert found.max_weight == 2
    assert found.effective_sample_size == N / 2
    assert found.refused is None
    assert found.estimates["ips"].estimate == 1
    assert found.estimates["snips"].estimate == 1


def test_the_interval_of_ips_is_where_the_value_is_not_rejected() -> None:
    interval = row(uniform_log(), "fixed:b").estimates["ips"].interval

    # Terms are 0 and 2 in equal parts: squared error 1 / (n - 1). With mean(w²) = 2 the
    # variance at mu is mu (2 - mu), so (1 - mu)² = z² / (n - 1) (1 - (1 - mu)²).
    # The upper end is cut at 1, since no reward was above it.
    z = 1.959964
    assert interval == pytest.approx([1 - z / (N - 1 + z * z) ** 0.5, 1])


def test_uniform_on_a_uniform_log_is_the_mean_of_the_log() -> None:
    estimates = row(uniform_log(), "uniform").estimates

    for name in ("ips", "snips", "dm", "dr", "clipped_ips", "sndr", "switch_dr"):
        assert estimates[name].estimate == pytest.approx(0.5, abs=0.01)


def test_the_doubly_robust_estimate_equals_its_formula() -> None:
    """A model without context predicts each action's mean in the other two folds."""
    rng = np.random.default_rng(1)
    log = uniform_log(reward=rng.integers(0, 5, N).astype(np.float64))
    found = row(log, "fixed:b").estimates
    shown = log.action == 1

    # DR is the model's value plus the mean weighted residual. With equal weights it
    # is near the mean of b's rewards whatever the model: 5 standard errors of it.
    mean = log.reward[shown].mean()
    assert found["dr"].estimate == pytest.approx(mean, abs=5 * 1.5 / N**0.5)
    assert found["snips"].estimate == pytest.approx(mean)


def test_a_policy_that_the_log_does_not_carry_is_refused_without_a_number() -> None:
    # The target would always take c; the log never did.
    log = uniform_log(actions=("a", "b", "c"))
    found = row(log, "fixed:c")

    assert "None of the 400 logged decisions" in str(found.refused)
    assert all(e.estimate is None for e in found.estimates.values())
    assert all(e.interval == (None, None) for e in found.estimates.values())


def test_a_column_that_tells_the_whole_policy_gives_dm_and_dr() -> None:
    target = np.where(np.arange(N) % 2 == 0, 0.25, 0.75)
    log = uniform_log(targets={"p": target})
    result = evaluate_log(log, [])
    estimates = result.policies[0].estimates

    # a and b always have 0.25 and 0.75, which sum to 1; so b's 1 counts for 0.75.
    assert estimates["ips"].estimate == pytest.approx(0.75)
    assert estimates["dr"].estimate == pytest.approx(0.75, abs=0.01)


def test_dm_has_the_interval_of_dr_with_its_own_estimate_in_it() -> None:
    target = np.where(np.arange(N) % 2 == 0, 0.25, 0.75)
    estimates = (
        evaluate_log(uniform_log(targets={"p": target}), []).policies[0].estimates
    )
    direct, (lower, upper) = estimates["dm"].estimate, estimates["dr"].interval

    assert direct is not None
    assert lower is not None
    assert upper is not None
    assert estimates["dm"].interval == (min(lower, direct), max(upper, direct))
    assert upper > lower


def test_a_column_that_depends_on_more_than_the_action_gives_no_dm() -> None:
    target = np.where(np.arange(N) < N / 2, 0.25, 0.75)
    result = evaluate_log(uniform_log(targets={"p": target}), [])
    estimates = result.policies[0].estimates
    (check,) = (c for c in result.health if c.name == "reward_model")

    assert estimates["ips"].estimate is not None
    assert estimates["dm"] == NOT_ESTIMATED
    assert "No dm and dr for p" in check.detail


def test_eligible_actions_share_the_uniform_policy() -> None:
    eligible = np.ones((N, 3), dtype=np.bool_)
    eligible[: N // 2, 2] = False
    log = uniform_log(actions=("a", "b", "c"), eligible=eligible)

    # Weights are (1/2) / (1/2) in the first half, (1/3) / (1/2) in the second.
    assert row(log, "uniform").mean_weight == pytest.approx((1 + 2 / 3) / 2)


def test_negative_rewards_keep_their_sign() -> None:
    log = uniform_log(reward=-np.ones(N))

    assert row(log, "fixed:a").estimates["snips"].estimate == -1


def test_a_bad_spec_names_what_can_be_said() -> None:
    with pytest.raises(InvalidInput, match="it has a, b"):
        evaluate_log(uniform_log(), ["fixed:c"])
    with pytest.raises(InvalidInput, match="pass uniform, fixed:ACTION"):
        evaluate_log(uniform_log(), ["greedy"])
    with pytest.raises(InvalidInput, match="no target policy is named"):
        evaluate_log(uniform_log(), [])
    with pytest.raises(InvalidInput, match="--actions 2"):
        evaluate_log(uniform_log(actions_known=False), ["uniform"])


@pytest.mark.statistical
def test_biased_estimators_have_intervals_that_hold_the_truth() -> None:
    """Clipping, switching and shrinking bias; their intervals must allow for it.

    100 logs of 2,000 decisions, weights up to 25, seed 7. An interval that is right
    in 95 % of logs fails in 5 of 100, standard error 2.2; the test allows 12.
    """
    rng = np.random.default_rng(7)
    pmf = np.array([0.02, 0.08, 0.4, 0.5])
    target = np.array([0.5, 0.3, 0.1, 0.1])
    means = np.array([0.5, 0.3, 0.2, 0.1])
    truth = float(target @ means)
    missed = dict.fromkeys(
        ("ips", "snips", "dr", "clipped_ips", "switch_dr", "dros"), 0
    )
    for _ in range(100):
        action = rng.choice(4, 2_000, p=pmf)
        log = DecisionLog(
            source="log",
            actions=tuple("abcd"),
            action=action,
            reward=(rng.random(2_000) < means[action]).astype(np.float64),
            propensity=pmf[action],
            targets={"p": target[action]},
        )
        estimates = evaluate_log(log, []).policies[0].estimates
        for name in missed:
            lower, upper = estimates[name].interval
            assert lower is not None
            assert upper is not None
            missed[name] += not lower <= truth <= upper

    assert max(missed.values()) <= 12, missed


def test_places_in_turn_have_a_model_each() -> None:
    """Place 0 earns 1 for `a` alone, place 1 for `b`: rounds in turn, as on a page."""
    rng = np.random.default_rng(2)
    action, place = rng.integers(0, 2, N), np.arange(N) % 2
    reward = (action == place).astype(np.float64)
    log = uniform_log(action=action, reward=reward, position=place)
    found = row(log, "fixed:a").estimates

    # Half of the places earn by `a`. 5 standard errors of 200 draws for snips.
    assert found["snips"].estimate == pytest.approx(0.5, abs=5 * 0.5 / 200**0.5)
    # A model for each place knows it without error, but for its penalty.
    assert found["dm"].estimate == pytest.approx(0.5, abs=0.02)
    assert found["dr"].estimate == pytest.approx(0.5, abs=0.02)


def test_units_that_fill_one_fold_leave_the_mean_as_model() -> None:
    log = uniform_log(unit=np.zeros(N, dtype=np.int64), position=np.arange(N) % 3)

    assert "units of equal weight" in str(row(log, "uniform").refused)


def test_rows_that_stand_for_others_count_for_them() -> None:
    """Decisions without a reward were kept one in nine times."""
    reward = (np.arange(N) // 2 % 2).astype(np.float64)
    times = np.where(reward == 0, 9.0, 1.0)
    log = uniform_log(reward=reward, multiplicity=times / times.mean())
    result = evaluate_log(log, ["uniform"])
    (found,) = result.policies
    (tested,) = (c for c in result.health if c.name == "propensities")

    # Half of the rows have a reward, and stand for 1 of 10 decisions, of either action.
    assert found.estimates["ips"].estimate == pytest.approx(0.1)
    assert found.estimates["dr"].estimate == pytest.approx(0.1, abs=0.001)
    assert found.effective_sample_size == pytest.approx(2_000**2 / (200 * 82))
    assert tested.status == "early"


def test_too_few_rewards_are_refused_and_five_are_enough() -> None:
    reward = np.zeros(N)
    reward[[1, 3, 5, 7]] = 1
    few = row(uniform_log(reward=reward), "uniform")
    reward[9] = 1
    enough = row(uniform_log(reward=reward), "uniform")

    assert "4 have a reward other than 0; at least 5" in str(few.refused)
    assert enough.refused is None
    assert enough.estimates["snips"].estimate == pytest.approx(5 / N)


def test_choices_that_the_log_never_makes_widen_the_interval() -> None:
    """The uniform policy over three actions, of which the log knows two."""
    log = uniform_log(actions=("a", "b", "c"))
    result = evaluate_log(log, ["uniform"])
    (found,) = result.policies
    failed = {c.name for c in result.health if c.status == "fail"}

    assert found.refused is None
    assert found.mean_weight == pytest.approx(2 / 3)
    lower, upper = found.estimates["snips"].interval
    # Two thirds earned 0.5 a decision; the rest earned between 0 and 1.
    assert lower == pytest.approx(2 / 3 * 0.45, abs=0.01)
    assert upper == pytest.approx(2 / 3 * 0.55 + 1 / 3, abs=0.01)
    assert {"overlap", "mean_weight"} <= failed
