"""Measure how often intervals of the value of pages hold the truth.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.slates
[--runs N] [--cells TEXT ...]`. The world is simulators/worlds/home_page: rows in three
slots, where a row earns less below one that is played, or below one like it. The truth
is by enumeration. Logs are drawn by fixed weights with an exploration floor; the target
has other weights. Units come once, or ten times.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

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


def _draw(cell: Cell, seed: int) -> Pages:
    """Draw a log; a unit is one viewer at all of its visits."""
    rng = np.random.default_rng(seed)
    units = cell.pages // cell.visits
    viewers = rng.integers(len(VIEWERS), size=units)
    unit = np.repeat(np.arange(units), cell.visits)
    reward = np.zeros((cell.pages, SLOTS))
    ratio = np.zeros((cell.pages, SLOTS))
    for page in range(cell.pages):
        part = PARTS[rng.integers(len(PARTS))]
        visit = Visit(VIEWERS[viewers[unit[page]]], part, unfinished=False)
        slate: tuple[str, ...] = ()
        for slot in range(SLOTS):
            left = tuple(row for row in _WORLD.rows if row not in slate)
            pmf = _pmf(LOGGED, left)
            at = int(rng.choice(len(left), p=pmf))
            ratio[page, slot] = _pmf(TARGET, left)[at] / pmf[at]
            slate = (*slate, left[at])
        played = _WORLD.draw_play(visit, slate, rng)
        if played is not None:
            reward[page, played] = 1.0
    rows = np.repeat(np.arange(cell.pages), SLOTS)
    slots = np.tile(np.arange(SLOTS), cell.pages)
    return Pages.of(rows, slots, reward.ravel(), ratio.ravel(), np.repeat(unit, SLOTS))


if __name__ == "__main__":
    _asked = options(__doc__, RUNS)
    print_slates(_asked.runs, _asked.cells)
