"""Hold an experiment's sums of weighted rewards, at one look or at many.

Owns what unit_sums.py adds to and by_unit.py reads, and its stored form. Every array
has the looks as its leading dimensions: none for the sums of now, (n,) for those after
each decision of a log.
"""

import struct
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    RANDOMISED,
    TREATMENT,
    WEIGHTS,
    Columns,
    weight_column,
)

DECISIONS = (0, 1)
UNITS, UNITS_SEEN = 2, (3, 4)
COUNTS = 5
TOTAL, SQUARES, ORDERS, LARGEST = 0, 1, 2, 3
_PLAIN = 4
_BLOCK = 256
_VERSION, _CROSSED_VERSION = 2, 3
"""Sums with products of different values have the second one, and list the values."""
_HEAD = struct.Struct("<BBBH")
_WITHOUT_COVARIATE = 1
"""The third byte; a form that was never released had 2 for sums with a covariate."""


@dataclass(frozen=True, eq=False)
class Totals:
    """The sums of one experiment.

    Attributes:
        columns: of y.
        chances: distinct baseline chances in (0, 1), in the order in which they came.
        usual: (values,), the commonest value of each; others are orders.
        counts: (..., 5), decisions of the treatment and the baseline group, units, and
            units that had a decision in the treatment and in the baseline group.
        sums: (..., columns), of y.
        by_unit: (..., products), over units, of the products of their sums of y.
        by_decision: (..., products), over decisions, of the products of y.
        plain: (..., values, 4), without weights: sum, sum of squares, number of orders
            and the largest so far; -inf before any.
        heaviest: (..., weight columns), the largest weight so far; 0 before any.
    """

    columns: Columns
    chances: tuple[float, ...]
    usual: FloatArray
    counts: FloatArray
    sums: FloatArray
    by_unit: FloatArray
    by_decision: FloatArray
    plain: FloatArray
    heaviest: FloatArray

    @classmethod
    def empty(
        cls,
        usual: tuple[float, ...] = (0.0,),
        crossed: tuple[tuple[int, int], ...] = (),
    ) -> "Totals":
        """Return the sums of no decisions.

        Args:
            usual: the commonest value of the reward and of each metric.
            crossed: pairs of different values whose products are kept too.
        """
        columns = Columns(len(usual), crossed)
        products = len(columns.pairs)
        plain = np.zeros((len(usual), _PLAIN))
        plain[:, LARGEST] = -np.inf
        return cls(
            columns,
            (),
            np.array(usual, dtype=np.float64),
            np.zeros(COUNTS),
            np.zeros(columns.count),
            np.zeros(products),
            np.zeros(products),
            plain,
            np.zeros(WEIGHTS),
        )

    @cached_property
    def decisions(self) -> FloatArray:
        """Decisions of each group, (..., 2)."""
        return self.counts[..., DECISIONS[0] : DECISIONS[1] + 1]

    @property
    def units(self) -> FloatArray:
        """Distinct units, (...)."""
        return self.counts[..., UNITS]

    @property
    def units_seen(self) -> FloatArray:
        """Units with a decision in each group, (..., 2)."""
        return self.counts[..., UNITS_SEEN[0] : UNITS_SEEN[1] + 1]

    @property
    def units_in_both(self) -> FloatArray:
        """Units that had decisions in both groups, (...)."""
        both: FloatArray = self.units_seen.sum(axis=-1) - self.units
        return both

    def with_values(self, values: int) -> "Totals":
        """Return the sums with as many values; new ones were 0 so far.

        Raises:
            LoggedDataError: products of different values are kept, which come last.
        """
        more = values - self.columns.values
        if more <= 0:
            return self
        if self.columns.crossed:
            raise LoggedDataError(
                f"{values} values are to be added to {self.columns.values} with "
                "products of different values; begin the sums anew"
            )
        columns = Columns(values)
        products = len(columns.pairs) - len(self.columns.pairs)
        # A value that was 0 in each decision: as many, and none of them an order.
        new = np.zeros((*self.plain.shape[:-2], more, _PLAIN))
        new[..., LARGEST] = np.where(self.decisions.sum(axis=-1) > 0, 0.0, -np.inf)[
            ..., None
        ]
        return replace(
            self,
            columns=columns,
            usual=np.concatenate([self.usual, np.zeros(more)]),
            sums=_wider(self.sums, columns.count - self.columns.count),
            by_unit=_wider(self.by_unit, products),
            by_decision=_wider(self.by_decision, products),
            plain=np.concatenate([self.plain, new], axis=-2),
        )

    def with_rows(
        self, y: FloatArray, before: FloatArray, values: FloatArray
    ) -> "Totals":
        """Add decisions in their order; see `over_rows`."""
        totals = self
        # Blocks whose products fit a processor's cache; the bits are the same.
        for start in range(0, y.shape[0], _BLOCK):
            part = slice(start, min(start + _BLOCK, y.shape[0]))
            last = np.array([part.stop - part.start - 1])
            totals = totals.over_rows(y[part], before[part], values[part], last).at(0)
        return totals

    def over_rows(
        self, y: FloatArray, before: FloatArray, values: FloatArray, looks: IntArray
    ) -> "Totals":
        """Return the sums after each of the decisions `looks`.

        Args:
            y: (n, columns), of decisions in their order.
            before: (n, columns), the sums of y over the unit's earlier decisions.
            values: (n, values), not weighted.
            looks: indices of decisions.
        """
        i, j = self.columns.pairs.T
        own = y.take(i, axis=1) * y.take(j, axis=1)
        # (Y + y)(Y + y)' less Y Y'; most units are new, with nothing before.
        whole, back = own.copy(), np.flatnonzero(before.any(axis=1))
        old, new = before[back], y[back]
        whole[back] += old.take(i, axis=1) * new.take(j, axis=1)
        whole[back] += new.take(i, axis=1) * old.take(j, axis=1)
        groups = [weight_column(RANDOMISED, group) for group in (TREATMENT, BASELINE)]
        drawn, had = y[:, groups] > 0, before[:, groups] > 0
        counts = np.zeros((y.shape[0], COUNTS))
        counts[:, : len(DECISIONS)] = drawn
        counts[:, UNITS] = drawn.any(axis=1) & ~had.any(axis=1)
        counts[:, UNITS_SEEN[0] :] = drawn & ~had
        compared = np.asarray(drawn.any(axis=1))[:, None]
        summed = np.where(
            compared[..., None],
            np.stack([values, values**2, values != self.usual], axis=2),
            0.0,
        )
        largest = np.maximum.accumulate(
            np.concatenate(
                [self.plain[None, :, LARGEST], np.where(compared, values, -np.inf)]
            )
        )[looks + 1]
        plain = _run(self.plain[:, :LARGEST], summed, looks)
        heaviest = np.maximum.accumulate(
            np.concatenate([self.heaviest[None], y[:, :WEIGHTS]])
        )[looks + 1]
        return replace(
            self,
            counts=_run(self.counts, counts, looks),
            sums=_run(self.sums, y, looks),
            by_unit=_run(self.by_unit, whole, looks),
            by_decision=_run(self.by_decision, own, looks),
            plain=np.concatenate([plain, largest[..., None]], axis=-1),
            heaviest=heaviest,
        )

    def at(self, look: int | IntArray | slice) -> "Totals":
        """Return the sums of some looks."""
        return replace(
            self,
            counts=self.counts[look],
            sums=self.sums[look],
            by_unit=self.by_unit[look],
            by_decision=self.by_decision[look],
            plain=self.plain[look],
            heaviest=self.heaviest[look],
        )

    def with_replaced(self, old: FloatArray, new: FloatArray) -> "Totals":
        """Return the sums with the values of one decision replaced, not weighted.

        The largest value stays the largest one that ever counted.
        """
        plain = self.plain.copy()
        plain[:, TOTAL] += new - old
        plain[:, SQUARES] += new**2 - old**2
        plain[:, ORDERS] += (new != self.usual) * 1.0 - (old != self.usual)
        plain[:, LARGEST] = np.maximum(plain[:, LARGEST], new)
        return replace(self, plain=plain)

    def to_bytes(self) -> bytes:
        """Return the sums of now as bytes, a function of the numbers alone."""
        values, chances = self.columns.values, len(self.chances)
        crossed = bytes(place for pair in self.columns.crossed for place in pair)
        version = _CROSSED_VERSION if crossed else _VERSION
        head = _HEAD.pack(version, values, _WITHOUT_COVARIATE, chances)
        if crossed:
            head += bytes([len(crossed)]) + crossed
        arrays = (
            *(np.array(self.chances), self.usual, self.counts, self.sums),
            *(self.by_unit, self.by_decision, self.heaviest, self.plain.ravel()),
        )
        return head + np.concatenate(arrays).astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Totals":
        """Restore what `to_bytes` returned, to the last bit.

        Raises:
            LoggedDataError: the bytes are not such sums.
        """
        known = (_VERSION, _CROSSED_VERSION)
        if len(stored) <= _HEAD.size or stored[0] not in known:
            raise LoggedDataError(
                f"{len(stored)} bytes are no sums of version {_VERSION} or "
                f"{_CROSSED_VERSION}"
            )
        version, values, _, chances = _HEAD.unpack_from(stored)
        begin, crossed = _HEAD.size, b""
        if version == _CROSSED_VERSION:
            begin += 1 + stored[begin]
            crossed = stored[_HEAD.size + 1 : begin]
        columns = Columns(values, tuple(zip(crossed[::2], crossed[1::2], strict=True)))
        products = len(columns.pairs)
        sizes = [chances, values, COUNTS, columns.count, products, products, WEIGHTS]
        numbers = np.frombuffer(stored, dtype="<f8", offset=begin)
        if numbers.size != sum(sizes) + values * _PLAIN:
            raise LoggedDataError(
                f"sums of {values} values hold {numbers.size} numbers; "
                f"{sum(sizes) + values * _PLAIN} are expected"
            )
        parts = np.split(numbers.astype(np.float64), np.cumsum(sizes))
        return cls(
            columns=columns,
            chances=tuple(parts[0].tolist()),
            usual=parts[1],
            counts=parts[2],
            sums=parts[3],
            by_unit=parts[4],
            by_decision=parts[5],
            heaviest=parts[6],
            plain=parts[7].reshape(values, _PLAIN),
        )


def _wider(array: FloatArray, more: int) -> FloatArray:
    return np.concatenate([array, np.zeros((*array.shape[:-1], more))], axis=-1)


def _run(start: FloatArray, rows: FloatArray, looks: IntArray) -> FloatArray:
    """Return running sums, row after row; no other order gives the same bits."""
    sums: FloatArray = np.cumsum(np.concatenate([start[None], rows]), axis=0)
    return sums[looks + 1]
