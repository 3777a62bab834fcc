"""The interval of a log that is read once: by hand, and where rewards are rare."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bandit_svc.ope.estimators.doubly_robust import doubly_robust
from bandit_svc.ope.estimators.importance import ips, snips
from bandit_svc.ope.estimators.intervals import normal
from bandit_svc.ope.estimators.registry import ESTIMATORS
from bandit_svc.ope.estimators.score_interval import Form, score_interval
from bandit_svc.ope.interval import UNBOUNDED
from bandit_svc.ope.logged import LoggedData

DIVIDED = Form(divided=True)
Z = 1.959963984540054


def log_of(
    reward: npt.ArrayLike, propensity: npt.ArrayLike, **others: object
) -> LoggedData:
    """The target always takes the logged action with chance 1/2."""
    n = np.size(reward)
    fields: dict[str, Any] = {
        "reward": reward,
        "propensity": np.broadcast_to(np.asarray(propensity), (n,)),
        "target_probability": np.full(n, 0.5),
    }
    return LoggedData(**(fields | others))


def ends(log: LoggedData) -> tuple[float, float]:
    found = score_interval(log, snips(log), DIVIDED)
    assert found.lower is not None
    assert found.upper is not None
    return found.lower, found.upper


def test_with_equal_weights_it_is_wilsons_interval() -> None:
    log = log_of([1.0] * 20 + [0.0] * 180, 0.5)

    # 20 of 200. The standard error has n - 1 where Wilson's has n.
    c = Z * Z / 199
    middle, root = (
        (0.1 + c / 2) / (1 + c),
        math.sqrt(c * 0.09 + c * c / 4) / (1 + c),
    )
    assert ends(log) == pytest.approx([middle - root, middle + root])


def test_a_large_weight_without_a_reward_widens_it_upwards() -> None:
    # 100 decisions of weight 5 have no reward, 900 of weight 5 / 9 have 9.
    reward = [0.0] * 100 + [1.0] * 9 + [0.0] * 891
    log = log_of(reward, [0.1] * 100 + [0.9] * 900)
    value = snips(log).value
    lower, upper = ends(log)
    plain = normal(snips(log))

    # sum w = 1000, sum w² = 2500 + 900 * 25 / 81 = 2777.8; v = 9 * 5 / 9 / 1000.
    assert value == pytest.approx(0.005)
    error = 0.005 * 0.995 * 2777.7778 / 1e6
    c = Z * Z * error / (0.005 * 0.995)
    root = math.sqrt((0.005 + c / 2) ** 2 - (1 + c) * 0.005**2)
    assert upper == pytest.approx((0.005 + c / 2 + root) / (1 + c))
    assert plain.upper is not None
    assert upper - value > 1.5 * (plain.upper - value)
    assert lower > 0


def test_failures_are_to_it_what_successes_are() -> None:
    reward = np.array([0.0] * 100 + [1.0] * 9 + [0.0] * 891)
    propensity = [0.1] * 100 + [0.9] * 900

    rare = ends(log_of(reward, propensity))
    common = ends(log_of(1 - reward, propensity))

    # phi has one more reward of the largest size, which counts for both kinds.
    assert common == pytest.approx([1 - rare[1], 1 - rare[0]], abs=2e-4)


def test_a_shifted_reward_has_the_shifted_interval() -> None:
    reward = np.array([0.0] * 100 + [1.0] * 9 + [0.0] * 891)
    propensity = [0.1] * 100 + [0.9] * 900

    rare = ends(log_of(reward, propensity))
    paid = ends(log_of(reward - 3, propensity, reward_minimum=-3))

    assert paid == pytest.approx([rare[0] - 3, rare[1] - 3])


def test_money_is_in_it_as_what_it_is_worth() -> None:
    reward = np.array([0.0] * 100 + [1.0] * 9 + [0.0] * 891)
    propensity = [0.1] * 100 + [0.9] * 900

    rare = ends(log_of(reward, propensity))
    paid = ends(log_of(250 * reward, propensity, reward_maximum=250))

    assert paid == pytest.approx([250 * rare[0], 250 * rare[1]])


def test_no_reward_at_all_is_not_certain() -> None:
    lower, upper = ends(log_of([0.0] * 200, 0.5))

    assert lower == 0
    # Three over n is the 95 % limit of nothing in n; the score form has about z².
    assert 3 / 200 < upper < 5 / 200


def test_what_the_log_never_does_can_have_earned_anything() -> None:
    # All weights are 0.8: a fifth of the target's choices is missing.
    log = log_of([1.0, 0.0] * 500, 0.625)
    full = ends(log_of([1.0, 0.0] * 500, 0.5))

    assert ends(log) == pytest.approx([0.8 * full[0], 0.8 * full[1] + 0.2])


def test_a_model_that_is_right_leaves_nothing_to_be_wide_for() -> None:
    reward = np.array([1.0] * 500 + [0.0] * 500)
    q_hat = np.stack([reward, reward], axis=1)
    log = log_of(
        reward,
        0.5,
        action=np.zeros(1000, dtype=np.int64),
        pmf_target=np.full((1000, 2), 0.5),
        q_hat=q_hat,
    )
    found = score_interval(log, doubly_robust(log), Form(uses_model=True))

    # Only the contexts differ: 0.5 +- 1.96 * 0.5 / sqrt(999), without the score's term.
    assert found.lower == pytest.approx(0.5 - Z * 0.5 / math.sqrt(999), abs=1e-4)
    assert found.upper == pytest.approx(0.5 + Z * 0.5 / math.sqrt(999), abs=1e-4)


def test_one_decision_has_no_interval() -> None:
    log = log_of([1.0], 0.5)

    assert score_interval(log, snips(log), DIVIDED) == UNBOUNDED


def test_units_that_are_alike_are_one_draw_each() -> None:
    rng = np.random.default_rng(3)
    reward = (rng.random(400) < 0.3).astype(float)
    once = ends(log_of(reward, 0.5))
    thrice = ends(log_of(np.repeat(reward, 3), 0.5, unit=np.repeat(np.arange(400), 3)))

    assert thrice == pytest.approx(once, rel=0.01)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_row_that_stands_for_three_is_worth_three_rows_that_count_once(
    name: str,
) -> None:
    """The estimate is the same; the interval is wider, since the rows are fewer."""
    rng = np.random.default_rng(4)
    n = 400
    action = rng.integers(0, 2, n)
    fields: dict[str, Any] = {
        "reward": (rng.random(n) < 0.3 + 0.2 * action).astype(float),
        "propensity": np.where(action == 1, 0.4, 0.6),
        "target_probability": np.where(action == 1, 0.7, 0.3),
        "action": action,
        "pmf_target": np.tile([0.3, 0.7], (n, 1)),
        "q_hat": np.tile([0.3, 0.4], (n, 1)),
    }
    times = np.where(np.arange(n) % 4 == 0, 3, 1)
    repeated: dict[str, Any] = {k: np.repeat(v, times, 0) for k, v in fields.items()}
    written = LoggedData(**repeated)
    counted = LoggedData(**fields, multiplicity=times.astype(float))
    estimator = ESTIMATORS[name].read_once

    if name in {"ips", "snips", "dm", "dr", "sndr"}:
        # The parameter of the others is chosen on quantiles of the rows.
        found, expected = estimator(counted), estimator(written)
        assert found.estimate == pytest.approx(expected.estimate)
    assert counted.evidence.mean() == pytest.approx(written.weight.mean())
    by_hand = ips(counted).value
    weighed = times * fields["reward"] * counted.weight
    assert by_hand == pytest.approx(weighed.sum() / times.sum())
