"""Prices of variants: the limits are kept, and nothing is taken that needn't be."""

import numpy as np
import pytest

from policies.base import Action
from policies.shares.prices import Choice, Prices

ACTIONS = tuple(Action(key) for key in "abcdef")


def drawn(sharpness: float, seed: int, count: int = 256) -> list[Choice]:
    """Draw pmfs of varying sets of variants, nearly uniform to nearly certain."""
    rng = np.random.default_rng(seed)
    found: list[Choice] = []
    for _ in range(count):
        size = int(rng.integers(3, 7))
        places = sorted(rng.permutation(6)[:size])
        pmf = rng.dirichlet(np.full(size, 1 / sharpness) * np.arange(size, 0, -1))
        found.append((tuple(ACTIONS[p] for p in places), [float(p) for p in pmf]))
    return found


def means(prices: Prices, choices: list[Choice], floor: float) -> dict[str, float]:
    """Return each variant's mean chance after prices and floor."""
    found = dict.fromkeys("abcdef", 0.0)
    for actions, pmf in choices:
        for action, chance in zip(
            actions, prices.applied(actions, list(pmf)), strict=True
        ):
            mixed = (1 - floor) * chance + floor / len(actions)
            found[action.key] += mixed / len(choices)
    return found


@pytest.mark.parametrize("sharpness", [0.2, 1.0, 20.0, 1e4])
@pytest.mark.parametrize("floor", [0.0, 0.05, 0.3])
@pytest.mark.parametrize(
    "shares",
    [{"a": 0.1}, {"a": 0.15, "b": 0.2}, dict.fromkeys("abcdef", 0.2)],
    ids=len,
)
def test_limits_are_kept_and_only_those_that_are_reached_have_a_price(
    sharpness: float, floor: float, shares: dict[str, float]
) -> None:
    """The conditions of Karush, Kuhn and Tucker, for pmfs of every sharpness."""
    for seed in range(5):
        choices = drawn(sharpness, seed)
        prices = Prices(shares, floor)
        # As a policy does that learns on: each solution begins with the last.
        for _ in range(3):
            prices.solve(choices)
        found = means(prices, choices, floor)

        for (key, most), price in zip(shares.items(), prices.values, strict=True):
            assert found[key] <= most + 2e-3
            if price > 0.05:
                assert found[key] == pytest.approx(most, abs=2e-3)


def test_a_policy_that_is_certain_of_one_variant_gives_up_what_it_must() -> None:
    choices: list[Choice] = [(ACTIONS[:3], [1.0, 0.0, 0.0])] * 100
    prices = Prices({"a": 0.4}, 0.0)
    prices.solve(choices)

    assert prices.applied(ACTIONS[:3], [1.0, 0.0, 0.0]) == pytest.approx(
        [0.4, 0.3, 0.3], abs=1e-3
    )


def test_without_a_price_a_pmf_is_the_very_same() -> None:
    prices = Prices({"a": 0.5}, 0.02)
    prices.solve(drawn(1.0, 3))
    pmf = [0.2, 0.3, 0.5]

    assert prices.applied(ACTIONS[:3], pmf) is pmf


@pytest.mark.parametrize("sharpness", [0.2, 1.0, 20.0])
def test_each_pmf_alone_is_brought_under_the_limits(sharpness: float) -> None:
    shares = {"a": 0.2, "b": 0.3, "c": 0.5}
    prices = Prices(shares, 0.1)
    for actions, pmf in drawn(sharpness, 8):
        found = prices.alone(actions, list(pmf))
        mixed = [0.9 * chance + 0.1 / len(pmf) for chance in found]

        assert sum(found) == pytest.approx(1.0)
        for action, chance in zip(actions, mixed, strict=True):
            assert chance <= shares.get(action.key, 1.0) + 1e-9


def test_a_floor_of_one_leaves_nothing_to_price() -> None:
    prices = Prices({"a": 0.5}, 1.0)
    prices.solve(drawn(1.0, 1))

    assert not prices.values.any()
    assert prices.alone(ACTIONS[:2], [0.9, 0.1]) == [0.9, 0.1]
