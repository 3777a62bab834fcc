"""Stacked recursive least squares: some models of the same columns, for each action.

Owns the matrices of the models whose columns are a set of their own: their update
(Sherman and Morrison 1950), their forgetting, their allocation and their bytes. A model
differs from the others of its stack by its prior and its forgetting alone. Knows
nothing of contexts, weights of models or probabilities.

Rewards are passed less their running mean, so that a weight of 0 says "as the average".
Priors are in deviations of the noise: a prior deviation d is a ridge of 1 / d ** 2.
"""

import math
from collections.abc import Sequence
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from policies.auto.columns import MOST_COLUMNS, Floats, Indices
from policies.auto.products import take_squares, times_rows

Singles = npt.NDArray[np.float32]

NEVER = math.inf
"""The time at which a row that was never learned last forgot."""

FORGOTTEN_AT_ONCE = 1e-2
"""A matrix is scaled when this share of it is to be forgotten, not at each example."""

MOST_PENDING = 8
"""Updates of a matrix that are made at once: its bytes are read and written once for
all of them, which is most of the time of wide ones."""

LEAST_COLUMNS, LEAST_ROWS = 8, 4
"""Columns and rows are added at least so many at a time."""

MANY_ROWS = 64
"""Above so many rows, their times are taken out of an array."""

MOST_CELLS = 1_000_000
"""Entries of one model's matrices at which contexts get no further columns."""


class Prior(msgspec.Struct, frozen=True):
    """How one model starts and how fast it forgets.

    Attributes:
        intercept: prior deviation of the constant, in deviations of the noise.
        weights: prior deviation of every other weight.
        forgetting: about the last 1 / forgetting of the log counts.
    """

    intercept: float
    weights: float
    forgetting: float


class Packed(msgspec.Struct, frozen=True):
    """A stack in a dump: weights are little-endian float64, matrices float32.

    Attributes:
        columns: those of the contexts that the models have, in their order.
        times: of each row, when it last forgot; NEVER before.
        matrices: the upper triangles.
        pending: for each row, the updates that are still to be made.
    """

    columns: list[int]
    times: list[float]
    weights: bytes
    matrices: bytes
    pending: list[bytes]


