"""What a log may hold, and how each impossible value is refused."""

from typing import Any

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError, NoDataError
from bandit_svc.ope.logged import LoggedData


def log(**changes: object) -> LoggedData:
    """Two sound rounds of two actions, with changes."""
    sound: dict[str, Any] = {
        "reward": [1.0, 0.0],
        "propensity": [0.5, 0.25],
        "target_probability": [1.0, 0.5],
        "action": [0, 1],
        "pmf_target": [[1.0, 0.0], [0.5, 0.5]],
        "q_hat": [[0.2, 0.4], [0.6, 0.8]],
    }
    return LoggedData(**sound | changes)


def test_lists_become_arrays_and_weights_are_target_over_propensity() -> None:
    logged = log()

    assert logged.weight.tolist() == [2.0, 2.0]
    assert logged.n_rounds == 2
    assert logged.n_actions == 2


def test_predictions_are_of_the_logged_action_and_of_the_target() -> None:
    of_logged, of_target = log().predictions()

    # By hand: 0.2 and 0.8 were logged; 1 * 0.2, and 0.5 * 0.6 + 0.5 * 0.8.
    assert of_logged.tolist() == [0.2, 0.8]
    assert of_target == pytest.approx([0.2, 0.7])


def test_without_a_matrix_the_number_of_actions_is_unknown() -> None:
    assert log(pmf_target=None, q_hat=None).n_actions is None


def test_no_rounds_are_refused() -> None:
    with pytest.raises(NoDataError, match="at least one decision"):
        log(reward=[], propensity=[], target_probability=[])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"propensity": [0.5, 0.0]}, r"propensity is 0.0 in round 1 .*above 0"),
        ({"propensity": [1.5, 0.5]}, r"propensity is 1.5 in round 0"),
        ({"propensity": [0.5, np.nan]}, r"propensity is nan in round 1 .*finite"),
        ({"propensity": [0.5]}, r"propensity has shape \(1,\); it must be \(2,\)"),
        ({"reward": [1.0, np.inf]}, r"reward is inf in round 1"),
        ({"reward": [1.0, 1.1]}, r"reward is 1.1 in round 1 .*between 0.0 and 1.0"),
        ({"reward": [[1.0, 0.0]]}, r"reward has shape \(1, 2\)"),
        ({"target_probability": [-0.1, 0.5]}, r"target_probability is -0.1"),
        ({"target_probability": [0.9, 0.5]}, r"pmf_target's entry of the logged"),
        ({"reward_minimum": 2.0}, r"reward_minimum is 2.0 and reward_maximum 1.0"),
        ({"action": [0, 2]}, r"action is 2 in round 1 .*0 to 1"),
        ({"action": [0.0, 1.0]}, r"action has shape \(2,\) and type float64"),
        ({"action": [0, -1], "pmf_target": None, "q_hat": None}, r"0 or more"),
        ({"pmf_target": [[0.5, 0.4], [0.5, 0.5]]}, r"the sum of pmf_target is 0.9"),
        ({"pmf_target": [[1.5, -0.5], [0.5, 0.5]]}, r"entries not below 0"),
        ({"pmf_target": [[1.0], [1.0]]}, r"shape \(2, 1\) and q_hat \(2, 2\)"),
        ({"q_hat": [0.5, 0.5]}, r"q_hat has shape \(2,\); it must be \(2, K\)"),
        ({"q_hat": [[np.nan, 0], [0, 0]]}, r"the sum of q_hat is nan in round 0"),
    ],
)
def test_an_impossible_log_is_refused_with_its_round_and_limit(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(LoggedDataError, match=message):
        log(**changes)


@pytest.mark.parametrize("missing", ["action", "pmf_target", "q_hat"])
def test_predictions_need_action_pmf_and_model(missing: str) -> None:
    with pytest.raises(LoggedDataError, match="need action, pmf_target and q_hat"):
        log(**{missing: None}).predictions()
