"""Estimates of a programme are those that numpy finds unit by unit."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bandit_svc.ope.programmes.effects import Effect, Effects
from bandit_svc.ope.programmes.patterns import (
    Pattern,
    ProgrammeSums,
    UnitTotal,
)

Floats = NDArray[np.float64]
N = 3_000


class World:
    """Units of two experiments, of which some were met, under shares that changed."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        early = np.arange(N) < N / 3
        self.chance_held = np.where(early, 0.1, 0.3)
        self.held = rng.random(N) < self.chance_held
        self.own = rng.random((N, 2)) < 0.25
        self.met = rng.random((N, 2)) < (0.9, 0.5)
        treated = self.met & ~self.own & ~self.held[:, None]
        # The second treatment brings little where the first has brought much.
        mean = 0.2 + 0.3 * treated.any(axis=1) + 0.3 * early
        self.total = rng.poisson(mean) * rng.lognormal(0, 0.5, N)

    def units(self) -> list[UnitTotal]:
        return [self._unit(u) for u in range(N)]

    def _unit(self, u: int) -> UnitTotal:
        group = "holdout" if self.held[u] else "experiment"
        chance = self.chance_held[u] if self.held[u] else 1 - self.chance_held[u]
        pattern = Pattern(group, float(chance))
        for k in (1, 0):
            if self.met[u, k] and not self.held[u]:
                own = bool(self.own[u, k])
                pattern = pattern.with_arm((k, not own, 0.25 if own else 0.75))
        return UnitTotal(pattern, float(self.total[u]), 2)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def effects(world: World) -> Effects:
    return Effects(ProgrammeSums().after((None, unit) for unit in world.units()))


def influence(world: World, mine: NDArray[Any], weight: Floats) -> tuple[float, Floats]:
    """Return a weighted mean, and the influence of each unit on it."""
    w = np.where(mine, weight, 0.0)
    mean = float(np.sum(w * world.total) / np.sum(w))
    return mean, w * (world.total - mean) / np.sum(w)


def close(found: Effect, estimate: float, influences: Floats, used: int) -> None:
    assert found.estimate is not None
    assert math.isclose(found.estimate, estimate, rel_tol=1e-9)
    error = np.sum(influences**2) * used / (used - 1)
    assert math.isclose(found.squared_error - found.padding, error, rel_tol=1e-9)


def of_parts(world: World) -> Sequence[tuple[float, Floats]]:
    found = []
    rest, weight = ~world.held, 1 / (1 - world.chance_held)
    for k in (0, 1):
        met, own = world.met[:, k] & rest, world.own[:, k]
        m1, i1 = influence(world, met & ~own, weight / 0.75)
        m0, i0 = influence(world, met & own, weight / 0.25)
        got = met & ~own
        share = np.sum(weight[got]) / np.sum(weight[rest])
        of_share = np.where(rest, weight, 0) * (got - share) / np.sum(weight[rest])
        found.append((share * (m1 - m0), share * (i1 - i0) + (m1 - m0) * of_share))
    return found


def test_the_whole_is_the_difference_of_weighted_means(
    world: World, effects: Effects
) -> None:
    m1, i1 = influence(world, ~world.held, 1 / (1 - world.chance_held))
    m0, i0 = influence(world, world.held, 1 / world.chance_held)

    close(effects.between("experiment", "holdout"), m1 - m0, i1 - i0, N)
    assert effects.between("experiment", "explore").estimate is None


def test_a_part_is_scaled_by_the_share_that_got_its_treatment(
    world: World, effects: Effects
) -> None:
    for k, (estimate, influences) in enumerate(of_parts(world)):
        close(effects.part(k), estimate, influences, int((~world.held).sum()))
    assert effects.experiments() == [0, 1]
    assert effects.part(7).estimate is None


def test_the_interaction_takes_the_parts_from_the_whole(
    world: World, effects: Effects
) -> None:
    whole = effects.between("experiment", "holdout")
    parts = [effects.part(k) for k in (0, 1)]
    found = effects.interaction(whole, parts)
    m1, i1 = influence(world, ~world.held, 1 / (1 - world.chance_held))
    m0, i0 = influence(world, world.held, 1 / world.chance_held)
    mine = of_parts(world)

    estimate = m1 - m0 - sum(part for part, _ in mine)
    close(found, estimate, i1 - i0 - sum(i for _, i in mine), N)
    assert math.isclose(found.padding, sum(p.padding for p in (whole, *parts)))
    assert effects.interaction(whole, [effects.part(7)]).estimate is None


def test_sums_do_not_depend_on_how_units_grew(world: World, effects: Effects) -> None:
    grown = ProgrammeSums()
    units = world.units()
    begun = [
        UnitTotal(Pattern(u.pattern.group, u.pattern.chance), u.total / 3, 1)
        for u in units
    ]
    grown = grown.after((None, unit) for unit in begun)
    grown = grown.after(zip(begun, units, strict=True))
    found = Effects(grown)

    for k in (0, 1):
        a, b = found.part(k), effects.part(k)
        assert math.isclose(a.estimate or 0, b.estimate or 1, rel_tol=1e-9)
        assert math.isclose(a.squared_error, b.squared_error, rel_tol=1e-9)


def test_few_units_have_an_estimate_and_no_interval() -> None:
    few = [UnitTotal(Pattern("experiment", 0.5), 1.0, 1) for _ in range(60)]
    few += [UnitTotal(Pattern("holdout", 0.5), 0.0, 1) for _ in range(40)]
    found = Effects(ProgrammeSums().after((None, one) for one in few))
    effect = found.between("experiment", "holdout")

    assert effect.estimate == 1.0
    assert effect.interval(0.95) is None
