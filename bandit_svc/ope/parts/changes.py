"""Change sums of parts afterwards: a reward that was corrected, units that are one.

Owns both in closed form, at a cost that does not grow with the log, as unit_sums.py has
them for the whole.
"""

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.parts.columns import COLUMNS, PAIRS
from bandit_svc.ope.parts.packed import UnitParts, pack, unpack
from bandit_svc.ope.parts.sums import PartRows, PartSums, UnitColumns
from bandit_svc.ope.uplift.totals import UNITS


def corrected(
    sums: PartSums,
    state: bytes | None,
    unit: UnitColumns,
    old: PartRows,
    new: PartRows,
) -> tuple[PartSums, bytes | None]:
    """Replace the reward of one decision that was added before.

    Args:
        sums: of all parts.
        state: of the decision's unit; None if it has no unit.
        unit: sums of the unit in the whole before and after the correction, one each.
        old: the decision as it was added.
        new: the same rows with what counts from now on.

    Returns:
        The sums and the state. The largest reward stays the largest that ever counted.
    """
    was, now = old.y[old.decision], new.y[new.decision]
    held = None if state is None else unpack([state], unit.before)
    if held is not None:
        # Parts in which the unit is not summed up lack the decision.
        stays = np.isin(old.part, held.part)
        was, now = was[stays], now[stays]
        old, new = old.rows(stays), new.rows(stays)
    change = now - was
    whole = was
    if held is not None:
        place = np.searchsorted(held.part, old.part)
        whole = held.sums[place]
        held.sums[place] += change
        state = pack(held, unit.after)[0]
    by_decision = _products(now) - _products(was)
    by_unit = _products(whole + change) - _products(whole)
    changed = sums.changed(old.part, change, by_decision, by_unit - by_decision)
    rewards = old.reward[old.decision], new.reward[new.decision]
    return changed.with_replaced(old.part, *rewards), state


def merged(
    sums: PartSums, older: bytes, younger: bytes, units: UnitColumns
) -> tuple[PartSums, bytes]:
    """Make two units one: their decisions stay in the groups that served them.

    Args:
        sums: of all parts.
        older: state of the unit that both are from now on.
        younger: of the other one.
        units: `before` has the sums of both in the whole, (2, COLUMNS), the older one
            first; `after` those of the unit that they are, (1, COLUMNS).

    Returns:
        The sums with one unit less in each part that both were in, and the state of the
        unit. It may have more parts than a unit that comes by itself.
    """
    held = unpack([older, younger], units.before)
    parts, place = np.unique(held.part, return_inverse=True)
    mine = np.zeros((2, parts.size, COLUMNS))
    mine[held.unit, place] = held.sums
    a, b = mine
    i, j = PAIRS.T
    seen = (mine[:, :, :2] > 0).astype(np.float64)
    together = a + b
    fewer = (together[:, :2] > 0) - seen.sum(axis=0)
    units_less = together[:, :2].any(axis=1) - seen.any(axis=2).sum(axis=0)
    none = np.zeros_like(a)
    between = a[:, i] * b[:, j] + b[:, i] * a[:, j]
    changed = sums.changed(parts, none, np.zeros_like(between), between)
    changed.added[parts, UNITS] += units_less
    changed.added[parts, UNITS + 1 : UNITS + 3] += fewer
    state = UnitParts(np.zeros(parts.size, dtype=np.int64), parts, together)
    return changed, pack(state, units.after)[0]


def _products(y: FloatArray) -> FloatArray:
    i, j = PAIRS.T
    return np.asarray(y[:, i] * y[:, j])
