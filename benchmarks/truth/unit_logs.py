"""Logs of units that come back, with known truth, for benchmarks/truth.

Owns how often and when units come, and worlds in which a unit's earlier decisions do or
do not change its later ones. The baseline always shows action 0; the treatment shows it
with a chance of ALIKE, else action 1. Knows nothing of intervals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Process = Literal["once", "session", "heavy", "pop"]
Group = Literal["treatment", "baseline"]

GROUPS: tuple[Group, Group] = ("treatment", "baseline")
ALIKE = 0.3
LARGEST_SHARE = 200
"""The largest unit of `heavy` comes at most this many times as often as the mean."""
VISITS = 5
"""Decisions a unit in the worlds of carry-over, but for `visits`."""


@dataclass(frozen=True)
class Cell:
    """An A/A log: neither the action nor the group changes a reward.

    Attributes:
        process: how units come: once; in a session, a geometric number of decisions in
            a row; `heavy`, drawn anew each time from units whose frequencies are
            Pareto(1.5); `pop`, drawn uniformly from a population.
        per_unit: mean decisions a unit.
        holdouts: one after the other, for equal numbers of decisions.
        levels: factors of the reward's mean during each of them.
        mean: the reward's mean at a level of 1.
        correlation: of the rewards of a unit (ICC).
    """

    process: Process
    per_unit: float
    holdouts: tuple[float, ...] = (0.1,)
    levels: tuple[float, ...] = (1.0,)
    mean: float = 0.1
    correlation: float = 0.3


def visits(
    process: Process, per_unit: float, n: int, r: np.random.Generator
) -> IntArray:
    """Return the units of n decisions, in order."""
    if process == "once":
        return np.arange(n)
    units = max(int(n / per_unit), 2)
    if process == "pop":
        return r.integers(0, units, n)
    if process == "heavy":
        share = r.pareto(1.5, units) + 1
        share = np.minimum(share, share.mean() * LARGEST_SHARE)
        return r.choice(units, n, p=share / share.sum())
    lengths = r.geometric(1 / per_unit, size=3 * units + 50)
    return np.repeat(np.arange(lengths.size), lengths)[:n]


def null_log(cell: Cell, n: int, r: np.random.Generator) -> JoinedDecisions:
    """Return an A/A log of n decisions."""
    unit = visits(cell.process, cell.per_unit, n, r)
    units = int(unit.max()) + 1
    # A beta of this concentration has the correlation of two rewards of a unit.
    more = 1 / cell.correlation - 1
    taste = r.beta(cell.mean * more, (1 - cell.mean) * more, units)
    if cell.process == "once":
        taste = np.full(units, cell.mean)
    phase = np.arange(n) * len(cell.holdouts) // n
    level = np.array(cell.levels)[phase]
    chance = np.array(cell.holdouts)[phase]
    baseline = r.random(units)[unit] < chance
    reward = r.random(n) < np.minimum(taste[unit] * level, 1.0)
    action = np.where(baseline, 0, r.random(n) >= ALIKE)
    return joined(unit, baseline, chance, action, reward.astype(np.float64))


def joined(
    unit: IntArray,
    baseline: BoolArray,
    chance: FloatArray,
    action: IntArray,
    reward: FloatArray,
) -> JoinedDecisions:
    """Return decisions with what the two fixed policies log, (n,) each."""
    draws = LoggedDraws(
        treated=~baseline,
        baseline_chance=chance,
        treatment_propensity=np.where(action == 0, ALIKE, 1 - ALIKE),
        baseline_propensity=(action == 0).astype(np.float64),
        fresh=np.ones(unit.size, dtype=np.bool_),
    )
    return JoinedDecisions(unit, draws, reward[:, None])


@dataclass
class _Units:
    """What the reward of a visit may depend on, (units,) each."""

    taste: FloatArray
    seen: FloatArray
    last: FloatArray
    rich: FloatArray


Reward = Callable[[_Units, IntArray, IntArray], FloatArray]
"""The mean reward of units that are shown actions."""


def _clipped(values: FloatArray) -> FloatArray:
    return np.clip(values, 0.0, 1.0)


WORLDS: dict[str, Reward] = {
    "none": lambda u, i, _: u.taste[i],
    "effect": lambda u, i, a: _clipped(u.taste[i] + 0.03 * a),
    # Action 1 is better now and tires for later.
    "fatigue": lambda u, i, a: _clipped(
        u.taste[i] + 0.06 * a - 0.05 * np.minimum(u.seen[i], 3)
    ),
    # Action 1 makes the unit's next context a rich one; rewards follow the context.
    "context": lambda u, i, _: np.where(u.rich[i] == 1, 0.2, 0.05),
    # After action 1 the next reward is half as likely.
    "habituation": lambda u, i, _: u.taste[i] * (1 - 0.5 * u.last[i]),
    # Action 1 brings the unit back more often.
    "visits": lambda u, i, _: u.taste[i],
}


def carry_over_log(
    world: str,
    n: int,
    holdout: float,
    r: np.random.Generator,
    deployed: Group | None = None,
) -> JoinedDecisions:
    """Return about n decisions of a world, in the order of time.

    Args:
        world: of WORLDS.
        n: decisions.
        holdout: the baseline's share of the units.
        r: of all draws.
        deployed: the group of all units; None where they are drawn.
    """
    units = n // (4 if world == "visits" else VISITS)
    baseline = r.random(units) < holdout
    if deployed is not None:
        baseline = np.full(units, deployed == "baseline")
    state = _Units(
        taste=r.beta(0.1 * (1 / 0.3 - 1), 0.9 * (1 / 0.3 - 1), units),
        seen=np.zeros(units),
        last=np.zeros(units),
        rich=(r.random(units) < 0.2).astype(np.float64),
    )
    birth, alive = r.random(units), np.ones(units, dtype=np.bool_)
    rows: list[FloatArray] = []
    for visit in range(40 if world == "visits" else VISITS):
        who = np.flatnonzero(alive)
        action = np.where(baseline[who], 0, r.random(who.size) >= ALIKE)
        reward = r.random(who.size) < WORLDS[world](state, who, action)
        time = birth[who] + 0.02 * visit + 1e-6 * r.random(who.size)
        rows.append(np.stack([time, who, action, reward]))
        state.seen[who] += action
        state.last[who] = action
        if world == "context":
            richer = np.where(action == 1, 0.8, 0.2)
            state.rich[who] = r.random(who.size) < richer
        if world == "visits":
            alive[who] = r.random(who.size) < np.where(action == 1, 0.85, 0.6)
    whole = np.concatenate(rows, axis=1)
    whole = whole[:, np.argsort(whole[0])]
    unit, shown = whole[1].astype(np.int64), whole[2].astype(np.int64)
    chance = np.full(unit.size, holdout)
    return joined(unit, baseline[unit], chance, shown, whole[3])


def deployed_difference(world: str, n: int, seed: list[int]) -> float:
    """Return treatment less baseline per decision, each given to all units."""
    means = []
    for index, group in enumerate(GROUPS):
        random = np.random.default_rng([*seed, index])
        log = carry_over_log(world, n, 0.1, random, deployed=group)
        means.append(float(log.values.mean()))
    return means[0] - means[1]
