"""Hat functions of a number, so that a linear model can follow a curve.

Owns the knots of each number: quantiles of its first learned values. Between two knots
a number is divided among their two features in proportion, so that the features of a
number sum to 1 and a linear model of them is a broken line (linear B-splines).
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec

from policies.features import Named

KNOTS = 5
SAMPLE = 150
"""Learned values of a number from which its knots are taken."""
OUTER = 0.02
"""The first knot is this quantile, the last one its mirror image."""
LEAST_DISTINCT = 8
"""A number with fewer distinct values has no hats: it is a category or a flag."""
LEAST_KNOTS = 3
MOST_NUMBERS = 64
"""Numbers beyond so many have no hats, so that the state is bounded."""

MARK = "~"
"""Separates a number's name from the index of its knot; no feature's own name has it
behind the mark of a number."""


class Hats(msgspec.Struct):
    """The knots of each number, and the values of those that have none yet.

    Attributes:
        sampled: the learned values of a number until there are SAMPLE of them.
        knots: ascending knots by the number's name; empty for a number without hats.
    """

    sampled: dict[str, list[float]] = {}
    knots: dict[str, list[float]] = {}

    def learn(self, named: Iterable[Named]) -> None:
        """Add the numbers of a context that is learned from."""
        for name, value in named:
            if name[-1] != "#" or name in self.knots:
                continue
            values = self.sampled.get(name)
            if values is None:
                if len(self.sampled) + len(self.knots) >= MOST_NUMBERS:
                    continue
                values = self.sampled[name] = []
            values.append(value)
            if len(values) == SAMPLE:
                self.knots[name] = knots_of(values)
                del self.sampled[name]

    def features(self, named: Iterable[Named]) -> Iterator[Named]:
        """Yield the hat features of the numbers among some features.

        A number beyond its outer knots has the value of the nearest one.
        """
        for name, value in named:
            knots = self.knots.get(name) if name[-1] == "#" else None
            if not knots:
                continue
            x = min(max(value, knots[0]), knots[-1])
            at = min(bisect_right(knots, x), len(knots) - 1) - 1
            part = (x - knots[at]) / (knots[at + 1] - knots[at])
            if part < 1.0:
                yield f"{name}{MARK}{at}", 1.0 - part
            if part > 0.0:
                yield f"{name}{MARK}{at + 1}", part


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
