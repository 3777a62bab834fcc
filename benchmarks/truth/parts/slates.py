"""Measure how often intervals of the value of pages hold the truth.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.slates
[--runs N] [--cells TEXT ...]`. The world is simulators/worlds/home_page: rows in three
slots, where a row earns less below one that is played, or below one like it. The truth
is by enumeration. Logs are drawn by fixed weights with an exploration floor; the target
has other weights. Units come once, or ten times.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.sequences.asymptotic import boundary
from bandit_svc.ope.slates.pages import Pages
from bandit_svc.ope.slates.values import CASCADE, CASCADE_SN, SLATE, slate_values
from benchmarks.truth.asked import is_asked, options
from simulators.worlds.home_page import PARTS, ROWS, VIEWERS, HomePage, Visit

SEED = 29
RUNS = 400
SLOTS = 3
FLOOR = 0.1
CONFIDENCE = 0.95
ONE_LOOK = 1.96
SHOWN = (CASCADE, CASCADE_SN, SLATE)
_WORLD = HomePage(rows=ROWS[1:7], slots=SLOTS)
LOGGED = dict(zip(_WORLD.rows, (3.0, 2.0, 1.0, 1.0, 2.0, 1.0), strict=True))
TARGET = dict(zip(_WORLD.rows, (2.0, 1.0, 2.0, 2.0, 1.0, 1.0), strict=True))


class Cell(NamedTuple):
    """What differs between rows."""

    name: str
    pages: int
    visits: int = 1


CELLS = (
    Cell("slates, 1,000 pages", 1_000),
    Cell("slates, 5,000 pages", 5_000),
    Cell("slates, 2,000 pages, ten a unit", 2_000, 10),
)


def print_slates(runs: int, cells: Sequence[str]) -> None:
    """Print the cells that were asked for."""
    asked = [cell for cell in CELLS if is_asked(cell.name, cells)]
    if not asked:
        return
    print(
        f"\nPages of {SLOTS} of {len(_WORLD.rows)} rows, {runs} logs a cell, seed "
        f"{SEED}; share of intervals that hold the truth, at one look / at every\n"
    )
    print("| log | " + " | ".join(SHOWN) + " |\n| --- |" + " --- |" * len(SHOWN))
    for cell in asked:
        covered = {name: np.zeros(2) for name in SHOWN}
        for run in range(runs):
            pages = _draw(cell, SEED + run)
            units = float(pages.units)
            always = boundary(units, CONFIDENCE) * units**0.5
            for at, z in enumerate((ONE_LOOK, always)):
                for name, found in slate_values(pages, z).items():
                    if name in covered:
                        ends = found.value.interval
                        lower, upper = ends.lower or 0.0, ends.upper or 0.0
                        covered[name][at] += lower <= _TRUTH <= upper
        shares = [one / runs for one in covered.values()]
        texts = (f"{one:.3f} / {always:.3f}" for one, always in shares)
        print(f"| {cell.name} | " + " | ".join(texts) + " |")


def _pmf(weights: dict[str, float], left: tuple[str, ...]) -> list[float]:
    total = sum(weights[row] for row in left)
    return [(1.0 - FLOOR) * weights[row] / total + FLOOR / len(left) for row in left]


def _target(visit: Visit, above: tuple[str, ...], left: tuple[str, ...]) -> list[float]:
    del visit, above
    return _pmf(TARGET, left)


_TRUTH = float(
    np.mean(
        [
            _WORLD.value(Visit(viewer, part, unfinished=False), _target)
            for viewer in VIEWERS
            for part in PARTS
        ]
    )
)


class _Slates(NamedTuple):
    """All slates of one kind of visit.

    Attributes:
        chance: (S,), of each under the logging policy.
        ratio: (S, SLOTS), target over logging probability of each slot.
        played: (S, SLOTS), the chance that each row is played.
    """

    chance: FloatArray
    ratio: FloatArray
    played: FloatArray


def _slates(visit: Visit) -> _Slates:
    chance, ratio, played = [], [], []
    for slate in itertools.permutations(_WORLD.rows, SLOTS):
        probability, ratios = 1.0, []
        for slot, row in enumerate(slate):
            left = tuple(one for one in _WORLD.rows if one not in slate[:slot])
            logged = _pmf(LOGGED, left)[left.index(row)]
            ratios.append(_pmf(TARGET, left)[left.index(row)] / logged)
            probability *= logged
        chance.append(probability)
        ratio.append(ratios)
        played.append(_WORLD.played(visit, slate))
    return _Slates(np.array(chance), np.array(ratio), np.array(played))


_VISITS = [
    [_slates(Visit(viewer, part, unfinished=False)) for part in PARTS]
    for viewer in VIEWERS
]


def _draw(cell: Cell, seed: int) -> Pages:
    """Draw a log; a unit is one viewer at all of its visits."""
    rng = np.random.default_rng(seed)
    units = cell.pages // cell.visits
    unit = np.repeat(np.arange(units), cell.visits)
    viewer = rng.integers(len(VIEWERS), size=units)[unit]
    part = rng.integers(len(PARTS), size=cell.pages)
    reward = np.zeros((cell.pages, SLOTS))
    ratio = np.zeros((cell.pages, SLOTS))
    for at, by_part in enumerate(_VISITS):
        for of, slates in enumerate(by_part):
            mine = np.flatnonzero((viewer == at) & (part == of))
            shown = rng.choice(slates.chance.size, mine.size, p=slates.chance)
            ends = slates.played[shown].cumsum(axis=1)
            slot = (rng.random((mine.size, 1)) > ends).sum(axis=1)
            reward[mine] = slot[:, None] == np.arange(SLOTS)
            ratio[mine] = slates.ratio[shown]
    rows = np.repeat(np.arange(cell.pages), SLOTS)
    slots = np.tile(np.arange(SLOTS), cell.pages)
    return Pages.of(rows, slots, reward.ravel(), ratio.ravel(), np.repeat(unit, SLOTS))


if __name__ == "__main__":
    _asked = options(__doc__, RUNS)
    print_slates(_asked.runs, _asked.cells)