def room_for(needed: int, least: int) -> int:
    """Return a capacity: the next multiple of a quarter of the power of two below.

    It is a function of what is needed alone, so that shapes, and with them the last
    bits of sums, don't depend on how often a policy was loaded.
    """
    step = max(least, 1 << max(0, needed.bit_length() - 3))
    return -(-needed // step) * step


class Regressions:
    """Shapes: R rows (actions), Q models, D columns, with spare room in R and D."""

    def __init__(self, priors: Sequence[Prior], most_columns: int) -> None:
        self._priors = tuple(priors)
        self._most_columns = most_columns
        self._intercepts = np.array([prior.intercept**2 for prior in priors])
        self._variances = np.array([prior.weights**2 for prior in priors])
        self._squares = np.array([prior.forgetting**2 for prior in priors])
        self._fastest = float(self._squares.max())
        self._columns: list[int] = []
        self._room = 0
        # The place of a column of the contexts; -1 for those that the models lack.
        self._places = np.full(MOST_COLUMNS, -1)
        self._times: list[float] = []
        self._weights: Floats = np.zeros((0, len(priors), 0))
        self._matrices: Singles = np.zeros((0, len(priors), 0, 0), np.float32)
        # A row's matrix is the stored one less the sum of u u' over its pending u.
        self._pending: Singles = np.zeros((0, len(priors), MOST_PENDING, 0), np.float32)
        self._pending_counts: list[int] = []

    @property
    def width(self) -> int:
        """The number of columns in use."""
        return len(self._columns)

    @staticmethod
    def most_columns(rows: int) -> int:
        """Return the number of columns at which matrices of so many rows are full."""
        return math.isqrt(MOST_CELLS // max(rows, 1))

    def learn(
        self, row: int, columns: Indices, values: Floats, target: float, time: float
    ) -> Floats:
        """Update a row by one example.

        Args:
            columns: of the contexts, shape (n,).
            values: shape (n,).
            target: the reward less the running mean.
            time: of the clock; see `clock`.

        Returns:
            Shape (Q,): the error of each model before it learned.
        """
        places = self._places[columns]
        if np.minimum.reduce(places) < 0:
            places = self._joined(columns, places)
            inside = places >= 0
            places, values = places[inside], values[inside]
        if row >= len(self._times) or self._room < len(self._columns):
            self._make_room(row)
        weights = self._weights[row]
        self._forget(row, weights, time)
        # `take` is twice as fast as an index of the same places.
        errors: Floats = target - weights.take(places, 1) @ values
        gains = self._gains(row, places, values)
        # With x the values and P the matrix, P becomes P - (P x)(P x)' / (1 + x' P x).
        spreads = 1.0 + np.maximum(gains.take(places, 1) @ values, 0.0)
        weights += gains * (errors / spreads)[:, None]
        pending = self._pending_counts[row]
        self._pending[row, :, pending] = gains / np.sqrt(spreads)[:, None]
        self._pending_counts[row] = pending + 1
        if pending + 1 == MOST_PENDING:
            self._settle(row)
        return errors

    def _gains(self, row: int, places: Indices, values: Floats) -> Singles:
        """Return P x for each model, shape (Q, D)."""
        singles = values.astype(np.float32)
        gains = times_rows(singles, self._matrices[row].take(places, 1))
        count = self._pending_counts[row]
        if count:
            pending = self._pending[row, :, :count]
            inner = pending.take(places, 2) @ singles
            gains -= (inner[:, None, :] @ pending)[:, 0]
        return gains

    def _settle(self, row: int) -> None:
        """Make a row's pending updates."""
        count = self._pending_counts[row]
        if count:
            take_squares(self._matrices[row], self._pending[row, :, :count])
            self._pending_counts[row] = 0

    def weights_of(self, columns: Indices) -> Floats:
        """Return the weights of the first model's first row, 0 for unknown columns."""
        if not self._times:
            return np.zeros(columns.shape)
        places = self._places[columns]
        return np.where(places >= 0, self._weights[0, 0][places], 0.0)

    def folded(
        self, shares: Floats, rows: Indices, columns: Indices, time: float
    ) -> Floats:
        """Return the weights of all models in one: their average by `shares`.

        Args:
            shares: shape (Q,), of the models.
            rows: shape (K,); -1 for an action that was never learned.
            columns: shape (n,), of the contexts.
            time: of the clock.

        Returns:
            Shape (K, n); 0 for columns that the models lack.
        """
        if not (self._times and self._columns):
            return np.zeros((len(rows), len(columns)))
        places = self._places.take(columns)
        factors = self._factors(shares, rows, time)
        _, models, width = self._weights.shape
        firsts = rows[:, None] * models + np.arange(models)
        # Entry by entry, and one model after the other in the sum: an entry has the
        # same bits whatever other columns and rows are asked for. The place of a row
        # or column that is not there is clipped to one whose share is 0 then.
        at = firsts[:, :, None] * width + places
        weights = self._weights.ravel().take(at, mode="clip")
        weights *= factors[:, :, None]
        folded: Floats = np.add.reduce(weights, axis=1)
        if np.minimum.reduce(places) < 0:
            folded[:, places < 0] = 0.0
        return folded

    def _factors(self, shares: Floats, rows: Indices, time: float) -> Floats:
        """Return what a weight of each row and model counts, shape (K, Q)."""
        known = self._times
        # A row that never forgot has an infinite time: nothing has passed since.
        if len(rows) > MANY_ROWS:
            inside = (rows >= 0) & (rows < len(known))
            places = np.where(inside, rows, len(known))
            since: Floats = np.array([*known, NEVER]).take(places)
        else:
            since = np.array(
                [
                    known[row] if 0 <= row < len(known) else NEVER
                    for row in rows.tolist()
                ]
            )
        passed = np.maximum(time - since, 0.0)
        factors: Floats = np.exp(np.multiply.outer(passed, -0.5 * self._squares))
        factors *= shares
        if np.minimum.reduce(rows) < 0 or np.maximum.reduce(rows) >= len(known):
            factors[(rows < 0) | (rows >= len(known))] = 0.0
        return factors

    def variances(
        self, rows: Indices, columns: Indices, values: Floats, time: float
    ) -> Floats:
        """Return the variances of the models' predictions, in units of the noise.

        Args:
            rows: shape (K,); -1 for an action that was never learned.
            columns: of the contexts, shape (n,), the intercept first.
            values: shape (n,).
            time: of the clock.

        Returns:
            Shape (Q, K).
        """
        places = self._places[columns]
        inside = places >= 0
        squares = values * values
        prior = self._intercepts * squares[0] + self._variances * squares[1:].sum()
        outside = self._variances * squares[~inside].sum()
        found = np.repeat(prior[:, None], len(rows), axis=1)
        places, values = places[inside], values[inside]
        models = range(len(self._priors))
        for place, row in enumerate(rows.tolist()):
            if 0 <= row < len(self._times):
                since = np.array(self._times[row])
                kept = np.array([self._kept(model, since, time) for model in models])
                spreads = np.maximum(
                    self._gains(row, places, values)[:, places] @ values, 0.0
                )
                # As `_forget` would leave them: a prediction must not change the state.
                own = kept * spreads + (1.0 - kept) * (prior - outside)
                found[:, place] = own + outside
        return found

    def start_again(self, row: int) -> None:
        """Reset a row to the prior: its action went and another one takes it."""
        if row < len(self._times):
            self._times[row], self._pending_counts[row] = NEVER, 0
            self._weights[row] = 0.0
            self._matrices[row] = self._prior_matrices(self._matrices.shape[2])

    def _joined(self, columns: Indices, places: Indices) -> Indices:
        """Assign a place to each column that has none, as long as there is room."""
        most = min(self._most_columns, self.most_columns(len(self._times)))
        if len(self._columns) >= most:
            return places
        for column in columns[places < 0].tolist():
            if len(self._columns) < most and self._places[column] < 0:
                self._places[column] = len(self._columns)
                self._columns.append(column)
        found: Indices = self._places[columns]
        return found

    def _make_room(self, row: int) -> None:
        rows, _, width = self._weights.shape
        self._room = room_for(len(self._columns), LEAST_COLUMNS)
        self._times += [NEVER] * (row + 1 - len(self._times))
        self._pending_counts += [0] * (row + 1 - len(self._pending_counts))
        more_rows = room_for(len(self._times), LEAST_ROWS)
        more_width = self._room
        if (rows, width) == (more_rows, more_width):
            return
        models = len(self._priors)
        weights = np.zeros((more_rows, models, more_width))
        matrices = np.empty((more_rows, models, more_width, more_width), np.float32)
        matrices[:] = self._prior_matrices(more_width)
        weights[:rows, :, :width] = self._weights
        matrices[:rows, :, :width, :width] = self._matrices
        pending = np.zeros((more_rows, models, MOST_PENDING, more_width), np.float32)
        pending[:rows, :, :, :width] = self._pending
        self._weights, self._matrices, self._pending = weights, matrices, pending

    def _prior_matrices(self, width: int) -> Singles:
        """Return the prior covariances, shape (Q, width, width).

        The intercept has the first place, since every context begins with it.
        """
        matrices = np.zeros((len(self._priors), width, width), np.float32)
        each = np.arange(width)
        matrices[:, each, each] = self._variances[:, None]
        matrices[:, 0, 0] = self._intercepts
        return matrices

    def _kept(self, model: int, times: Floats, time: float) -> Floats:
        """Return the share of each row's evidence that still counts; 1 after NEVER.

        exp(-f^2 (t - s)): the product of 1 - (f / age)^2 over the examples between the
        times s and t, to first order.
        """
        # A row that never forgot has an infinite time: nothing has passed since.
        passed = np.maximum(time - times, 0.0)
        kept: Floats = np.exp(-self._squares[model] * passed)
        return kept

    def _forget(self, row: int, weights: Floats, time: float) -> None:
        passed = time - self._times[row]
        if passed == -NEVER:
            self._times[row] = time
            return
        if self._fastest * passed < FORGOTTEN_AT_ONCE:
            return
        self._times[row] = time
        self._settle(row)
        # Not the spare columns: those that are in use later must begin with the prior
        # to the last bit, as they do after a load.
        width = len(self._columns)
        matrices = self._matrices[row, :, :width, :width]
        kept = np.exp(-self._squares * passed)
        # A weight scales like a deviation, so that weight and covariance shrink to the
        # prior (mean 0, its own variance) together.
        weights *= np.sqrt(kept)[:, None]
        matrices *= kept.astype(np.float32)[:, None, None]
        each = np.arange(width)
        matrices[:, each, each] += ((1.0 - kept) * self._variances)[:, None]
        matrices[:, 0, 0] += (1.0 - kept) * (self._intercepts - self._variances)

    def packed(self) -> Packed:
        """Return the stack for a dump, without spare room."""
        rows, width = len(self._times), len(self._columns)
        upper = np.triu_indices(width)
        triangles = self._matrices[:rows, :, :width, :width][:, :, *upper]
        return Packed(
            columns=self._columns,
            times=self._times,
            weights=self._weights[:rows, :, :width].astype("<f8").tobytes(),
            matrices=triangles.astype("<f4").tobytes(),
            pending=[
                self._pending[row, :, :count, :width].astype("<f4").tobytes()
                for row, count in enumerate(self._pending_counts)
            ],
        )

    @classmethod
    def unpacked(
        cls, packed: Packed, priors: Sequence[Prior], most_columns: int
    ) -> Self:
        """Build the stack that was packed."""
        new = cls(priors, most_columns)
        new._columns = list(packed.columns)
        new._places[new._columns] = np.arange(len(new._columns))
        rows, width = len(packed.times), len(packed.columns)
        if not rows:
            return new
        new._make_room(rows - 1)
        new._times = list(packed.times)
        models = len(priors)
        weights = np.frombuffer(packed.weights, "<f8").reshape(rows, models, width)
        new._weights[:rows, :, :width] = weights
        triangles = np.frombuffer(packed.matrices, "<f4").reshape(rows, models, -1)
        one, other = np.triu_indices(width)
        new._matrices[:rows, :, one, other] = triangles
        new._matrices[:rows, :, other, one] = triangles
        for row, updates in enumerate(packed.pending):
            pending = np.frombuffer(updates, "<f4").reshape(models, -1, width)
            new._pending_counts[row] = pending.shape[1]
            new._pending[row, :, : pending.shape[1], :width] = pending
        return new
