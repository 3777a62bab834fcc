"""Measure the uplift where rewards are money: ever wrong, and how wide.

A section of benchmarks/truth. Logs of 10,000 decisions looked at after every one, by
the product's own code (ope/uplift/by_unit.py and money.py). No maximum is declared.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bandit_svc.ope.uplift.by_unit import Band, Possible, absolute, relative
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.ope.uplift.unit_sums import totals_over
from benchmarks.truth.asked import is_asked
from benchmarks.truth.unit_logs import ALIKE, Process, joined, visits

FloatArray = npt.NDArray[np.float64]

DECISIONS = 10_000
SEED = 41
CONFIDENCE = 0.95
QUANTILE = float(special.ndtri(1 - (1 - CONFIDENCE) / 2))
HOLDOUTS = (0.05, 0.1, 0.5)
CORRELATION = 0.3
LIFTS = (0.0, 0.5)
MEAN_DRAWS = 4_000_000

Sizes = Callable[[int, np.random.Generator], FloatArray]


@dataclass(frozen=True)
class Money:
    """A kind of reward: a value with some chance, else another one.

    Attributes:
        sizes: draws values.
        usual: the other, commonest one.
        minimum: the smallest possible one.
    """

    sizes: Sizes
    usual: float = 0.0
    minimum: float = 0.0


KINDS: Mapping[str, Money] = {
    # Orders of 0 to 500, and of 0 to 5,000 with a heavier tail.
    "rev": Money(lambda n, r: np.minimum(np.exp(r.normal(3.5, 1.0, n)), 500.0)),
    "rev2": Money(lambda n, r: np.minimum(np.exp(r.normal(3.0, 1.5, n)), 5_000.0)),
    "0/1": Money(lambda n, _: np.ones(n)),
    "loss": Money(lambda n, _: np.full(n, -10.0), usual=0.1, minimum=-10.0),
}


@dataclass(frozen=True)
class Cell:
    """Chances and sizes of orders in both groups."""

    kind: str
    baseline: float
    treatment: float
    size: float = 1.0

    @property
    def name(self) -> str:
        """The row's name, without its holdout."""
        sized = f", sizes x {self.size:g}" if self.size != 1 else ""
        return f"money {self.kind} {self.baseline:g} to {self.treatment:g}{sized}"


CELLS = (
    *(Cell("0/1", rate, rate) for rate in (0.005, 0.05, 0.3)),
    *(Cell("0/1", *rates) for rates in ((0.01, 0.005), (0.005, 0.01))),
    Cell("rev", 0.05, 0.05),
    *(Cell("rev", *rates) for rates in ((0.06, 0.03), (0.03, 0.06))),
    *(Cell("rev", 0.05, 0.05, size) for size in (0.5, 2.0)),
    Cell("rev2", 0.02, 0.02),
    *(Cell("rev2", *rates) for rates in ((0.02, 0.04), (0.04, 0.02))),
    *(Cell("rev2", 0.02, 0.02, size) for size in (0.5, 2.0)),
    Cell("loss", 0.01, 0.01),
)
"""Sixteen, each at three holdouts."""
UNIT_RATES = {"rev": 0.05, "rev2": 0.02}
PROCESSES: tuple[tuple[Process, float], ...] = (
    *(("session", 2.9), ("session", 5.0), ("heavy", 2.9), ("pop", 5.0)),
    ("once", 1.0),
)


def print_money(runs: int, cells: Sequence[str] = ()) -> None:
    """Print both tables; `cells` are parts of names, all cells by default."""
    asked = [
        (cell, holdout, name)
        for cell in CELLS
        for holdout in HOLDOUTS
        if is_asked(name := f"{cell.name}, holdout {holdout:g}", cells)
    ]
    if asked:
        print(f"\n{runs:,} runs of {DECISIONS:,} decisions, a unit each, seed {SEED}\n")
        print("| cell | ever wrong | relative, ever wrong | width / fixed-n | shown |\n"
              "| --- |" + " --- |" * 4)  # fmt: skip
        for cell, holdout, name in asked:
            _print_cell(cell, holdout, name, runs)
    by_unit = [
        (kind, process, lift, name)
        for kind in UNIT_RATES
        for process in PROCESSES
        for lift in LIFTS
        if is_asked(name := _unit_name(kind, process, lift), cells)
    ]
    if by_unit:
        print(f"\n{runs:,} runs, holdout .1, correlation {CORRELATION}; width over the "
              "clustered fixed-n interval of the randomised uplift\n")  # fmt: skip
        print("| cell | randomised, ever wrong, width | trajectory | shown |\n| --- |"
              + " --- |" * 3)  # fmt: skip
        for kind, process, lift, name in by_unit:
            _print_unit_cell(kind, process, lift, name, runs)


def _unit_name(kind: str, process: tuple[Process, float], lift: float) -> str:
    return f"money {kind} by unit, {process[0]} {process[1]:g}, +{lift:.0%} buyers"


