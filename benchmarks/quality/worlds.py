"""The worlds of the quality benchmark, two of them from real data.

Owns the conversion of a classification data set to a bandit: its classes are the
actions, and the right class has a reward of 1. Needs benchmarks/requirements.lock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from river.datasets import ImageSegments
from sklearn.datasets import load_digits

from policies.base import Action, Context, RewardRange, Scalar
from simulators.delays import Channel, Exponential
from simulators.environment import Json, World, experiment_body, flatten
from simulators.in_process import INSTANT_CHANNEL
from simulators.worlds.artwork import ArtworkWorld
from simulators.worlds.drift import DriftWorld
from simulators.worlds.hero import HeroWorld


class ClassificationWorld:
    """A labelled data set as a bandit; a round draws a row with replacement."""

    reward_range = RewardRange(0.0, 1.0)

    def __init__(
        self, key: str, rows: Sequence[Mapping[str, float]], labels: Sequence[str]
    ) -> None:
        self.key = key
        self.actions = tuple(Action(label) for label in sorted(set(labels)))
        self._contexts: list[Context] = [{"features": dict(row)} for row in rows]
        self._labels: dict[tuple[Scalar, ...], list[str]] = {}
        for context, label in zip(self._contexts, labels, strict=True):
            self._labels.setdefault(_values(context), []).append(label)

    def draw_context(self, rng: np.random.Generator, round_index: int) -> Context:
        """Draw the features of one row."""
        del round_index
        return self._contexts[rng.integers(len(self._contexts))]

    def expected_reward(
        self, context: Context, action_key: str, round_index: int
    ) -> float:
        """Return the share of this label among the rows with these features."""
        del round_index
        labels = self._labels[_values(context)]
        return labels.count(action_key) / len(labels)

    def experiment(self) -> Json:
        """Hold out the first class."""
        return experiment_body(self.key, self.actions, self.actions[0].key)


def _values(context: Context) -> tuple[Scalar, ...]:
    return tuple(flatten(context).values())


def digits() -> ClassificationWorld:
    """Build the 1,797 handwritten digits: 64 pixels in 0..1, 10 actions."""
    bunch = load_digits()
    rows = [
        {f"p{index}": pixel / 16.0 for index, pixel in enumerate(row)}
        for row in bunch.data.tolist()
    ]
    return ClassificationWorld("digits", rows, [str(label) for label in bunch.target])


def segments() -> ClassificationWorld:
    """Build the 2,310 image segments: 18 standardised measures, 7 actions."""
    # river's classes have no types, which mypy sees only where river is installed.
    image_segments: Any = ImageSegments
    rows, labels = zip(*image_segments(), strict=True)
    names = list(rows[0])
    table = np.array([[row[name] for name in names] for row in rows])
    table = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-9)
    standardised = [
        dict(zip(names, row, strict=True)) for row in table.round(4).tolist()
    ]
    return ClassificationWorld("segments", standardised, labels)


@dataclass(frozen=True)
class Setting:
    """A world with the channel and the waiting time of its rewards."""

    world: World
    channel: Channel = INSTANT_CHANNEL
    window_s: int = 0


# One decision per second: a reward comes 120 decisions later on average, and all are
# learned 600 decisions later; of the rewards, 0.7 % miss the window.
DELAYED = Channel(acts=Exponential(120.0))
DELAYED_WINDOW_S = 600

WORLDS = ("hero", "artwork", "hero-delayed", "drift", "digits", "segments")


def setting(name: str, n_rounds: int) -> Setting:
    """Build one of `WORLDS`; the drift happens in the middle of the rounds."""
    match name:
        case "hero":
            return Setting(HeroWorld())
        case "artwork":
            return Setting(ArtworkWorld())
        case "hero-delayed":
            return Setting(HeroWorld(), DELAYED, DELAYED_WINDOW_S)
        case "drift":
            return Setting(DriftWorld(change_at_round=n_rounds // 2))
        case "digits":
            return Setting(digits())
        case "segments":
            return Setting(segments())
    raise ValueError(f"there is no world {name!r}; the worlds are {', '.join(WORLDS)}")
