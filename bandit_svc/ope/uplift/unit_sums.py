"""Sum up weighted rewards of two groups, by decision and by unit.

Owns the sums that every comparison of the groups reads, and how a decision, a corrected
reward and a link of two units change them: in closed form, at a cost that does not grow
with the log. A decision's columns y are its weights and its weighted values
(columns.py); Y_u is the sum of y over the decisions of unit u so far. Kept are

    sums S = sum y,   by_decision = sum of y y',   by_unit = sum over u of Y_u Y_u',

by_unit through Y Y' + Y y' + y Y' + y y' = (Y + y)(Y + y)'. The state of a unit is
Y_u and the likelihoods that its weights follow from; it is packed by unit_state.py and
kept by the caller. A decision without a unit is a unit of its own, with no state.

Sums are added one decision at a time, in their order, so that the same decisions give
the same bits however they were batched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    RANDOMISED,
    TREATMENT,
    WEIGHTINGS,
    weight_column,
)
from bandit_svc.ope.uplift.history_weights import (
    Intervals,
    LoggedDraws,
    after_draws,
    first_posterior,
    posterior,
    weights,
)
from bandit_svc.ope.uplift.totals import UNITS, Totals
from bandit_svc.ope.uplift.unit_state import UnitStates, pack, unpack

NO_UNIT = -1


@dataclass(frozen=True, slots=True, eq=False)
class JoinedDecisions:
    """Decisions with their rewards, in the order in which they count.

    Attributes:
        unit: (n,), the place of each decision's unit in the list of states; NO_UNIT
            for a decision without a unit.
        draws: (n,) each.
        values: (n, values), the reward and the metrics; 0 for one without a report.
    """

    unit: IntArray
    draws: LoggedDraws
    values: FloatArray

    def at(self, index: IntArray | slice) -> "JoinedDecisions":
        """Return the decisions of an index."""
        return JoinedDecisions(
            self.unit[index], self.draws.at(index), self.values[index]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Added:
    """The sums after a batch.

    Attributes:
        totals: of the experiment.
        states: of the units, in the order in which they were passed.
        posterior: (n,), the chance of the baseline group given all that the unit was
            shown; `corrected` needs it for a decision whose reward changes.
        y: (n, columns), of each decision.
        before: (units, columns), the sums of y of each unit before the batch.
        after: likewise, after it.
    """

    totals: Totals
    states: list[bytes]
    posterior: FloatArray
    y: FloatArray
    before: FloatArray
    after: FloatArray


def added(
    totals: Totals, states: Sequence[bytes | None], decisions: JoinedDecisions
) -> Added:
    """Add decisions in their order.

    Args:
        totals: of the experiment so far.
        states: of the units that `decisions.unit` counts; None for a new one.
        decisions: to add. Their number of values may be larger than that of the
            totals: new values were 0 before.

    Raises:
        LoggedDataError: a chance, a unit or a value is impossible.
    """
    decisions = _checked(decisions, len(states))
    totals = totals.with_values(decisions.values.shape[1])
    known = len(states)
    decisions, units = _with_own_units(decisions, known)
    held = unpack(
        [*states, *[None] * (units - known)],
        Intervals(totals.chances),
        totals.columns.count,
    )
    before = held.sums[:known]
    chance = np.empty(decisions.unit.size)
    y = np.empty((chance.size, totals.columns.count))
    starts = _cuts(totals.chances, decisions.draws)
    for start, end in zip(starts, [*starts[1:], chance.size], strict=True):
        part = decisions.at(slice(start, end))
        held, totals = _with_chances(held, totals, part.draws)
        rows = _weigh(held, Intervals(totals.chances), part, totals.columns.values)
        totals = totals.with_rows(rows.y, rows.before, rows.values)
        held, chance[start:end], y[start:end] = rows.held, rows.posterior, rows.y
    kept = UnitStates(held.logs[:known], held.sums[:known])
    states = pack(kept, Intervals(totals.chances))
    return Added(totals, states, chance, y, before, kept.sums)


def totals_over(
    decisions: JoinedDecisions,
    looks: IntArray,
    usual: tuple[float, ...] = (0.0,),
    crossed: tuple[tuple[int, int], ...] = (),
) -> Totals:
    """Return the sums of a log after each of its decisions `looks`.

    The same numbers as `added` decision by decision, up to rounding where the chance
    of the baseline group changed.
    """
    known = int(decisions.unit.max(initial=NO_UNIT)) + 1
    decisions, units = _with_own_units(_checked(decisions, known), known)
    usual += (0.0,) * (decisions.values.shape[1] - len(usual))
    totals = Totals.empty(usual, crossed)
    held = UnitStates(np.zeros((units, 1)), np.zeros((units, totals.columns.count)))
    held, totals = _with_chances(held, totals, decisions.draws)
    rows = _weigh(held, Intervals(totals.chances), decisions, totals.columns.values)
    return totals.over_rows(rows.y, rows.before, rows.values, looks)


def corrected(
    totals: Totals,
    state: bytes | None,
    decision: JoinedDecisions,
    posterior: float,
    values: FloatArray,
) -> tuple[Totals, bytes | None]:
    """Replace the values of one decision that was added before.

    Args:
        totals: of the experiment.
        state: of the decision's unit; None if it has no unit.
        decision: the decision as it was added, (1,) each.
        posterior: as `added` returned it.
        values: (values,), that count from now on.
    """
    one = replace(decision, draws=decision.draws.checked())
    totals = totals.with_values(max(values.size, one.values.shape[1]))
    old = np.zeros((1, totals.columns.values))
    new = old.copy()
    old[0, : one.values.shape[1]] = one.values[0]
    new[0, : values.size] = values
    weighted = weights(one.draws, np.array([posterior]))
    before, after = _columns(weighted, old), _columns(weighted, new)
    change = after - before
    whole = before
    if state is not None:
        intervals = Intervals(totals.chances)
        unit = unpack([state], intervals, totals.columns.count)
        whole = unit.sums
        state = pack(UnitStates(unit.logs, unit.sums + change), intervals)[0]
    i, j = totals.columns.pairs.T
    w = whole + change
    d = before + change
    totals = replace(
        totals,
        sums=totals.sums + change[0],
        by_unit=totals.by_unit + (w[:, i] * w[:, j] - whole[:, i] * whole[:, j])[0],
        by_decision=totals.by_decision
        + (d[:, i] * d[:, j] - before[:, i] * before[:, j])[0],
    )
    return totals.with_replaced(old[0], new[0]), state


def merged(
    totals: Totals, older: bytes | None, younger: bytes | None
) -> tuple[Totals, bytes | None]:
    """Make two units one: their decisions stay in the groups that served them.

    Returns:
        The totals with one unit less, and the state of the unit that both are: the
        older one's likelihoods, since its number decides from now on.
    """
    if older is None or younger is None:
        return totals, older or younger
    intervals, count = Intervals(totals.chances), totals.columns.count
    both = unpack([older, younger], intervals, count)
    a, b = both.sums
    i, j = totals.columns.pairs.T
    state = pack(UnitStates(both.logs[:1], (a + b)[None]), intervals)[0]
    seen = _groups_seen(both.sums)
    counts = totals.counts.copy()
    counts[UNITS:] += np.array(
        [-1.0, *(_groups_seen((a + b)[None])[0] - seen.sum(axis=0))]
    )
    by_unit = totals.by_unit + a[i] * b[j] + b[i] * a[j]
    return replace(totals, by_unit=by_unit, counts=counts), state


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Decisions as rows that the totals add.

    Attributes:
        held: the units after them.
        y: (n, columns).
        before: (n, columns), of each decision's unit before it.
        values: (n, values), as many as the totals have.
        posterior: (n,).
    """

    held: UnitStates
    y: FloatArray
    before: FloatArray
    values: FloatArray
    posterior: FloatArray


