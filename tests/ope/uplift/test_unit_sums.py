"""Sums by unit: the same as from the whole log, however decisions came."""

from dataclasses import replace

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    RANDOMISED,
    TREATMENT,
    value_column,
    weight_column,
)
from bandit_svc.ope.uplift.history_weights import weights
from bandit_svc.ope.uplift.totals import LARGEST, ORDERS, SQUARES, TOTAL, Totals
from bandit_svc.ope.uplift.unit_sums import (
    NO_UNIT,
    JoinedDecisions,
    added,
    corrected,
    merged,
    totals_over,
)
from tests.harness.unit_decisions import UnitStore, decisions, random_decisions

UNITS = 150


def rows_of(whole: JoinedDecisions, posterior: FloatArray) -> FloatArray:
    """Return y of each decision, (n, columns), written out once more."""
    flat = weights(whole.draws.checked(), posterior).reshape(whole.unit.size, 1, -1)
    y = np.concatenate([flat, flat * whole.values[:, :, None]], axis=1)
    return np.asarray(y.reshape(whole.unit.size, -1))


def unit_sums(y: FloatArray, unit: IntArray) -> FloatArray:
    """Return the sums of y of each unit; a decision without one is its own."""
    alone = unit == NO_UNIT
    known = np.stack([y[unit == one].sum(axis=0) for one in np.unique(unit[~alone])])
    return np.concatenate([known, y[alone]])


@pytest.fixture(scope="module")
def log() -> JoinedDecisions:
    return random_decisions(seed=5, n=900, units=UNITS)


@pytest.mark.parametrize("batch", [1, 7, 250])
def test_the_same_decisions_give_the_same_bytes_however_they_were_batched(
    log: JoinedDecisions, batch: int
) -> None:
    whole, parts = UnitStore.of(log, 900), UnitStore.of(log, batch)

    assert parts.totals.to_bytes() == whole.totals.to_bytes()
    assert parts.states == whole.states


def test_products_are_those_of_the_rows_and_of_the_sums_by_unit(
    log: JoinedDecisions,
) -> None:
    store = UnitStore(Totals.empty((0.0, 0.0)))
    y = rows_of(log, store.add(log))
    by_unit = unit_sums(y, log.unit)
    i, j = store.totals.columns.pairs.T

    assert store.totals.sums == pytest.approx(y.sum(axis=0))
    assert store.totals.by_decision == pytest.approx((y[:, i] * y[:, j]).sum(axis=0))
    assert store.totals.by_unit == pytest.approx(
        (by_unit[:, i] * by_unit[:, j]).sum(axis=0)
    )


def test_counts_are_decisions_and_units_of_each_group(log: JoinedDecisions) -> None:
    totals = UnitStore.of(log, 100).totals
    treated, alone = log.draws.treated, log.unit == NO_UNIT
    of_group = [set(log.unit[member & ~alone]) for member in (treated, ~treated)]

    assert totals.decisions.tolist() == [treated.sum(), (~treated).sum()]
    assert totals.units == len(of_group[0] | of_group[1]) + alone.sum()
    assert totals.units_in_both == len(of_group[0] & of_group[1]) > 0


