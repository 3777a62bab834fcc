"""One regression for all actions, over products of context and action features.

Owns the model by which actions learn from each other: recursive least squares over
each feature of the context times 1 and times each feature of the action, and beside it
the mean of what that leaves for each action, shrunk to 0. It is the model for many
actions and for new ones. Numbers of actions are divided by the power of two above the
largest one learned; their definition is the owner's, so that nobody else can move it.
"""

import math
import zlib
from collections.abc import Sequence
from typing import Self

import msgspec
import numpy as np

from policies.auto.columns import INTERCEPT, MOST_COLUMNS, Floats, Indices
from policies.auto.regressions import Packed, Prior, Regressions, room_for
from policies.base import Action
from policies.features import Named, action_features

MOST_PRODUCTS, HASHED_PRODUCTS = 256, 32
"""Products with a column, and how many of those take the ones that come last."""
MOST_OWN = 256
"""Features of actions that are known; later ones are left out."""

MOST_KEPT = 4_096
"""Actions whose features are named once."""

PRIOR = Prior(intercept=1.0, weights=0.1, forgetting=0.0)
OWN_COUNT = 100.0
"""The prior of an action's own mean, as a count: a deviation of .1 of the noise."""

LEAST_PLACES = 8
UNKNOWN = MOST_COLUMNS - 1
"""Stands for a product that has no column."""


class PackedShared(msgspec.Struct, frozen=True):
    """The model in a dump; `products` are (context column, own place, column)."""

    own: dict[str, int]
    scales: dict[str, float]
    products: list[tuple[int, int, int]]
    used: int
    regression: Packed
    counts: list[int]
    sums: list[float]


