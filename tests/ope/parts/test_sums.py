"""Sums by unit of many parts: what the whole's sums are, over a part's decisions."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.parts.columns import COLUMNS, WHOLE
from bandit_svc.ope.parts.packed import MOST_PARTS
from bandit_svc.ope.parts.sums import PartRows, PartSums, UnitColumns, added_parts
from bandit_svc.ope.uplift.by_unit import Possible, absolute
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.sides import effective_units, pooled_design_effect
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import NO_UNIT, JoinedDecisions, added
from tests.harness.unit_decisions import random_decisions

N, UNITS = 900, 300


@dataclass
class Kept:
    """Sums of the whole and of parts, and states of units, between batches."""

    totals: Totals = field(default_factory=Totals.empty)
    sums: PartSums = field(default_factory=PartSums.empty)
    states: dict[int, bytes] = field(default_factory=dict)
    parts: dict[int, bytes] = field(default_factory=dict)
    left_out: int = 0

    def add(self, made: JoinedDecisions, parts: IntArray) -> None:
        """Add decisions, each in the parts of its row of `parts`."""
        known = np.unique(made.unit[made.unit != NO_UNIT]).tolist()
        places = {unit: place for place, unit in enumerate(known)}
        unit = np.array([places.get(one, NO_UNIT) for one in made.unit.tolist()])
        whole = added(
            self.totals,
            [self.states.get(one) for one in known],
            JoinedDecisions(unit, made.draws, made.values),
        )
        n, each = parts.shape
        rows = PartRows(
            unit,
            whole.y[:, WHOLE],
            made.values[:, 0],
            np.repeat(np.arange(n), each),
            parts.ravel(),
        )
        result = added_parts(
            self.sums,
            [self.parts.get(one, b"") for one in known],
            UnitColumns(whole.before[:, WHOLE], whole.after[:, WHOLE]),
            rows,
        )
        self.totals, self.sums = whole.totals, result.sums
        self.left_out += result.left_out
        self.states.update(zip(known, whole.states, strict=True))
        self.parts.update(zip(known, result.states, strict=True))


def world(seed: int = 3) -> tuple[JoinedDecisions, IntArray]:
    """Return decisions and their parts: 0 all, 1-2 by unit, 3-5 by decision."""
    made = random_decisions(seed, N, UNITS)
    made = JoinedDecisions(made.unit, made.draws, made.values[:, :1])
    random = np.random.default_rng(seed)
    by_decision = 3 + random.integers(0, 3, N)
    parts = np.stack([np.zeros(N, np.int64), 1 + made.unit % 2, by_decision], axis=1)
    return made, parts


def summed(batch: int) -> Kept:
    made, parts = world()
    kept = Kept()
    for start in range(0, N, batch):
        index = slice(start, start + batch)
        kept.add(made.at(index), parts[index])
    return kept


def test_the_part_of_all_decisions_is_the_whole() -> None:
    kept = summed(N)
    part, whole = kept.sums.totals([0]).at(0), kept.totals

    for weighting in (RANDOMISED, TRAJECTORY):
        found, wanted = (
            absolute(one, weighting, 0.95, Possible()).now for one in (part, whole)
        )
        assert None not in (wanted.interval.lower, wanted.interval.upper)
        assert found.estimate == pytest.approx(wanted.estimate)
        assert found.interval.lower == pytest.approx(wanted.interval.lower)
        assert found.interval.upper == pytest.approx(wanted.interval.upper)
    assert part.counts.tolist() == whole.counts.tolist()
    assert list(map(float, effective_units(part))) == pytest.approx(
        list(map(float, effective_units(whole)))
    )
    assert pooled_design_effect(part) == pytest.approx(pooled_design_effect(whole))


def test_a_part_has_the_sums_by_unit_of_its_own_decisions() -> None:
    made, parts = world()
    kept = summed(N)
    known = np.unique(made.unit[made.unit != NO_UNIT]).size
    unit = np.where(made.unit == NO_UNIT, known + np.arange(N), made.unit)
    y = _y(made)
    for part in range(6):
        mine = (parts == part).any(axis=1)
        of_unit = np.zeros((unit.max() + 1, y.shape[1]))
        np.add.at(of_unit, unit[mine], y[mine])
        totals = kept.sums.totals([part]).at(0)
        index = totals.columns.pair_index
        for weighting in (0, 2):
            w, x = weighting, weighting + 6

            assert totals.sums[w] == pytest.approx(y[mine, w].sum())
            assert totals.sums[x] == pytest.approx(y[mine, x].sum())
            assert totals.by_unit[index[w, x]] == pytest.approx(
                (of_unit[:, w] * of_unit[:, x]).sum()
            )
            assert totals.by_decision[index[x, x]] == pytest.approx(
                (y[mine, x] ** 2).sum()
            )


def _y(made: JoinedDecisions) -> FloatArray:
    places = np.unique(made.unit[made.unit != NO_UNIT])
    unit = np.where(made.unit == NO_UNIT, NO_UNIT, np.searchsorted(places, made.unit))
    whole = JoinedDecisions(unit, made.draws, made.values)
    return added(Totals.empty(), [None] * places.size, whole).y


@pytest.mark.parametrize("batch", [1, 7, 150])
def test_the_bits_do_not_depend_on_the_batches(batch: int) -> None:
    once, often = summed(N), summed(batch)

    assert often.sums.to_bytes() == once.sums.to_bytes()
    assert often.parts == once.parts


def test_sums_are_restored_to_the_last_bit() -> None:
    stored = summed(N).sums.to_bytes()

    assert PartSums.from_bytes(stored).to_bytes() == stored
    with pytest.raises(LoggedDataError, match="are no sums of parts"):
        PartSums.from_bytes(stored[:-8])


def test_a_unit_is_summed_up_in_the_first_parts_that_it_comes_to() -> None:
    """One unit comes to twice as many parts as are kept, then to the first again."""
    n = 2 * MOST_PARTS + 1
    y = np.ones((n, COLUMNS))
    part = np.append(np.arange(n - 1), 0)
    rows = PartRows(np.zeros(n, np.int64), y, np.ones(n), np.arange(n), part)
    none = np.zeros((1, COLUMNS))
    found = added_parts(PartSums.empty(), [b""], UnitColumns(none, none), rows)
    decisions = found.sums.totals(range(n - 1)).decisions[:, 0]

    assert found.left_out == MOST_PARTS
    assert decisions[:MOST_PARTS].tolist() == [2.0, *[1.0] * (MOST_PARTS - 1)]
    assert not decisions[MOST_PARTS:].any()


def test_forgotten_parts_make_room() -> None:
    n = MOST_PARTS
    none = UnitColumns(np.zeros((1, COLUMNS)), np.zeros((1, COLUMNS)))
    unit, y = np.zeros(n, np.int64), np.ones((n, COLUMNS))
    first = PartRows(unit, y, np.ones(n), np.arange(n), np.arange(n))
    full = added_parts(PartSums.empty(), [b""], none, first)
    alive = np.arange(n + 1) > 0
    again = PartRows(unit[:1], y[:1], np.ones(1), np.arange(1), np.array([n]))
    after = added_parts(full.sums.without([0]), full.states, none, again, alive)

    assert added_parts(full.sums, full.states, none, again).left_out == 1
    assert after.left_out == 0
    assert after.sums.totals([0, n]).decisions[:, 0].tolist() == [0.0, 1.0]
