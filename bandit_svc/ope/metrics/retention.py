"""Compare the shares of units that were seen again, at every look.

Owns how counts of units become the sums that by_unit.py reads. Each unit is one row,
with 1 if it was seen again and 0 if not, in the group of its first decision; there is
nothing to cluster. A row weighs 1 over the chance of its group at that decision: after
a changed holdout the groups are of different times, which the weights undo. Units whose
time is not over are no rows yet.

All three weightings are that by the group alone: what a unit is shown later is what
brings it back or not, so that nothing shown before the outcome tells the group apart.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.uplift.columns import (
    BASELINE,
    TREATMENT,
    WEIGHTINGS,
    WEIGHTS,
    Columns,
    value_column,
    weight_column,
)
from bandit_svc.ope.uplift.totals import COUNTS, Totals


class UnitCounts(NamedTuple):
    """Units of one group.

    Attributes:
        treated: true for the treatment.
        chance: of the baseline group when they were assigned, in (0, 1).
        units: how many.
        returned: how many of them were seen again.
    """

    treated: bool
    chance: float
    units: int
    returned: int


def retention_totals(counts: Iterable[UnitCounts]) -> Totals:
    """Return the sums of units as rows; their value is 1 if they were seen again."""
    totals = Totals.empty()
    sums, products = totals.sums.copy(), totals.by_unit.copy()
    heaviest, numbers = totals.heaviest.copy(), np.zeros(COUNTS)
    i, j = Columns().pairs.T
    returned = 0
    for one in counts:
        group = TREATMENT if one.treated else BASELINE
        weight = 1 / (1 - one.chance if one.treated else one.chance)
        row = np.zeros((2, sums.size))
        for weighting in range(WEIGHTINGS):
            row[:, weight_column(weighting, group)] = weight
            row[1, value_column(weighting, group, 0)] = weight
        for y, n in zip(row, (one.units - one.returned, one.returned), strict=True):
            sums += n * y
            products += n * y[i] * y[j]
        if one.units:
            heaviest = np.maximum(heaviest, row[0, :WEIGHTS])
        # Decisions of the group, units, and units seen in the group: all are units.
        numbers[[group, 2, 3 + group]] += one.units
        returned += one.returned
    plain = np.array([[returned, returned, returned, float(returned > 0)]])
    return replace(
        totals,
        counts=numbers,
        sums=sums,
        by_unit=products,
        by_decision=products,
        heaviest=heaviest,
        plain=plain,
    )
