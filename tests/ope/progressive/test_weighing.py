"""Weights by the chance of a choice, its group being drawn with it."""

import numpy as np
import pytest

from bandit_svc.ope.progressive.weighing import (
    Draw,
    mixed_draw,
    weight_of_action,
    weight_of_pmf,
)

TREATMENT, BASELINE, H = (0.02, 0.9, 0.08), (1.0, 0.0, 0.0), 0.1


def draws() -> list[Draw]:
    """The draw of each action that can be shown."""
    found = [mixed_draw(a, TREATMENT, BASELINE, H, 50.0) for a in range(3)]
    return [draw for draw in found if draw is not None]


def test_the_chance_of_a_choice_is_that_of_either_group() -> None:
    # .1 * 1 + .9 * .02 = .118; .9 * .9 = .81; .9 * .08 = .072.
    for draw, chance in zip(draws(), (0.118, 0.81, 0.072), strict=True):
        assert draw.propensity == pytest.approx(chance)
        assert draw.pmf == pytest.approx((0.118, 0.81, 0.072))


@pytest.mark.parametrize("target", [BASELINE, (0.2, 0.3, 0.5), TREATMENT])
def test_the_mean_weight_of_any_policy_is_1(target: tuple[float, ...]) -> None:
    mean = sum(d.propensity * weight_of_pmf(d, target, None).weight for d in draws())

    assert mean == pytest.approx(1)


def test_the_baselines_weights_are_at_most_one_over_the_holdout() -> None:
    weights = [weight_of_action(draw, 0, None).weight for draw in draws()]

    assert weights == pytest.approx([1 / 0.118, 0, 0])
    assert draws()[0].largest_weight(as_baseline=True) == pytest.approx(10)
    assert draws()[0].largest_weight(as_baseline=False) == pytest.approx(50 / 0.9)


def test_without_a_floor_the_baselines_weights_alone_are_bounded() -> None:
    draw = mixed_draw(0, TREATMENT, BASELINE, H, None)
    assert draw is not None

    assert draw.largest_weight(as_baseline=True) == pytest.approx(10)
    assert draw.largest_weight(as_baseline=False) is None


def test_a_choice_that_neither_group_could_show_has_no_weight() -> None:
    assert mixed_draw(1, (1.0, 0.0), (1.0, 0.0), H, 50.0) is None


def test_one_action_is_weighed_as_the_pmf_of_that_action() -> None:
    predicted = [0.3, 0.1, 0.6]
    for draw in draws():
        for action in range(3):
            pmf = np.eye(3)[action].tolist()
            assert weight_of_action(draw, action, predicted) == weight_of_pmf(
                draw, pmf, predicted
            )
