"""Number the columns of a decision's weighted sums, and the products kept of them.

Owns the layout that unit_sums.py, unit_state.py and by_unit.py share. A decision has,
for each of the three weightings and each of the two groups, its weight w and for each
of its values (the reward, a metric) w times the value: weights are kept once, however
many values there are. Fields, and so columns and products, of further values come
after all others, so that sums of fewer values are a beginning of those of more.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from bandit_svc.ope.arrays import IntArray

RANDOMISED, TRAJECTORY, ONE_STEP = 0, 1, 2
"""The weightings; history_weights.py defines them."""
WEIGHTINGS = 3
TREATMENT, BASELINE = 0, 1
_PER_FIELD = 2 * WEIGHTINGS
WEIGHTS = _PER_FIELD
"""The first columns: a weight for each weighting and group."""


def weight_column(weighting: int, group: int) -> int:
    """Return the column of a weight."""
    return 2 * weighting + group


def value_column(weighting: int, group: int, value: int) -> int:
    """Return the column of a weighted value; value 0 is the reward."""
    return (1 + value) * _PER_FIELD + 2 * weighting + group


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns and products for a number of values.

    Attributes:
        values: of a decision, at least 1.
        crossed: pairs of different values whose products are kept too.
    """

    values: int = 1
    crossed: tuple[tuple[int, int], ...] = ()

    @property
    def count(self) -> int:
        """The number of columns."""
        return (1 + self.values) * _PER_FIELD

    @property
    def pairs(self) -> IntArray:
        """The kept products, (P, 2) columns, the smaller one first."""
        return _pairs(self.values, self.crossed)

    @property
    def pair_index(self) -> IntArray:
        """The place of each product, (count, count); -1 if it is not kept."""
        return _pair_index(self.values, self.crossed)


@cache
def _pairs(values: int, crossed: tuple[tuple[int, int], ...]) -> IntArray:
    # All products of the weights and the reward: comparisons of two weightings need
    # them as well.
    first = 2 * _PER_FIELD
    pairs = [(i, j) for i in range(first) for j in range(i, first)]
    for value in range(1, values):
        for weighting in range(WEIGHTINGS):
            weights = [weight_column(weighting, group) for group in (0, 1)]
            mine = [value_column(weighting, group, value) for group in (0, 1)]
            pairs += [(w, x) for w in weights for x in mine]
            pairs += [(mine[0], mine[0]), (mine[0], mine[1]), (mine[1], mine[1])]
    for first_value, second_value in crossed:
        for weighting in range(WEIGHTINGS):
            one, other = (
                [value_column(weighting, group, value) for group in (0, 1)]
                for value in sorted((first_value, second_value))
            )
            pairs += [(x, y) for x in one for y in other]
    return np.array(pairs, dtype=np.int64)


@cache
def _pair_index(values: int, crossed: tuple[tuple[int, int], ...]) -> IntArray:
    count = (1 + values) * _PER_FIELD
    index = np.full((count, count), -1, dtype=np.int64)
    for place, (i, j) in enumerate(_pairs(values, crossed)):
        index[i, j] = index[j, i] = place
    return index
