"""From a context to columns and values, for all models of `auto`.

Owns the column of each feature, of each hat function and of each product of two
features. Columns are assigned by the learned features in order, so that they are a
function of the log; the fewer are left, the more often must a feature have come. When
none is left, features without one are hashed into a few shared columns; numbers, hats
and products are left out.
"""

import zlib
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from policies.admission import Admission
from policies.auto.numbers import Number
from policies.base import Context, Features, Scalar
from policies.features import Named, context_features, squashed

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

INTERCEPT = 0
SHARED_COLUMNS = 16
MOST_PLAIN, MOST_HATS, MOST_PAIRS = 111, 96, 224
MOST_COLUMNS = 1 + SHARED_COLUMNS + MOST_PLAIN + MOST_HATS + MOST_PAIRS
LEAST_PAIRED, MOST_PAIRED = 2, 19
"""A context with fewer or more features, hats included, has no products."""


class Reads(IntEnum):
    """Which columns of a context are read; each kind includes those before it."""

    PLAIN = 0
    HATS = 1
    PRODUCTS = 2


class Row(msgspec.Struct, frozen=True):
    """A context as columns and values; a column may come twice.

    Attributes:
        columns: shape (n,), the intercept, the other plain ones, the hats, the
            products that have a column.
        values: shape (n,).
        plain: the number of plain columns.
        hats: the number of plain and hat columns.
        numbers: those among the features that have a column, with their values.
        complete: False if learning the context may assign a further column.
    """

    columns: Indices
    values: Floats
    plain: int
    hats: int
    numbers: Sequence[tuple[Number, float]]
    complete: bool


class Columns(msgspec.Struct):
    """The columns that were assigned.

    Attributes:
        known: column of each feature that is not a number.
        numbers: by name.
        pairs: the two columns of each product, and its own.
        most_pairs: the number of products at which no more get a column.
        used: the number of columns, the intercept and the shared ones included.
        hats: the number of columns of hat functions.
        pairing: False where products are left out for good.
        admission: counts of the features without a column.
    """

    known: dict[str, int] = msgspec.field(default_factory=dict)
    numbers: dict[str, Number] = msgspec.field(default_factory=dict)
    pairs: list[tuple[int, int, int]] = msgspec.field(default_factory=list)
    most_pairs: int = MOST_PAIRS
    used: int = 1 + SHARED_COLUMNS
    hats: int = 0
    pairing: bool = True
    admission: Admission = msgspec.field(default_factory=Admission)

    @property
    def has_room(self) -> bool:
        """True while a plain feature gets a column of its own."""
        return self.plain_count < MOST_PLAIN

    @property
    def plain_count(self) -> int:
        """The number of features with a column of their own."""
        return len(self.known) + len(self.numbers)

    def assign(self) -> int:
        """Return a new column."""
        self.used += 1
        return self.used - 1

    def place_hats(self, number: Number) -> None:
        """Assign columns to a number's hat functions, if there is room for all."""
        if self.hats + len(number.knots) <= MOST_HATS:
            number.hats = [self.assign() for _ in number.knots]
            self.hats += len(number.hats)


@lru_cache(maxsize=MOST_PAIRED)
def _each_two(count: int) -> tuple[Indices, Indices]:
    """Return the indices of the first and of the second of each two."""
    first, second = np.triu_indices(count, 1)
    return first, second


_UNSEEN: Final = -1
"""No column has this number."""
_SIMPLE: Final = frozenset({str, float, int})
_Place = tuple[str, str, Scalar]
"""A namespace, the name of a feature in it, and its text; None of a number."""
MOST_INNER: Final = 4_096
"""Features in namespaces of which is kept what is known."""