def test_the_sums_after_each_decision_end_with_those_of_all(
    log: JoinedDecisions,
) -> None:
    n = log.unit.size
    over = totals_over(log, np.arange(n), (0.0, 0.0))
    half = UnitStore.of(log.at(slice(0, n // 2)), 100).totals

    assert over.counts.shape == (n, 5)
    for whole, look in ((UnitStore.of(log, 100).totals, n - 1), (half, n // 2 - 1)):
        found = over.at(look)
        assert found.by_unit == pytest.approx(whole.by_unit)
        assert found.by_decision == pytest.approx(whole.by_decision)
        assert found.sums == pytest.approx(whole.sums)
        assert np.array_equal(found.counts, whole.counts)
        assert found.plain == pytest.approx(whole.plain)


def test_a_corrected_reward_counts_as_if_it_had_been_so_from_the_start(
    log: JoinedDecisions,
) -> None:
    changed = [3, 400, 401, 899]
    values = log.values.copy()
    values[changed] += [[1.0, -2.0], [0.5, 0.0], [0.0, 3.0], [-1.0, 0.25]]
    expected = UnitStore.of(replace(log, values=values), 100)
    store = UnitStore(Totals.empty((0.0, 0.0)))
    posterior = store.add(log)

    for place in changed:
        unit = int(log.unit[place])
        one = log.at(np.array([place]))
        store.totals, state = corrected(
            store.totals,
            store.states.get(unit),
            one,
            float(posterior[place]),
            values[place],
        )
        if state is not None:
            store.states[unit] = state

    assert store.totals.sums == pytest.approx(expected.totals.sums)
    assert store.totals.by_unit == pytest.approx(expected.totals.by_unit)
    assert store.totals.by_decision == pytest.approx(expected.totals.by_decision)
    assert store.totals.plain[:, :LARGEST] == pytest.approx(
        expected.totals.plain[:, :LARGEST]
    )


def test_merged_units_count_as_one_that_had_all_their_decisions() -> None:
    """Units 0 and 1 of both groups; as one unit, 2 decisions a side."""
    unit = np.array([0, 1, 0, 1, 2, 3])
    treated = np.array([True, False, True, False, True, False])
    rewards = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    store = UnitStore.of(decisions(unit, treated, rewards), 6)

    totals, state = merged(store.totals, store.states[0], store.states[1])

    # The randomised sums of the person: weights 2 / 0.9 and 2 / 0.1.
    both = UnitStore.of(decisions(np.where(unit == 1, 0, unit), treated, rewards), 6)
    columns = [weight_column(RANDOMISED, g) for g in (TREATMENT, BASELINE)]
    columns += [value_column(RANDOMISED, g, 0) for g in (TREATMENT, BASELINE)]
    index = totals.columns.pair_index[np.ix_(columns, columns)]
    assert totals.by_unit[index] == pytest.approx(both.totals.by_unit[index])
    assert totals.units == store.totals.units - 1
    assert totals.units_seen.tolist() == [2, 2]
    assert totals.units_in_both == 1
    assert state is not None


def test_a_unit_that_is_merged_with_an_unknown_one_stays_as_it_was() -> None:
    store = UnitStore.of(decisions(np.array([0]), np.array([True]), np.ones(1)), 1)

    assert merged(store.totals, None, store.states[0]) == (
        store.totals,
        store.states[0],
    )


def test_values_without_weights_are_summed_for_both_groups_together() -> None:
    """The commonest value is 5; the orders are 20 and 7."""
    made = decisions(
        np.arange(4),
        np.array([True, False, True, True]),
        np.array([5.0, 20.0, 7.0, 5.0]),
    )
    totals = added(Totals.empty((5.0,)), [None] * 4, made).totals

    assert totals.plain[0, TOTAL] == 37
    assert totals.plain[0, SQUARES] == 499
    assert totals.plain[0, ORDERS] == 2
    assert totals.plain[0, LARGEST] == 20


def test_a_metric_that_is_reported_later_was_0_before() -> None:
    log = random_decisions(seed=8, n=200, units=40)
    late = log.values.copy()
    late[:100, 1] = 0.0
    expected = UnitStore.of(replace(log, values=late), 100)
    store = UnitStore(Totals.empty((0.0,)))

    store.add(replace(log.at(slice(0, 100)), values=late[:100, :1]))
    store.add(replace(log, values=late).at(slice(100, 200)))

    assert store.totals.to_bytes() == expected.totals.to_bytes()


def test_decisions_without_a_chance_of_both_groups_do_not_count() -> None:
    made = decisions(
        np.arange(3), np.array([True] * 3), np.ones(3), chance=np.array([0.0, 0.1, 0.0])
    )
    totals = added(Totals.empty(), [None] * 3, made).totals

    assert totals.units == 1
    assert totals.decisions.tolist() == [1, 0]


def test_stored_sums_are_restored_to_the_last_bit(log: JoinedDecisions) -> None:
    stored = UnitStore.of(log, 900).totals.to_bytes()

    assert Totals.from_bytes(stored).to_bytes() == stored
    with pytest.raises(LoggedDataError, match="numbers"):
        Totals.from_bytes(stored[:-8])
    with pytest.raises(LoggedDataError, match="version"):
        Totals.from_bytes(b"\x09" + stored[1:])


def test_impossible_decisions_are_refused() -> None:
    made = decisions(np.array([0]), np.array([True]), np.ones(1))

    with pytest.raises(LoggedDataError, match="units are from 2 to 2"):
        added(Totals.empty(), [None], replace(made, unit=np.array([2])))
    with pytest.raises(LoggedDataError, match="not finite"):
        added(Totals.empty(), [None], replace(made, values=np.array([[np.nan]])))


def test_a_chance_outside_of_0_and_1_is_refused() -> None:
    made = decisions(np.array([0]), np.array([True]), np.ones(1), chance=1.2)

    with pytest.raises(LoggedDataError, match=r"is 1\.2; it must be between 0 and 1"):
        added(Totals.empty(), [None], made)
