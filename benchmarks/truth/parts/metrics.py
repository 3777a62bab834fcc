"""Measure ratio metrics and totals a unit: ever wrong, and how wide.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.metrics
[--runs N] [--cells TEXT ...]`. Logs of 20,000 decisions of units that come back, a look
after each twentieth one, by the product's own code (ope/metrics).
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from bandit_svc.ope.metrics.ratio import (
    EACH,
    Ratio,
    RatioSides,
    ratio_difference,
    ratio_sides,
)
from bandit_svc.ope.uplift.by_unit import Band
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions, totals_over
from benchmarks.truth.asked import is_asked, options
from benchmarks.truth.unit_logs import ALIKE, Process, joined, visits

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DECISIONS = 20_000
LOOK_EVERY = 20
RUNS = 1_000
SEED = 43
CONFIDENCE = 0.95
QUANTILE = float(special.ndtri(1 - (1 - CONFIDENCE) / 2))
HOLDOUT = 0.2
RATE, CORRELATION = 0.1, 0.3
REVENUE, ORDERS, FIRST = 0, 1, 2
SIZE_LOG, SIZE_SPREAD, LARGEST = 3.5, 1.0, 500.0
"""Orders are lognormal and cut."""
ITEMS = 3.0
"""Mean number of items of an order, where there are several."""
PROCESSES: tuple[tuple[Process, float], ...] = (
    ("once", 1.0),
    ("session", 2.9),
    ("heavy", 2.9),
    ("pop", 5.0),
)
RATIOS = {
    "revenue an order": Ratio(REVENUE, ORDERS),
    "revenue a unit": Ratio(REVENUE, FIRST, by_unit=True),
    "orders a unit": Ratio(ORDERS, FIRST, by_unit=True),
    "decisions a unit": Ratio(EACH, FIRST, by_unit=True),
}


@dataclass(frozen=True)
class World:
    """What action 1 changes, and of what an order is.

    Attributes:
        buyers: factor of the chance of an order.
        size: factor of an order's value.
        items: true if an order counts its items, whose number is geometric, and its
            value is the sum of theirs.
    """

    buyers: float = 1.0
    size: float = 1.0
    items: bool = False


WORLDS: Mapping[str, World] = {
    "A/A": World(),
    "A/A, orders count items": World(items=True),
    "half more buyers": World(buyers=1.5),
    "orders twice as large": World(size=2.0),
    "half more buyers, orders half as large": World(buyers=1.5, size=0.5, items=True),
}


Truths = Callable[[str, FloatArray], tuple[FloatArray, FloatArray]]
"""Of a metric's name and decisions a unit: the true value of both groups."""


@dataclass(frozen=True, eq=False)
class Made:
    """A log with what is true of it at each decision, (n,) each."""

    log: JoinedDecisions
    units: FloatArray


def main() -> None:
    """Print the tables of the cells that were asked for."""
    asked = options(__doc__, RUNS)
    print_metrics(asked.runs, asked.cells)


def print_metrics(runs: int, cells: Sequence[str] = ()) -> None:
    """Print the table; `cells` are parts of names, all cells by default."""
    asked = [
        (world, process, name)
        for world in WORLDS
        for process in PROCESSES
        if is_asked(name := f"metrics {world}, {process[0]} {process[1]:g}", cells)
    ]
    if not asked:
        return
    print(f"\n{runs:,} runs of {DECISIONS:,} decisions, holdout {HOLDOUT:g}, a look "
          f"every {LOOK_EVERY}; ever wrong by group, by trajectory, relative; "
          "median width (ratios by trajectory, totals by group) over the fixed-n "
          "interval by unit of the group alone; runs with an interval\n")  # fmt: skip
    print("| cell | " + " | ".join(RATIOS) + " |\n| --- |" + " --- |" * len(RATIOS))
    for world, process, name in asked:
        _print_cell(WORLDS[world], process, name, runs)


def make(world: World, process: tuple[Process, float], r: np.random.Generator) -> Made:
    """Return a log of orders."""
    unit = visits(*process, DECISIONS, r)
    units = int(unit.max()) + 1
    baseline = (r.random(units) < HOLDOUT)[unit]
    more = 1 / CORRELATION - 1
    taste = r.beta(RATE * more, (1 - RATE) * more, units)
    # A person's orders are alike in size, too.
    thrift = np.exp(r.normal(0.0, 0.5, units))
    action = np.where(baseline, 0, r.random(DECISIONS) >= ALIKE)
    chance = np.minimum(taste[unit] * np.where(action == 1, world.buyers, 1.0), 1.0)
    orders = (r.random(DECISIONS) < chance).astype(np.float64)
    if world.items:
        orders *= r.geometric(1 / ITEMS, DECISIONS)
    sizes = np.minimum(np.exp(r.normal(SIZE_LOG, SIZE_SPREAD, DECISIONS)), LARGEST)
    sizes = sizes * thrift[unit] * np.where(action == 1, world.size, 1.0)
    first = np.zeros(DECISIONS)
    first[np.unique(unit, return_index=True)[1]] = 1.0
    log = joined(unit, baseline, np.full(DECISIONS, HOLDOUT), action, orders * sizes)
    values = np.column_stack([orders * sizes, orders, first])
    return Made(JoinedDecisions(unit, log.draws, values), np.cumsum(first))


