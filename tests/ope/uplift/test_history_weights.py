"""Weights of decisions, by hand and by enumerating all that can be shown."""

import itertools
import math

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    ONE_STEP,
    RANDOMISED,
    TRAJECTORY,
    TREATMENT,
    weight_column,
)
from bandit_svc.ope.uplift.history_weights import LIMIT, LoggedDraws, weights
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions, added

PI_T, PI_B = (0.3, 0.7), (0.8, 0.2)
"""Chances of actions 0 and 1 under the two policies."""


def history(
    actions: list[int],
    chances: list[float],
    place: float,
    *,
    logged: list[bool] | None = None,
    fresh: list[bool] | None = None,
    pi_b: tuple[float, float] = PI_B,
) -> JoinedDecisions:
    """Return decisions of one unit whose number u is `place`."""
    n = len(actions)
    known = np.array(logged or [True] * n)
    shown = np.array(actions)
    return JoinedDecisions(
        np.zeros(n, dtype=np.int64),
        LoggedDraws(
            treated=place >= np.array(chances),
            baseline_chance=np.array(chances),
            treatment_propensity=np.where(known, np.array(PI_T)[shown], np.nan),
            baseline_propensity=np.where(known, np.array(pi_b)[shown], np.nan),
            fresh=np.array(fresh or [True] * n),
        ),
        np.zeros((n, 1)),
    )


def weights_of(made: JoinedDecisions) -> FloatArray:
    """Return the weights of decisions of one unit, (n, weightings, groups)."""
    posterior = added(Totals.empty(), [None], made).posterior
    return weights(made.draws.checked(), posterior)


def test_weights_of_a_first_decision_by_hand() -> None:
    """Action 0 at h = .1: rho = .8 / .3, and 1 / (h rho + 1 - h) is 1 / (7 / 6)."""
    (found,) = weights_of(history([0], [0.1], place=0.5))

    assert found[RANDOMISED] == pytest.approx([1 / 0.9, 0])
    assert found[TRAJECTORY] == pytest.approx([6 / 7, 16 / 7])
    assert found[ONE_STEP] == pytest.approx([6 / 7, 16 / 7])


def test_weights_of_a_second_decision_multiply_the_chances_of_both() -> None:
    """Actions 0, 1: rho = .8 / .3 * .2 / .7 = 16 / 21; alone, the second has 2 / 7."""
    _, found = weights_of(history([0, 1], [0.1, 0.1], place=0.5))
    rho = 16 / 21

    assert found[TRAJECTORY] == pytest.approx(
        [1 / (0.1 * rho + 0.9), rho / (0.1 * rho + 0.9)]
    )
    assert found[ONE_STEP] == pytest.approx(
        [1 / (0.1 * 2 / 7 + 0.9), 2 / 7 / (0.1 * 2 / 7 + 0.9)]
    )


@pytest.mark.parametrize("chances", [[0.1, 0.1, 0.1], [0.5, 0.1, 0.3]])
def test_trajectory_weights_are_the_mean_of_the_randomised_given_what_was_shown(
    chances: list[float],
) -> None:
    """All 8 histories of 3 draws, and every interval of u: Rao-Blackwell, exactly."""
    edges = [0.0, *sorted(set(chances)), 1.0]
    for actions in itertools.product([0, 1], repeat=3):
        mass, mean = 0.0, np.zeros((3, 2))
        for low, high in itertools.pairwise(edges):
            place = (low + high) / 2
            made = history(list(actions), chances, place)
            policies = [PI_T if t else PI_B for t in made.draws.treated.tolist()]
            likelihood = (high - low) * math.prod(
                [pi[action] for pi, action in zip(policies, actions, strict=True)]
            )
            mass += likelihood
            found = weights_of(made)
            mean += likelihood * found[:, RANDOMISED]
        # The last decision knows the whole history; earlier ones know less.
        assert found[-1, TRAJECTORY] == pytest.approx(mean[-1] / mass)


def test_weights_are_at_most_one_over_the_chance_of_the_group() -> None:
    for actions in itertools.product([0, 1], repeat=5):
        found = weights_of(history(list(actions), [0.1] * 5, place=0.5))
        assert found[..., TREATMENT].max() <= 1 / 0.9 + 1e-12
        assert found[..., BASELINE].max() <= 1 / 0.1 + 1e-12


def test_an_action_that_the_baseline_never_shows_tells_the_group_for_good() -> None:
    found = weights_of(history([1, 0, 0], [0.1] * 3, place=0.5, pi_b=(1.0, 0.0)))

    assert found[:, TRAJECTORY].tolist() == [[1 / 0.9, 0.0]] * 3
    assert found[1, ONE_STEP, BASELINE] > 0


def test_a_repeat_has_the_weights_after_its_draw_and_multiplies_nothing() -> None:
    shown = history([0, 0, 1], [0.1] * 3, 0.5, fresh=[True, False, True])
    once = weights_of(history([0, 1], [0.1] * 2, 0.5))
    found = weights_of(shown)

    assert found[0, TRAJECTORY] == pytest.approx(found[1, TRAJECTORY])
    assert found[2, TRAJECTORY] == pytest.approx(once[1, TRAJECTORY])


def test_a_unit_whose_chances_are_not_logged_has_randomised_weights_from_there_on() -> (
    None
):
    found = weights_of(history([0] * 3, [0.1] * 3, 0.5, logged=[True, False, True]))

    assert found[0, TRAJECTORY, BASELINE] > 0
    assert found[1, TRAJECTORY].tolist() == found[1, RANDOMISED].tolist()
    assert found[2, TRAJECTORY].tolist() == found[2, RANDOMISED].tolist()
    assert found[1, ONE_STEP].tolist() == found[1, RANDOMISED].tolist()


def test_a_long_history_ends_in_the_group_that_it_shows() -> None:
    found = weights_of(history([1] * 2_000, [0.1] * 2_000, 0.5))

    assert np.all(np.isfinite(found))
    assert found[-1, TRAJECTORY] == pytest.approx([1 / 0.9, 0], abs=np.exp(-LIMIT / 2))


def test_decisions_without_a_draw_of_the_group_have_no_weight() -> None:
    found = weights_of(history([0, 0, 0], [0.0, 0.1, 1.0], place=0.5))

    assert np.all(found[[0, 2]] == 0)
    assert found[1] == pytest.approx(weights_of(history([0], [0.1], 0.5))[0])


def test_columns_number_weights_before_values() -> None:
    assert weight_column(RANDOMISED, TREATMENT) == 0
    assert weight_column(ONE_STEP, BASELINE) == 5