def _generator(name: str, run: int) -> np.random.Generator:
    return np.random.default_rng([SEED, zlib.crc32(name.encode()), run])


def _mean_size(kind: str) -> float:
    return float(KINDS[kind].sizes(MEAN_DRAWS, np.random.default_rng(SEED)).mean())


def _print_cell(cell: Cell, holdout: float, name: str, runs: int) -> None:
    money = KINDS[cell.kind]
    gain = _mean_size(cell.kind) - money.usual
    base = money.usual + cell.baseline * gain
    treated_mean = money.usual + cell.treatment * (
        cell.size * _mean_size(cell.kind) - money.usual
    )
    truth, ratio = treated_mean - base, (treated_mean - base) / abs(base)
    possible = Possible(money.minimum, None)
    wrong, widths, shown = np.zeros(2), [], 0
    for run in range(runs):
        r = _generator(name, run)
        baseline = r.random(DECISIONS) < holdout
        rate = np.where(baseline, cell.baseline, cell.treatment)
        sizes = money.sizes(DECISIONS, r) * np.where(baseline, 1.0, cell.size)
        reward = np.where(r.random(DECISIONS) < rate, sizes, money.usual)
        log = joined(
            np.arange(DECISIONS),
            baseline,
            np.full(DECISIONS, holdout),
            np.where(baseline, 0, 1),
            reward,
        )
        totals = totals_over(log, np.arange(DECISIONS), (money.usual,))
        band = absolute(totals, RANDOMISED, CONFIDENCE, possible)
        wrong += [
            _ever_misses(band, truth),
            _ever_misses(relative(totals, RANDOMISED, CONFIDENCE, possible), ratio),
        ]
        if band.enough[-1]:
            shown += 1
            squared = float(sides(totals.at(-1), RANDOMISED).difference_raw())
            widths.append(_half(band) / QUANTILE / math.sqrt(squared))
    width = float(np.median(widths)) if widths else float("nan")
    print(f"| {name} | {wrong[0] / runs:.3f} | {wrong[1] / runs:.3f} | {width:.2f} | "
          f"{shown / runs:.2f} |", flush=True)  # fmt: skip


def _print_unit_cell(
    kind: str, process: tuple[Process, float], lift: float, name: str, runs: int
) -> None:
    """Print one row: the treatment shows the baseline's action in ALIKE of cases."""
    rate, wrong, shown = UNIT_RATES[kind], np.zeros(2), 0
    more = 1 / CORRELATION - 1
    tastes = np.random.default_rng(SEED).beta(rate * more, (1 - rate) * more, 400_000)
    lifted = np.minimum(tastes * (1 + lift), 1.0).mean() - tastes.mean()
    if process[0] == "once":
        lifted = rate * lift
    truth = _mean_size(kind) * (1 - ALIKE) * lifted
    widths: list[list[float]] = []
    for run in range(runs):
        r = _generator(name, run)
        unit = visits(*process, DECISIONS, r)
        units = int(unit.max()) + 1
        baseline = (r.random(units) < HOLDOUTS[1])[unit]
        taste = r.beta(rate * more, (1 - rate) * more, units)
        if process[0] == "once":
            taste = np.full(units, rate)
        action = np.where(baseline, 0, r.random(DECISIONS) >= ALIKE)
        buys = r.random(DECISIONS) < np.minimum(taste[unit] * (1 + lift * action), 1.0)
        reward = np.where(buys, KINDS[kind].sizes(DECISIONS, r), 0.0)
        chance = np.full(DECISIONS, HOLDOUTS[1])
        log = joined(unit, baseline, chance, action, reward)
        totals = totals_over(log, np.arange(DECISIONS))
        bands = [
            absolute(totals, weighting, CONFIDENCE, Possible(0.0, None))
            for weighting in (RANDOMISED, TRAJECTORY)
        ]
        wrong += [_ever_misses(band, truth) for band in bands]
        if bands[0].enough[-1]:
            shown += 1
            squared = float(sides(totals.at(-1), RANDOMISED).difference_raw())
            fixed = QUANTILE * math.sqrt(squared)
            widths.append([_half(band) / fixed for band in bands])
    median = np.median(widths, axis=0) if widths else [np.nan, np.nan]
    cells = [f"{w / runs:.3f}, {m:.2f}" for w, m in zip(wrong, median, strict=True)]
    print(f"| {name} | {cells[0]} | {cells[1]} | {shown / runs:.2f} |",
          flush=True)  # fmt: skip


def _ever_misses(band: Band, truth: float) -> bool:
    slack = 1e-9 * max(1.0, abs(truth))
    outside = (band.lower > truth + slack) | (band.upper < truth - slack)
    return bool(np.any(outside & band.enough))


def _half(band: Band) -> float:
    return float(band.upper[-1] - band.lower[-1]) / 2
