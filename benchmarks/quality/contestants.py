"""The contestants of the quality benchmark: our policies and other libraries'.

Owns the adapter of mabwiser, which takes one numeric vector: numbers scaled to 0..1,
one-hot categories and a constant.
Needs benchmarks/requirements.lock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mabwiser.mab import MAB, LearningPolicy

from policies.base import Action, Context, Policy, Scalar
from policies.spec import build_policy
from simulators.environment import FloatArray, World, flatten

N_CONTEXTS_TO_ENCODE_BY = 2_000


@dataclass(frozen=True)
class Contestant:
    """A policy under test."""

    build: Callable[[World, int], Policy]
    """Returns a fresh policy for a world and a seed."""
    floor: float = 0.0
    """The exploration floor that it is served with."""


class NumericEncoder:
    """Turns a context into a vector of fixed length, fitted to a sample of contexts."""

    def __init__(self, contexts: Sequence[Context]) -> None:
        self._column_of: dict[tuple[str, Scalar], int] = {}
        self._scale: dict[str, tuple[float, float]] = {}
        for context in contexts:
            for name, value in flatten(context).items():
                self._see(name, value)
        self.length = 1 + len(self._column_of)

    def _see(self, name: str, value: Scalar) -> None:
        column = (name, None) if _is_number(value) else (name, value)
        self._column_of.setdefault(column, 1 + len(self._column_of))
        if _is_number(value):
            low, high = self._scale.get(name, (np.inf, -np.inf))
            number = float(value or 0)
            self._scale[name] = (min(low, number), max(high, number))

    def encode(self, context: Context) -> FloatArray:
        """Return the vector of a context, shape (length,); a new category is zeros."""
        vector = np.zeros(self.length)
        vector[0] = 1.0
        for name, value in flatten(context).items():
            if _is_number(value):
                low, high = self._scale[name]
                scaled = (float(value or 0) - low) / ((high - low) or 1.0)
                vector[self._column_of[name, None]] = scaled
            elif (name, value) in self._column_of:
                vector[self._column_of[name, value]] = 1.0
        return vector


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class MabwiserPolicy:
    """A policy that a mabwiser bandit makes; it has no propensities but 0 and 1."""

    def __init__(self, bandit: MAB, encoder: NumericEncoder) -> None:
        self._bandit = bandit
        self._encoder = encoder
        self._fitted = False

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Put all mass on mabwiser's choice; uniform before the first reward."""
        if not self._fitted:
            return [1.0 / len(actions)] * len(actions)
        chosen = self._bandit.predict([self._encoder.encode(context)])
        return [float(action.key == chosen) for action in actions]

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Pass the example on; mabwiser does not use the propensity."""
        del propensity
        fit = self._bandit.partial_fit if self._fitted else self._bandit.fit
        fit([actions[chosen].key], [reward], [self._encoder.encode(context)])
        self._fitted = True

    def dump(self) -> bytes:
        """Return an empty dump: the benchmark restarts no contestant."""
        return b""

    def load(self, state: bytes) -> None:
        """Refuse: the benchmark restarts no contestant."""
        raise NotImplementedError


def ours(spec: Mapping[str, Any], floor: float = 0.02) -> Contestant:
    """Enter one of our policies with an exploration floor."""

    def build(world: World, seed: int) -> Policy:
        del seed
        return build_policy(spec, world.reward_range)

    return Contestant(build, floor)


def mabwiser(learning_policy: object) -> Contestant:
    """Enter a mabwiser bandit without a floor."""

    def build(world: World, seed: int) -> Policy:
        rng = np.random.default_rng(0)
        contexts = [
            world.draw_context(rng, index) for index in range(N_CONTEXTS_TO_ENCODE_BY)
        ]
        keys = [action.key for action in world.actions]
        bandit = MAB(keys, learning_policy, seed=seed)
        return MabwiserPolicy(bandit, NumericEncoder(contexts))

    return Contestant(build)


CONTESTANTS: Mapping[str, Contestant] = {
    "vw": ours({"kind": "vw"}),
    "linear": ours({"kind": "linear"}),
    # VW's own epsilon-greedy explores by itself, so it needs no floor of ours.
    "vw-epsilon": ours({"kind": "vw", "explorer": "epsilon", "epsilon": 0.05}, 0.0),
    "mabwiser-linucb": mabwiser(LearningPolicy.LinUCB(alpha=0.25)),
    "mabwiser-lints": mabwiser(LearningPolicy.LinTS(alpha=0.25)),
    "thompson": ours({"kind": "thompson"}),
    "uniform": ours({"kind": "uniform"}, 0.0),
}
