"""Number the columns of a part's sums.

Owns the layout that sums.py, packed.py and differences.py share. A part keeps fewer
columns than an experiment's totals (uplift/columns.py): the weights and the weighted
rewards of RANDOMISED and of TRAJECTORY, and of their products those that an interval
of the reward needs.
"""

import numpy as np

from bandit_svc.ope.arrays import IntArray
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    RANDOMISED,
    TRAJECTORY,
    TREATMENT,
    Columns,
    value_column,
    weight_column,
)

WEIGHTS = 4
"""The first columns: a weight for each weighting and group."""
COLUMNS = 2 * WEIGHTS
_FORMS = [
    (weighting, group)
    for weighting in (RANDOMISED, TRAJECTORY)
    for group in (TREATMENT, BASELINE)
]
WHOLE: IntArray = np.array(
    [weight_column(*form) for form in _FORMS]
    + [value_column(*form, 0) for form in _FORMS]
)
"""The column of the totals that each column of a part is."""


def _pairs() -> IntArray:
    """Return the kept products, (products, 2) columns, the smaller one first."""
    pairs = []
    # RANDOMISED compares nothing across the groups: a decision is of one of them.
    for group in (TREATMENT, BASELINE):
        weight, value = group, WEIGHTS + group
        pairs += [(weight, weight), (weight, value), (value, value)]
    mine = [2, 3, WEIGHTS + 2, WEIGHTS + 3]
    pairs += [(i, j) for place, i in enumerate(mine) for j in mine[place:]]
    return np.array(pairs, dtype=np.int64)


PAIRS = _pairs()
PRODUCTS = len(PAIRS)
WHOLE_PRODUCTS: IntArray = Columns().pair_index[WHOLE[PAIRS[:, 0]], WHOLE[PAIRS[:, 1]]]
"""The product of the totals that each product of a part is."""
