"""A ridge regression for each action, updated one example at a time.

Owns the matrices of kind `linear`: their update (Sherman and Morrison 1950), their slow
forgetting, their allocation and their bytes. Knows nothing of contexts, explorers or
probabilities; a row is passed as columns and values.

Between two examples a regression moves back towards its prior by a share that falls
with age: after n examples, of all actions, as if the true weights had moved by
forgetting / n of a prior deviation with each example. So about the last 1 / forgetting
of the log counts, at any age, and an action that isn't chosen grows uncertain again.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

WARM_UP_COUNT = 1000.0
"""Examples that are added to the age, so that a young policy forgets nothing."""

VAGUE = 16.0
"""A weight whose variance exceeds so many prior variances counts as unknown."""

NOISE_PRIOR = 0.25
"""The largest possible variance of a reward in [0, 1]; assumed before any residual."""


class Packed(msgspec.Struct, frozen=True):
    """The regressions in a dump; matrices are little-endian float64."""

    keys: list[str]
    ages: list[int]
    age: int
    squares: float
    weights: bytes
    covariances: bytes


class Regressions:
    """Weights and covariance for each action, over columns that may grow in number."""

    def __init__(self, prior_variance: float, forgetting: float) -> None:
        self._prior_variance = prior_variance
        self._forgetting = forgetting
        self._slots: dict[str, int] = {}
        self._ages: list[int] = []
        self._age = 0
        self._squares = 0.0
        # Shapes (slots, columns) and (slots, columns, columns), with spare room.
        self._weights: Floats = np.zeros((0, 0))
        self._covariances: Floats = np.zeros((0, 0, 0))

    @property
    def learned_count(self) -> int:
        """The number of examples that were learned, of all actions."""
        return self._age

    @property
    def noise(self) -> float:
        """The estimated variance of a reward around its prediction.

        The weight of the assumed variance falls with the square of the age, so that
        rewards in a narrow part of a wide range soon have their own noise.
        """
        count = self._age + 1
        return (self._squares + NOISE_PRIOR / count) / count

    def estimates(
        self, indices: Indices, values: Floats, unseen: float, keys: Sequence[str]
    ) -> tuple[Floats, Floats]:
        """Predict one row for some actions; one that was never learned has the prior.

        Args:
            indices: shape (n,), columns of the row that aren't zero, ascending.
            values: shape (n,).
            unseen: sum of squares of features without a column.
            keys: K actions.

        Returns:
            means: shape (K,).
            variances: shape (K,), of the means; in units of the noise.
        """
        square = float(values @ values)
        means = np.zeros(len(keys))
        variances = np.full(len(keys), self._prior_variance * square)
        known = [place for place, key in enumerate(keys) if key in self._slots]
        if known:
            slots = np.array([self._slots[keys[place]] for place in known])
            kept = np.array([self._kept(self._ages[slot]) for slot in slots])
            rows = self._weights[slots[:, None], indices]
            blocks = self._covariances[
                slots[:, None, None], indices[:, None], indices[None, :]
            ]
            # As `_forget` would leave them; the stored arrays stay as they are, since a
            # prediction must not change the state.
            means[known] = np.sqrt(kept) * (rows @ values)
            variances[known] *= 1.0 - kept
            variances[known] += kept * ((blocks @ values) @ values)
        variances += self._prior_variance * unseen
        return means, variances

    def means(self, indices: Indices, values: Floats, keys: Sequence[str]) -> Floats:
        """Predict one row for some actions, without the variances of `estimates`.

        Returns:
            Shape (K,); 0 for an action that was never learned.
        """
        means = np.zeros(len(keys))
        known = [place for place, key in enumerate(keys) if key in self._slots]
        if known:
            slots = [self._slots[keys[place]] for place in known]
            kept = [math.sqrt(self._kept(self._ages[slot])) for slot in slots]
            rows = self._weights[np.array(slots)[:, None], indices]
            means[known] = (rows @ values) * kept
        return means

    def learn(self, key: str, indices: Indices, values: Floats, reward: float) -> None:
        """Update an action's regression by one row and its scaled reward."""
        slot = self._slots[key]
        self._age += 1
        weights, covariance = self._weights[slot], self._covariances[slot]
        self._forget(slot, weights, covariance)
        # Recursive least squares by Sherman and Morrison: with x the row and C the
        # covariance, C becomes C - (C x)(C x)' / (1 + x' C x).
        gain = values @ covariance[indices]
        variance = 1.0 + float(gain[indices] @ values)
        error = reward - float(weights[indices] @ values)
        weights += gain * (error / variance)
        # Scaled after the product, which is then symmetric to the last bit.
        covariance -= np.outer(gain, gain) / variance
        # The error has the variance noise * (1 + x' C x) before the update.
        self._squares += error * error / variance

    def make_room(self, key: str, width: int, most: int | None = None) -> None:
        """Make sure that an action has a slot, and each slot `width` columns.

        Args:
            most: largest number of slots; beyond it the new action takes over the slot
                of the one that was learned from longest ago.
        """
        if key not in self._slots and len(self._slots) == most:
            self._take_over(key)
        if key not in self._slots:
            self._slots[key] = len(self._slots)
            self._ages.append(self._age)
        slots, columns = self._weights.shape
        new_slots, new_columns = slots, columns
        # Doubled, so that all copies together cost no more than the largest array.
        while new_slots < len(self._slots):
            new_slots = max(4, 2 * new_slots)
        while new_columns < width:
            new_columns = max(16, 2 * new_columns)
        if (new_slots, new_columns) == (slots, columns):
            return
        weights = np.zeros((new_slots, new_columns))
        covariances = np.empty((new_slots, new_columns, new_columns))
        covariances[:] = np.eye(new_columns) * self._prior_variance
        weights[:slots, :columns] = self._weights
        covariances[:slots, :columns, :columns] = self._covariances
        self._weights, self._covariances = weights, covariances

    def _take_over(self, key: str) -> None:
        oldest = self._ages.index(min(self._ages))
        keys = list(self._slots)
        keys[oldest] = key
        # Slots are dumped in the order of the keys.
        self._slots = {name: slot for slot, name in enumerate(keys)}
        self._ages[oldest] = self._age
        self._weights[oldest] = 0.0
        columns = self._weights.shape[1]
        self._covariances[oldest] = np.eye(columns) * self._prior_variance

    def rescale(self, doublings: Mapping[int, int]) -> None:
        """Adapt to columns whose values are halved from now on, each so many times.

        Powers of two change no bit of a mantissa, so predictions don't change at all. A
        weight that would become far less certain than the prior is reset to the prior,
        before rounding errors dominate the matrix.
        """
        used = len(self._slots)
        for column, doubled in doublings.items():
            factor = 2.0**doubled
            for slot in range(used):
                weights, covariance = self._weights[slot], self._covariances[slot]
                weights[column] *= factor
                covariance[column, :] *= factor
                covariance[:, column] *= factor
                if covariance[column, column] > VAGUE * self._prior_variance:
                    weights[column] = 0.0
                    covariance[column, :] = covariance[:, column] = 0.0
                    covariance[column, column] = self._prior_variance

    def _kept(self, age: int) -> float:
        """Return the share of a covariance that is left since an age.

        exp(-f^2 (1/a - 1/b)) for ages a < b, WARM_UP_COUNT included: the product of
        1 - (f / n)^2 over the examples between them, to first order.
        """
        if age == self._age:
            return 1.0
        passed = 1.0 / (age + WARM_UP_COUNT) - 1.0 / (self._age + WARM_UP_COUNT)
        return math.exp(-self._forgetting * self._forgetting * passed)

    def _forget(self, slot: int, weights: Floats, covariance: Floats) -> None:
        kept = self._kept(self._ages[slot])
        self._ages[slot] = self._age
        if kept < 1.0:
            # A weight scales like a deviation, so that weight and covariance shrink to
            # the prior (mean 0, its own variance) together.
            weights *= math.sqrt(kept)
            covariance *= kept
            diagonal = np.einsum("ii->i", covariance)
            diagonal += (1.0 - kept) * self._prior_variance

    def packed(self, width: int) -> Packed:
        """Return the regressions for a dump, without spare room."""
        used = len(self._slots)
        weights = self._weights[:used, :width]
        covariances = self._covariances[:used, :width, :width]
        return Packed(
            keys=list(self._slots),
            ages=self._ages,
            age=self._age,
            squares=self._squares,
            weights=weights.astype("<f8").tobytes(),
            covariances=covariances.astype("<f8").tobytes(),
        )

    @classmethod
    def unpacked(
        cls, packed: Packed, width: int, prior_variance: float, forgetting: float
    ) -> Self:
        """Build the regressions that were packed."""
        new = cls(prior_variance, forgetting)
        new._age, new._squares = packed.age, packed.squares
        for key in packed.keys:
            new.make_room(key, width)
        new._ages = list(packed.ages)
        used = len(packed.keys)
        weights = np.frombuffer(packed.weights, "<f8").reshape(used, width)
        covariances = np.frombuffer(packed.covariances, "<f8")
        new._weights[:used, :width] = weights
        new._covariances[:used, :width, :width] = covariances.reshape(
            used, width, width
        )
        return new
