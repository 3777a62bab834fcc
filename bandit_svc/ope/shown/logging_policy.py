"""Estimate the chances with which another system chooses.

Owns a multinomial logistic regression that learns one choice after the other, over
hashed features and their pairs, so that each rule on two features can be expressed.
Each chance is predicted before the choice is learned. So the estimate is cross-fitted
forwards in time: no choice is weighed by a model that has seen it. Of the bytes that it
is kept in none is a value of a feature.

Reference: the steps are AdaGrad's (Duchi, Hazan and Singer 2011).
"""

import zlib
from collections.abc import Sequence
from itertools import combinations
from typing import Self

import msgspec
import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray

HASHED = 1_024
"""Weights of each action."""
MOST_FEATURES = 12
"""Beyond them features count by themselves alone, without pairs."""
MOST_ACTIONS = 64
STEP = 1.0
"""Of all features of a choice together, over the root of the squared gradients."""
CLIP = 0.01
"""No estimated chance counts as less, so that no weight exceeds 100."""


class _Kept(msgspec.Struct, array_like=True):
    actions: list[str]
    weights: bytes
    squares: bytes


class LoggingPolicy:
    """The model of another system's choices."""

    def __init__(self) -> None:
        self._actions: dict[str, int] = {}
        self._weights = np.zeros((HASHED, 0))
        self._squares = np.zeros((HASHED, 0))

    def predict(self, features: IntArray, actions: Sequence[str]) -> FloatArray:
        """Return the chance of each action, (K,).

        Args:
            features: of `hashed`.
            actions: names of the eligible ones.
        """
        places = self._places(actions)
        logits = self._weights[features][:, places].sum(axis=0)
        chances = np.exp(logits - logits.max())
        return np.asarray(chances / chances.sum())

    def learn(
        self, features: IntArray, actions: Sequence[str], chosen: int
    ) -> FloatArray:
        """Learn a choice; return the chances that were predicted before, (K,).

        Args:
            features, actions: as of `predict`.
            chosen: index into the actions.
        """
        chances = self.predict(features, actions)
        gradient = chances.copy()
        gradient[chosen] -= 1
        at = np.ix_(features, self._places(actions))
        self._squares[at] += gradient**2
        step = STEP / features.size
        self._weights[at] -= step * gradient / np.sqrt(self._squares[at] + 1e-12)
        return chances

    def _places(self, actions: Sequence[str]) -> IntArray:
        known = self._actions
        for name in actions:
            if name not in known:
                known[name] = min(len(known), MOST_ACTIONS - 1)
        missing = min(len(known), MOST_ACTIONS) - self._weights.shape[1]
        if missing > 0:
            more = np.zeros((HASHED, missing))
            self._weights = np.hstack((self._weights, more))
            self._squares = np.hstack((self._squares, more))
        return np.array([known[name] for name in actions], dtype=np.int64)

    def to_bytes(self) -> bytes:
        """Return the state."""
        kept = _Kept(
            list(self._actions),
            self._weights.astype("<f8").tobytes(),
            self._squares.astype("<f8").tobytes(),
        )
        return msgspec.msgpack.encode(kept)

    @classmethod
    def from_bytes(cls, state: bytes) -> Self:
        """Return the model that `to_bytes` has returned.

        Raises:
            msgspec.DecodeError: the bytes are damaged.
            ValueError: they are of another shape.
        """
        kept = msgspec.msgpack.decode(state, type=_Kept)
        model = cls()
        model._places(kept.actions)
        shape = model._weights.shape
        arrays = (
            np.frombuffer(one, "<f8").reshape(shape).copy()
            for one in (kept.weights, kept.squares)
        )
        model._weights, model._squares = arrays
        return model


def hashed(features: Sequence[tuple[str, object]]) -> IntArray:
    """Return the places of features, of their pairs, and of what is always there.

    Args:
        features: names and values; numbers count by their value, those with a fraction
            by two digits of it.
    """
    texts = [f"{name}={_text(value)}" for name, value in sorted(features)[:200]]
    pairs = combinations(texts[:MOST_FEATURES], 2)
    places = {_place(text) for text in (*texts, *(f"{a}&{b}" for a, b in pairs))}
    return np.array([0, *sorted(places)], dtype=np.int64)


def _place(text: str) -> int:
    # 0 is of what is always there.
    return 1 + zlib.crc32(text.encode("utf-8", "surrogatepass")) % (HASHED - 1)


def _text(value: object) -> str:
    return f"{value:.2g}" if isinstance(value, float) else repr(value)
