"""Recursive least squares for each action over a short feature vector.

Owns the kind `linear`: state, update, dump. The update is the Sherman-Morrison
formula for ridge regression, so that every reward is learned exactly once and
nothing is refitted. How estimates become probabilities stands in
`linear_explorers`. An action's own features aren't looked at: each action learns
for itself, which is best for a short list of actions that stays.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from policies import settings
from policies.base import (
    Action,
    Context,
    RewardRange,
    check_actions,
    check_example,
)
from policies.envelope import seal, spec_digest, unseal
from policies.linear_columns import Columns, Floats, Indices
from policies.linear_explorers import EXPLORER, Estimates, explored, explorer_settings
from policies.settings import Choice, Count, Number

SETTINGS = (
    Count("dimensions", 128, "most columns of the feature vector", 16, 512),
    Choice("interactions", "none", "whether pairs count too", ("none", "pairs")),
    Number("ridge", 1.0, "how strongly estimates are pulled to 0", 1e-6, 1e6),
)


class LinearPolicy:
    """Predicts each action's reward linearly and explores by the uncertainty."""

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        self._digest = spec_digest(spec, reward_range)
        self._reward_range = reward_range
        self._spec = dict(spec)
        self._prior_variance = 1.0 / spec["ridge"]
        self._columns = Columns(spec["dimensions"], spec["interactions"] == "pairs")
        self._slots: dict[str, int] = {}
        self._learned_count = 0
        # Shape (slots, columns) and (slots, columns, columns); both grow by doubling.
        self._weights = np.zeros((0, 0))
        self._covariances = np.zeros((0, 0, 0))

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Give the explorer's probabilities from the estimates."""
        check_actions(len(actions))
        indices, values, unseen = self._columns.vector(context)
        return explored(self._spec, self._estimates(indices, values, unseen, actions))

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Update the chosen action's estimate; the propensity isn't used.

        A regression for each action needs no importance weights: it asks what the
        reward is in a context, not how often the action was chosen there.
        """
        check_example(len(actions), chosen, propensity)
        scaled_reward = self._reward_range.scaled(reward)
        grown = self._columns.admit(context)
        slot = self._slots.setdefault(actions[chosen].key, len(self._slots))
        self._make_room()
        self._rescale(grown)
        indices, values, _ = self._columns.vector(context)
        self._update(slot, indices, values, scaled_reward)
        self._learned_count += 1

    def _estimates(
        self,
        indices: Indices,
        values: Floats,
        unseen: float,
        actions: Sequence[Action],
    ) -> Estimates:
        means = np.zeros(len(actions))
        prior = self._prior_variance * float(values @ values)
        variances = np.full(len(actions), prior)
        known = [
            (place, self._slots[action.key])
            for place, action in enumerate(actions)
            if action.key in self._slots
        ]
        if known:
            places, slots = (np.array(part) for part in zip(*known, strict=True))
            means[places] = self._weights[slots[:, None], indices] @ values
            part = self._covariances[
                slots[:, None, None], indices[:, None], indices[None, :]
            ]
            variances[places] = (part @ values) @ values
        variances += self._prior_variance * unseen
        return Estimates(means, variances, self._learned_count)

    def _make_room(self) -> None:
        slots, width = self._weights.shape
        new_slots, new_width = slots, width
        while new_slots < len(self._slots):
            new_slots = max(4, 2 * new_slots)
        while new_width < self._columns.width:
            new_width = min(max(16, 2 * new_width), self._columns.limit)
        if (new_slots, new_width) == (slots, width):
            return
        weights = np.zeros((new_slots, new_width))
        covariances = np.empty((new_slots, new_width, new_width))
        covariances[:] = np.eye(new_width) * self._prior_variance
        weights[:slots, :width] = self._weights
        covariances[:slots, :width, :width] = self._covariances
        self._weights, self._covariances = weights, covariances

    def _rescale(self, grown: Mapping[int, int]) -> None:
        # Powers of two change no bit of a mantissa, so that rescaling is exact.
        used = len(self._slots)
        for column, exponent in grown.items():
            if exponent:
                factor = 2.0**exponent
                self._weights[:used, column] *= factor
                self._covariances[:used, column, :] *= factor
                self._covariances[:used, :, column] *= factor

    def _update(
        self, slot: int, indices: Indices, values: Floats, scaled_reward: float
    ) -> None:
        covariance = self._covariances[slot]
        gain = values @ covariance[indices]
        variance = 1.0 + float(gain[indices] @ values)
        weights = self._weights[slot]
        error = scaled_reward - float(weights[indices] @ values)
        weights += gain * (error / variance)
        covariance -= np.outer(gain, gain) / variance

    def dump(self) -> bytes:
        """Give columns, slots and matrices, without their spare room."""
        slots, width = len(self._slots), self._columns.width
        packed = _Packed(
            columns=self._columns,
            slots=list(self._slots),
            learned_count=self._learned_count,
            weights=self._weights[:slots, :width].astype("<f8").tobytes(),
            covariances=self._covariances[:slots, :width, :width]
            .astype("<f8")
            .tobytes(),
        )
        return seal(self._digest, msgspec.msgpack.encode(packed))

    def load(self, state: bytes) -> None:
        """Replace everything that was learned."""
        packed = msgspec.msgpack.decode(unseal(self._digest, state), type=_Packed)
        self._columns = packed.columns
        self._slots = {key: slot for slot, key in enumerate(packed.slots)}
        self._learned_count = packed.learned_count
        self._weights, self._covariances = np.zeros((0, 0)), np.zeros((0, 0, 0))
        if self._slots:
            self._make_room()
            slots, width = len(self._slots), self._columns.width
            weights = np.frombuffer(packed.weights, "<f8")
            self._weights[:slots, :width] = weights.reshape(slots, width)
            covariances = np.frombuffer(packed.covariances, "<f8")
            self._covariances[:slots, :width, :width] = covariances.reshape(
                slots, width, width
            )


class _Packed(msgspec.Struct):
    columns: Columns
    slots: list[str]
    learned_count: int
    weights: bytes
    covariances: bytes


def normalise(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Check the spec of kind `linear`."""
    explorer = EXPLORER.checked(spec.get("explorer", EXPLORER.default))
    own = explorer_settings(explorer, spec)
    return settings.normalised("linear", spec, [EXPLORER, *own, *SETTINGS])