class SharedRegression:
    """Predicts what an action's features and the context have in common."""

    def __init__(self) -> None:
        # Place 0 is the constant of every action.
        self._own: dict[str, int] = {"*": 0}
        self._scales: dict[str, float] = {}
        self._products = np.full((MOST_COLUMNS, LEAST_PLACES), UNKNOWN)
        self._used = 0
        self._regression = Regressions((PRIOR,), MOST_PRODUCTS)
        self._counts: list[int] = []
        self._sums: list[float] = []
        # By row; the last entry stays 0, for actions without a row (-1).
        self._own_means = np.zeros(1)

    def learn(
        self,
        row: int,
        own: Sequence[Named],
        columns: Indices,
        values: Floats,
        target: float,
    ) -> float:
        """Update by one example and return the error before it.

        Args:
            row: of the action.
            own: the action's features.
            columns: of the context, plain ones, shape (n,).
            values: shape (n,).
            target: the reward less the running mean.
        """
        places, factors = self._learned_features(own)
        products = self._admitted(columns, places)
        given = np.multiply.outer(values, factors).ravel()
        left = float(self._regression.learn(0, products, given, target, 0.0)[0])
        self._make_rows(row + 1)
        error = left - float(self._own_means[row])
        self._counts[row] += 1
        self._sums[row] += left
        self._own_means[row] = self._sums[row] / (self._counts[row] + OWN_COUNT)
        return error

    def table(self, actions: Sequence[Action]) -> Floats:
        """Return the features of actions, shape (K, places), 1 in the first place."""
        table = np.zeros((len(actions), len(self._own)))
        table[:, 0] = 1.0
        for at, action in enumerate(actions):
            for name, value in _kept_features(action):
                place = self._own.get(name)
                if place is not None:
                    table[at, place] = value / self._scales.get(name, 1.0)
        return table

    @property
    def table_version(self) -> tuple[int, float]:
        """A value that changes whenever a table of the same actions does."""
        return len(self._own), math.fsum(self._scales.values())

    def folded(self, columns: Indices, table: Floats, rows: Indices) -> Floats:
        """Return the weights of columns of the context for each action.

        Args:
            columns: shape (n,).
            table: of K actions.
            rows: shape (K,); -1 for an action that was never learned.

        Returns:
            Shape (n, K); an action's own mean is in the row of the intercept.
        """
        folded = np.zeros((len(columns), len(rows)))
        known = np.flatnonzero(self._products[columns, 0] != UNKNOWN)
        products = self._products[columns[known], : table.shape[1]]
        weights = self._regression.weights_of(products)
        # Entry by entry, so that the bits don't depend on what else is asked for.
        folded[known] = np.einsum("np,kp->nk", weights, table)
        folded[columns == INTERCEPT] += self._own_means[rows]
        return folded

    def start_again(self, row: int) -> None:
        """Forget an action's own mean."""
        if row < len(self._counts):
            self._counts[row], self._sums[row] = 0, 0.0
            self._own_means[row] = 0.0

    def _make_rows(self, rows: int) -> None:
        if rows > len(self._counts):
            self._counts += [0] * (rows - len(self._counts))
            self._sums += [0.0] * (rows - len(self._sums))
            means = np.zeros(rows + 1)
            means[: len(self._own_means) - 1] = self._own_means[:-1]
            self._own_means = means

    def _learned_features(self, own: Sequence[Named]) -> tuple[list[int], Floats]:
        places, factors = [0], [1.0]
        for name, given in own:
            value = given
            place = self._own.get(name)
            if place is None:
                if len(self._own) >= MOST_OWN:
                    continue
                place = self._own[name] = len(self._own)
            if name[-1] == "#":
                scale = self._scales.get(name)
                if scale is None or abs(value) > scale:
                    scale = self._scales[name] = _power_above(value)
                value /= scale
            places.append(place)
            factors.append(value)
        return places, np.array(factors)

    def _admitted(self, columns: Indices, places: list[int]) -> Indices:
        """Return the column of each product, context first; new ones get one."""
        have = self._products.shape[1]
        if len(self._own) > have:
            more = room_for(len(self._own), LEAST_PLACES)
            wider = np.full((MOST_COLUMNS, more), UNKNOWN)
            wider[:, :have] = self._products
            self._products = wider
        # `take` is twice as fast as an index of the same places.
        products: Indices = self._products.take(columns, 0).take(places, 1)
        if np.maximum.reduce(products, axis=None) == UNKNOWN:
            self._admit(columns, places)
            products = self._products.take(columns, 0).take(places, 1)
        return products.ravel()

    def _admit(self, columns: Indices, places: list[int]) -> None:
        alone = MOST_PRODUCTS - HASHED_PRODUCTS
        for column in columns.tolist():
            for place in places:
                if self._products[column, place] != UNKNOWN:
                    continue
                if self._used < alone:
                    self._products[column, place] = self._used
                    self._used += 1
                else:
                    hashed = zlib.crc32(f"{column}*{place}".encode()) % HASHED_PRODUCTS
                    self._products[column, place] = alone + hashed

    def packed(self) -> PackedShared:
        """Return the model for a dump."""
        columns, places = np.nonzero(self._products != UNKNOWN)
        named = zip(
            columns.tolist(),
            places.tolist(),
            self._products[columns, places].tolist(),
            strict=True,
        )
        return PackedShared(
            own=self._own,
            scales=self._scales,
            products=list(named),
            used=self._used,
            regression=self._regression.packed(),
            counts=self._counts,
            sums=self._sums,
        )

    @classmethod
    def unpacked(cls, packed: PackedShared) -> Self:
        """Build the model that was packed."""
        new = cls()
        new._own, new._scales = dict(packed.own), dict(packed.scales)
        new._products = np.full(
            (MOST_COLUMNS, room_for(len(new._own), LEAST_PLACES)), UNKNOWN
        )
        for column, place, product in packed.products:
            new._products[column, place] = product
        new._used = packed.used
        new._make_rows(len(packed.counts))
        new._counts, new._sums = list(packed.counts), list(packed.sums)
        new._own_means[:-1] = np.array(new._sums) / (np.array(new._counts) + OWN_COUNT)
        new._regression = Regressions.unpacked(
            packed.regression, (PRIOR,), MOST_PRODUCTS
        )
        return new


def own_features(action: Action) -> list[Named]:
    """Return the features of an action but its key."""
    return list(action_features(action))[1:]


_kept: dict[int, tuple[Action, list[Named]]] = {}
# The key is an identity; the entry holds the action, so that no other object can have
# its id. Shared by all policies of the process: newer models read the same actions.


def _kept_features(action: Action) -> list[Named]:
    """Return `own_features`, named once for an action that comes again."""
    known = _kept.get(id(action))
    if known is not None:
        return known[1]
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    own = own_features(action)
    _kept[id(action)] = (action, own)
    return own


def _power_above(value: float) -> float:
    """Return a power of two that is not less than the size of a number; 1 for 0."""
    return math.ldexp(1.0, math.frexp(value)[1]) if value else 1.0