def _weigh(
    held: UnitStates, intervals: Intervals, decisions: JoinedDecisions, values: int
) -> _Rows:
    """Weigh decisions whose chances the intervals know."""
    n, columns = decisions.unit.size, held.sums.shape[1]
    every = np.zeros((n, values))
    every[:, : decisions.values.shape[1]] = decisions.values
    logs, sums = held.logs.copy(), held.sums.copy()
    chance = np.empty(n)
    y, before = np.empty((n, columns)), np.empty((n, columns))
    for index in in_turn(decisions.unit):
        unit, draws = decisions.unit[index], decisions.draws.at(index)
        old = logs[unit]
        new = after_draws(old, intervals, draws)
        # For the first draw the two agree but for rounding; equal bits pack shorter.
        first = np.all(old == 0, axis=1) & draws.fresh
        chance[index] = np.where(
            first,
            first_posterior(draws),
            posterior(new, intervals, draws.baseline_chance),
        )
        y[index] = _columns(weights(draws, chance[index]), every[index])
        before[index] = sums[unit]
        logs[unit] = new
        sums[unit] += y[index]
    return _Rows(UnitStates(logs, sums), y, before, every, chance)


def _columns(weighted: FloatArray, values: FloatArray) -> FloatArray:
    """Return y, (n, columns), from weights (n, weightings, groups) and values."""
    n = weighted.shape[0]
    flat = weighted.reshape(n, 1, 2 * WEIGHTINGS)
    y = np.concatenate([flat, flat * values[:, :, None]], axis=1)
    return np.asarray(y.reshape(n, -1))