class ColumnReader:
    """Reads contexts by assigned columns, and assigns further ones."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        # The column of the product of two columns, or -1.
        self._products = np.full((MOST_COLUMNS, MOST_COLUMNS), -1, dtype=np.int16)
        for one, other, product in columns.pairs:
            self._products[one, other] = self._products[other, one] = product
        # What `columns` knows of outermost features, by their names as callers write
        # them: naming a feature takes longer than all else that is done with it.
        self._texts: dict[tuple[str, str], int] = {}
        self._numbers: dict[str, Number] = {}
        # The same of features in namespaces, and of those without a column too, as long
        # as none is assigned.
        self._inner: dict[_Place, int | Number | None] = {}
        self._inner_count = -1

    def row(self, context: Context, reads: Reads = Reads.PRODUCTS) -> Row:
        """Return the columns and values of a context; nothing is assigned.

        Args:
            reads: of the columns.

        Raises:
            PolicyError: a feature is refused.
        """
        columns, numbers, complete = self._read(context)
        values = [1.0] * len(columns)
        for number, value in numbers:
            columns.append(number.column)
            values.append(number.standardised(value))
        plain = len(columns)
        if reads >= Reads.HATS:
            for number, value in numbers:
                if number.hats:
                    at, share = number.between(value)
                    columns += number.hats[at : at + 2]
                    values += (1.0 - share, share)
        given = np.array(columns), np.array(values)
        ends = plain, len(columns)
        few = LEAST_PAIRED <= len(columns) - 1 <= MOST_PAIRED
        if reads == Reads.PRODUCTS and few and self.columns.pairing:
            given, all_known = self._with_products(*given)
            complete = complete and all_known
        return Row(*given, *ends, numbers, complete)

    def _read(
        self, context: Context
    ) -> tuple[list[int], list[tuple[Number, float]], bool]:
        """Return the columns of features that are not numbers, and the numbers.

        Returns:
            columns: the intercept first; each has the value 1.
            numbers: those that have a column.
            complete: False if a feature may get a column when it is learned.
        """
        columns = [INTERCEPT]
        numbers: list[tuple[Number, float]] = []
        complete = True
        for name, value in context.items():
            kind = type(value)
            if kind is str:
                column = self._texts.get((name, value))  # type: ignore[arg-type]
                if column is not None:
                    columns.append(column)
                    continue
            elif kind is float or kind is int:
                number = self._numbers.get(name)
                if number is not None:
                    numbers.append((number, squashed(value)))  # type: ignore[arg-type]
                    continue
            elif kind is dict and value:
                inner = self._read_inner(name, value, columns, numbers)  # type: ignore[arg-type]
                complete = inner and complete
                continue
            for named in context_features({name: value}):
                found = self._found(named, name, value)
                if found is None:
                    complete = complete and not self.columns.has_room
                elif isinstance(found, Number):
                    numbers.append((found, named[1]))
                else:
                    columns.append(found)
        return columns, numbers, complete

    def _read_inner(
        self,
        namespace: str,
        features: dict[str, Scalar],
        columns: list[int],
        numbers: list[tuple[Number, float]],
    ) -> bool:
        """Add what `_read` returns of a namespace's features; return its `complete`."""
        complete, inner = True, self._inner_features()
        for name, value in features.items():
            kind = type(value)
            text = value if kind is str else None
            found = inner.get((namespace, name, text), _UNSEEN)
            if found is _UNSEEN or kind not in _SIMPLE:
                (named,) = context_features({namespace: {name: value}})
                found = self._found(named, "", None)
                if kind in _SIMPLE:
                    if len(inner) >= MOST_INNER:
                        inner.clear()
                    inner[namespace, name, text] = found
            if found is None:
                complete = complete and not self.columns.has_room
            elif isinstance(found, int):
                columns.append(found)
            else:
                numbers.append((found, squashed(value)))  # type: ignore[arg-type]
        return complete

    def _inner_features(self) -> dict[_Place, int | Number | None]:
        """Return what is at hand of features in namespaces; no columns came since."""
        count = self.columns.plain_count
        if count != self._inner_count:
            self._inner_count = count
            self._inner.clear()
        return self._inner

    def _found(
        self, named: Named, name: str, value: Scalar | Features
    ) -> int | Number | None:
        """Return the column or the number of a feature; None where it has none."""
        feature = named[0]
        # Only a number's name ends so.
        if feature[-1] == "#":
            number = self.columns.numbers.get(feature)
            if number is not None and isinstance(value, int | float):
                self._numbers[name] = number
            return number
        column = self.columns.known.get(feature)
        if column is not None:
            if isinstance(value, str):
                self._texts[name, value] = column
            return column
        if self.columns.has_room:
            return None
        return 1 + zlib.crc32(feature.encode()) % SHARED_COLUMNS

    def _with_products(
        self, columns: Indices, values: Floats
    ) -> tuple[tuple[Indices, Floats], bool]:
        """Add the products that have a column; return whether no more may get one."""
        first, second = _each_two(len(columns) - 1)
        others, factors = columns[1:], values[1:]
        # `take` is twice as fast as an index of the same places.
        products = self._products[others.take(first), others.take(second)]
        factors = factors.take(first) * factors.take(second)
        complete = True
        if np.minimum.reduce(products) < 0:
            complete = len(self.columns.pairs) >= self.columns.most_pairs
            known = products >= 0
            products, factors = products[known], factors[known]
        found = np.concatenate([columns, products])
        return (found, np.concatenate([values, factors])), complete

    def admit(self, context: Context, most_pairs: int) -> None:
        """Assign columns to features that have none, and to products of features.

        Args:
            context: that `row` has read, so that no feature is refused.
            most_pairs: largest number of products that have a column.
        """
        state = self.columns
        for name, _ in context_features(context):
            if name in state.known or name in state.numbers:
                continue
            if not state.admission.admits(name, state.plain_count, MOST_PLAIN):
                continue
            if name[-1] == "#":
                state.numbers[name] = Number(state.assign())
            else:
                state.known[name] = state.assign()
        state.most_pairs = most_pairs
        row = self.row(context, Reads.HATS)
        if state.pairing and LEAST_PAIRED <= row.hats - 1 <= MOST_PAIRED:
            self._admit_pairs(row.columns[1 : row.hats])

    def _admit_pairs(self, columns: Indices) -> None:
        state = self.columns
        first, second = _each_two(len(columns))
        for one, other in zip(
            columns[first].tolist(), columns[second].tolist(), strict=True
        ):
            if len(state.pairs) >= state.most_pairs:
                break
            if self._products[one, other] < 0:
                product = state.assign()
                state.pairs.append((one, other, product))
                self._products[one, other] = self._products[other, one] = product

    def learn(self, row: Row) -> None:
        """Take in the numbers of a context that was learned."""
        for number, value in row.numbers:
            if number.learn(value):
                self.columns.place_hats(number)

    def stop_pairing(self) -> None:
        """Leave out products from now on."""
        self.columns.pairing = False