@cache
def truths_of(world: World) -> Truths:
    """Return the function that tells both groups' true ratio at each look."""
    r = np.random.default_rng(SEED)
    more = 1 / CORRELATION - 1
    taste = r.beta(RATE * more, (1 - RATE) * more, 4_000_000)
    lifted = float(np.minimum(taste * world.buyers, 1.0).mean())
    plain = float(taste.mean())
    sizes = np.minimum(np.exp(r.normal(SIZE_LOG, SIZE_SPREAD, taste.size)), LARGEST)
    size = float(sizes.mean()) * float(np.exp(0.5**2 / 2))
    items = ITEMS if world.items else 1.0
    alike, other = ALIKE * plain, (1 - ALIKE) * lifted
    orders = items * np.array([alike + other, plain])
    revenue = size * items * np.array([alike + other * world.size, plain])

    def truths(name: str, per_unit: FloatArray) -> tuple[FloatArray, FloatArray]:
        if name == "revenue an order":
            both = revenue / orders
            return np.full(per_unit.size, both[0]), np.full(per_unit.size, both[1])
        both = {"revenue a unit": revenue, "orders a unit": orders}.get(
            name, np.ones(2)
        )
        return both[0] * per_unit, both[1] * per_unit

    return truths


class Seen(NamedTuple):
    """What a metric's intervals did in one log.

    Attributes:
        wrong: ever, by the group alone, by trajectory, and relative by trajectory.
        width: of the interval that a report has, over that of a single look; None if
            there is none.
    """

    metric: str
    wrong: tuple[bool, bool, bool]
    width: float | None


def look_at(
    world: World, process: tuple[Process, float], r: np.random.Generator
) -> list[Seen]:
    """Make one log, and return what the intervals of each metric did."""
    looks = np.arange(LOOK_EVERY - 1, DECISIONS, LOOK_EVERY)
    made = make(world, process, r)
    totals = totals_over(made.log, looks, crossed=((0, 1), (0, 2), (1, 2)))
    per_unit = (looks + 1) / made.units[looks]
    seen = []
    for metric, ratio in RATIOS.items():
        top, bottom = truths_of(world)(metric, per_unit)
        plain = ratio_sides(totals, RANDOMISED, ratio)
        best = ratio_sides(totals, TRAJECTORY, ratio)
        whole = ratio_difference(best, TRAJECTORY, CONFIDENCE)
        share = ratio_difference(best, TRAJECTORY, CONFIDENCE, relative=True)
        alone = ratio_difference(plain, RANDOMISED, CONFIDENCE)
        wrong = (
            ever_misses(alone, top - bottom),
            ever_misses(whole, top - bottom),
            ever_misses(share, top / bottom - 1),
        )
        shown = alone if ratio.by_unit else whole
        seen.append(Seen(metric, wrong, _width(shown, plain)))
    return seen


def _print_cell(
    world: World, process: tuple[Process, float], name: str, runs: int
) -> None:
    wrong = {metric: np.zeros(3) for metric in RATIOS}
    widths: dict[str, list[float]] = {metric: [] for metric in RATIOS}
    for run in range(runs):
        r = np.random.default_rng([SEED, zlib.crc32(name.encode()), run])
        for seen in look_at(world, process, r):
            wrong[seen.metric] += seen.wrong
            if seen.width is not None:
                widths[seen.metric].append(seen.width)
    cells = []
    for metric, mine in widths.items():
        shares = ", ".join(f"{share:.3f}" for share in wrong[metric] / runs)
        median = f"{np.median(mine):.2f}" if mine else "-"
        cells.append(f"{shares}; {median}; {len(mine) / runs:.2f}")
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def ever_misses(band: Band, truth: FloatArray) -> bool:
    """Return true if an interval that is shown misses the truth at any look."""
    slack = 1e-9 * np.maximum(1.0, np.abs(truth))
    outside = (band.lower > truth + slack) | (band.upper < truth - slack)
    return bool(np.any(outside & band.enough))


def _width(band: Band, plain: RatioSides) -> float | None:
    """Return the width at the last look over that of a single look; None if unknown."""
    fixed = QUANTILE * math.sqrt(float(plain.difference_raw[-1]))
    if not band.enough[-1] or fixed <= 0:
        return None
    return (float(band.upper[-1]) - float(band.lower[-1])) / 2 / fixed


if __name__ == "__main__":
    main()