def _checked(decisions: JoinedDecisions, units: int) -> JoinedDecisions:
    unit, values = decisions.unit, decisions.values
    if unit.size and not (unit.min() >= NO_UNIT and unit.max() < units):
        raise LoggedDataError(
            f"units are from {unit.min()} to {unit.max()}; they must be {NO_UNIT}, or "
            f"places in {units} states"
        )
    if not np.all(np.isfinite(values)):
        raise LoggedDataError("a value is not finite; every value must be a number")
    return replace(decisions, draws=decisions.draws.checked())


def _with_own_units(
    decisions: JoinedDecisions, known: int
) -> tuple[JoinedDecisions, int]:
    """Number decisions without a unit as units of their own, behind the `known` ones.

    Returns:
        The decisions, and the number of units.
    """
    alone = decisions.unit == NO_UNIT
    unit = np.where(alone, known + np.cumsum(alone) - 1, decisions.unit)
    return replace(decisions, unit=unit), known + int(alone.sum())


def _cuts(known: tuple[float, ...], draws: LoggedDraws) -> list[int]:
    """Return 0 and the places at which a chance comes for the first time.

    Such a chance cuts an interval of every unit. A batch is cut there too, so that no
    bit of earlier decisions depends on it.
    """
    chances, places = np.unique(draws.baseline_chance, return_index=True)
    new = ~np.isin(chances, known) & (chances > 0) & (chances < 1)
    return sorted({0, *places[new].tolist()})


def _with_chances(
    held: UnitStates, totals: Totals, draws: LoggedDraws
) -> tuple[UnitStates, Totals]:
    """Return the units on the intervals that the chances of some draws cut."""
    chances, places = np.unique(
        draws.baseline_chance[draws.compared], return_index=True
    )
    new = [
        float(chances[place])
        for place in np.argsort(places)
        if chances[place] not in totals.chances
    ]
    if not new:
        return held, totals
    later = replace(totals, chances=(*totals.chances, *new))
    origin = Intervals(later.chances).origin(len(totals.chances))
    return UnitStates(held.logs[:, origin], held.sums), later


def _groups_seen(sums: FloatArray) -> FloatArray:
    """Return 1 for each group that a unit had a decision in, (k, 2)."""
    columns = [weight_column(RANDOMISED, group) for group in (TREATMENT, BASELINE)]
    return np.asarray(sums[:, columns] > 0, dtype=np.float64)


def in_turn(unit: IntArray) -> list[IntArray]:
    """Return decisions in turns: the first one of each unit, the second ones, ..."""
    order = np.argsort(unit, kind="stable")
    ordered = unit[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]] if unit.size else np.zeros(0, bool)
    place = np.arange(unit.size)
    turn = place - np.maximum.accumulate(np.where(new, place, 0))
    by_turn = order[np.argsort(turn, kind="stable")]
    sizes = np.bincount(turn)
    return np.split(by_turn, np.cumsum(sizes)[:-1]) if unit.size else []
