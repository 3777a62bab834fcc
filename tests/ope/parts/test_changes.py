"""Corrected rewards and merged units: as if sums had been made so from the start."""

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.parts.changes import corrected, merged
from bandit_svc.ope.parts.columns import COLUMNS, WEIGHTS
from bandit_svc.ope.parts.packed import unpack
from bandit_svc.ope.parts.sums import (
    AddedParts,
    PartRows,
    PartSums,
    UnitColumns,
    added_parts,
)
from bandit_svc.ope.uplift.unit_sums import NO_UNIT

N, UNITS, PARTS = 60, 6, 4
CORRECTED = 31


def log(seed: int = 5) -> PartRows:
    """Return decisions of units, each in two of four parts."""
    random = np.random.default_rng(seed)
    unit = random.integers(0, UNITS, N)
    unit[::9] = NO_UNIT
    weight = np.zeros((N, WEIGHTS))
    # Units 0 to 2 are the treatment's; 3 to 5 and all without a unit the baseline's.
    weight[np.arange(N), np.where((unit >= 0) & (unit < 3), 0, 1)] = 1.25
    weight[:, 2:] = random.random((N, 2))
    reward = random.integers(0, 4, N).astype(np.float64)
    y = np.concatenate([weight, weight * reward[:, None]], axis=1)
    part = np.stack([unit % 2, 2 + random.integers(0, 2, N)], axis=1)
    return PartRows(unit, y, reward, np.repeat(np.arange(N), 2), part.ravel())


def columns(rows: PartRows, units: int) -> FloatArray:
    """Return the sums of units over all of the decisions."""
    sums = np.zeros((units, COLUMNS))
    own = rows.unit != NO_UNIT
    np.add.at(sums, rows.unit[own], rows.y[own])
    return sums


def summed(rows: PartRows, units: int = UNITS) -> AddedParts:
    none = np.zeros((units, COLUMNS))
    of_units = UnitColumns(none, columns(rows, units))
    return added_parts(PartSums.empty(), [b""] * units, of_units, rows)


def with_reward(rows: PartRows, decision: int, reward: float) -> PartRows:
    y, rewards = rows.y.copy(), rows.reward.copy()
    rewards[decision] = reward
    y[decision, WEIGHTS:] = y[decision, :WEIGHTS] * reward
    return PartRows(rows.unit, y, rewards, rows.decision, rows.part)


def only(rows: PartRows, decision: int) -> PartRows:
    mine = rows.decision == decision
    return rows.rows(mine)


def same(found: PartSums, wanted: PartSums) -> None:
    assert found.added == pytest.approx(wanted.added)


def same_unit(found: bytes, wanted: bytes, whole: FloatArray) -> None:
    one, other = (unpack([state], whole) for state in (found, wanted))
    assert one.part.tolist() == other.part.tolist()
    assert one.sums == pytest.approx(other.sums)


@pytest.mark.parametrize("decision", [CORRECTED, 9])
def test_a_corrected_reward_counts_as_if_it_had_come_so(decision: int) -> None:
    """Decision 9 has no unit."""
    before = log()
    after = with_reward(before, decision, 9.0)
    first, wanted = summed(before), summed(after)
    unit = int(before.unit[decision])
    of_unit = UnitColumns(
        columns(before, UNITS)[unit : unit + 1], columns(after, UNITS)[unit : unit + 1]
    )
    state = None if unit == NO_UNIT else first.states[unit]
    sums, changed = corrected(
        first.sums, state, of_unit, only(before, decision), only(after, decision)
    )

    same(sums, wanted.sums)
    assert sums.extremes.tolist() == wanted.sums.extremes.tolist()
    assert (changed is None) is (unit == NO_UNIT)
    if changed is not None:
        same_unit(changed, wanted.states[unit], of_unit.after)


@pytest.mark.parametrize(("older", "younger"), [(0, 1), (0, 2), (1, 4)])
def test_merged_units_count_as_if_they_had_been_one(older: int, younger: int) -> None:
    """The first two pairs are of one group; the last is of both groups."""
    before = log()
    unit = np.where(before.unit == younger, older, before.unit)
    after = PartRows(unit, before.y, before.reward, before.decision, before.part)
    first, wanted = summed(before), summed(after)
    both = columns(before, UNITS)[[older, younger]]
    units = UnitColumns(both, both.sum(axis=0, keepdims=True))
    sums, state = merged(first.sums, first.states[older], first.states[younger], units)

    same(sums, wanted.sums)
    same_unit(state, wanted.states[older], units.after)
