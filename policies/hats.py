"""Hat functions of a number, so that a linear model can follow a curve.

Owns the knots of each number: quantiles of its first learned values. Between two knots
a number is divided among their two features in proportion, so that the features of a
number sum to 1 and a linear model of them is a broken line (linear B-splines).
"""

from collections.abc import Iterable

KNOTS = 5
SAMPLE = 150
"""Learned values of a number from which its knots are taken."""
OUTER = 0.02
"""The first knot is this quantile, the last one its mirror image."""
LEAST_DISTINCT = 8
"""A number with fewer distinct values has no hats: it is a category or a flag."""
LEAST_KNOTS = 3


def knots_of(values: Iterable[float]) -> list[float]:
    """Return the knots of a number: distinct quantiles of its values, or none.

    Returns:
        At most KNOTS, ascending; empty where there are too few distinct values.
    """
    ordered = sorted(values)
    if len(set(ordered)) < LEAST_DISTINCT:
        return []
    last = len(ordered) - 1
    shares = [OUTER + (1.0 - 2.0 * OUTER) * at / (KNOTS - 1) for at in range(KNOTS)]
    # Values themselves and not points between them, so that equal values make equal
    # knots, and rounding can't make two of one.
    found = sorted({ordered[round(share * last)] for share in shares})
    return found if len(found) >= LEAST_KNOTS else []
