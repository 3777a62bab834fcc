"""Measure retention's intervals, and how many claims over metrics are false.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.claims
[--runs N] [--cells TEXT ...]`. Retention: 10,000 units whose days have passed, one row
each. Claims: ten metrics of the same 10,000 decisions (rates, money, a ratio, a total a
unit), none or half of them with a real difference, e-BH at each look by the product's
own code (ope/metrics/claims.py). The false discovery rate is the mean share of false
ones among the claimed ones, at the end and at each run's worst look.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.metrics.claims import band_log_e_value, claimed
from bandit_svc.ope.metrics.ratio import Ratio, ratio_difference, ratio_sides
from bandit_svc.ope.uplift.by_unit import Band, Possible, absolute
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.history_weights import LoggedDraws
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import NO_UNIT, JoinedDecisions, totals_over
from benchmarks.truth.asked import is_asked, options
from benchmarks.truth.parts.metrics import ever_misses
from benchmarks.truth.unit_logs import ALIKE, Process, joined, visits

FloatArray = npt.NDArray[np.float64]

DECISIONS = 10_000
LOOK_EVERY = 20
RUNS = 1_000
SEED = 47
CONFIDENCE = 0.95
RISK = 0.05
HOLDOUT = 0.1
CORRELATION = 0.3
RATES = (0.02, 0.05, 0.1, 0.1, 0.3, 0.5)
"""Of the metrics of 0 and 1; two more are money, one is their ratio, one a total."""
MONEY_RATES = (0.05, 0.1)
METRICS = len(RATES) + len(MONEY_RATES) + 2
PROCESSES: tuple[tuple[Process, float], ...] = (
    ("once", 1.0),
    ("session", 2.9),
    ("heavy", 2.9),
    ("pop", 5.0),
)
LIFT = 0.5
"""Of the chances of the metrics that have a real difference."""


@dataclass(frozen=True)
class Returning:
    """Units that are seen again with a chance of their group.

    Attributes:
        holdouts: one after the other, for equal numbers of units.
        levels: factors of both chances during each of them.
    """

    baseline: float
    treatment: float
    holdouts: tuple[float, ...] = (0.1,)
    levels: tuple[float, ...] = (1.0,)

    @property
    def name(self) -> str:
        """The name of its row."""
        shares = " then ".join(f"{one:g}" for one in self.holdouts)
        level = ", level x 2" if len(self.levels) > 1 else ""
        rates = f"{self.baseline:g} to {self.treatment:g}"
        return f"retention {rates}, holdout {shares}{level}"


RETURNING = (
    *(Returning(rate, rate, (h,)) for rate in (0.01, 0.2, 0.6) for h in (0.05, 0.1)),
    Returning(0.1, 0.2),
    Returning(0.02, 0.01),
    Returning(0.2, 0.2, (0.5, 0.1), (1.0, 2.0)),
    Returning(0.2, 0.2, (0.1, 0.5), (1.0, 2.0)),
)


def main() -> None:
    """Print the tables of the cells that were asked for."""
    asked = options(__doc__, RUNS)
    print_claims(asked.runs, asked.cells)


def print_claims(runs: int, cells: Sequence[str] = ()) -> None:
    """Print both tables; `cells` are parts of names, all cells by default."""
    returning = [one for one in RETURNING if is_asked(one.name, cells)]
    if returning:
        print(f"\n{runs:,} runs of {DECISIONS:,} units, a look every {LOOK_EVERY}\n")
        print("| cell | ever wrong | relative half width |\n| --- | --- | --- |")
        for cell in returning:
            _print_returning(cell, runs)
    worlds = [
        (real, process, name)
        for real in (False, True)
        for process in PROCESSES
        if is_asked(name := _name(process, real=real), cells)
    ]
    if worlds:
        print(f"\n{runs:,} runs of {DECISIONS:,} decisions, holdout {HOLDOUT:g}, "
              f"{METRICS} metrics, a look every {LOOK_EVERY}\n")  # fmt: skip
        print("| cell | false discovery rate at the end | at the worst look | real "
              "ones claimed at the end |\n| --- |" + " --- |" * 3)  # fmt: skip
        for real, process, name in worlds:
            _print_claims(process, name, runs, real=real)


def _name(process: tuple[Process, float], *, real: bool) -> str:
    return f"claims {'half' if real else 'none'} real, {process[0]} {process[1]:g}"


def _generator(name: str, run: int) -> np.random.Generator:
    return np.random.default_rng([SEED, zlib.crc32(name.encode()), run])


def _print_returning(cell: Returning, runs: int) -> None:
    phase = np.arange(DECISIONS) * len(cell.holdouts) // DECISIONS
    chance, level = np.array(cell.holdouts)[phase], np.array(cell.levels)[phase]
    looks = np.arange(LOOK_EVERY - 1, DECISIONS, LOOK_EVERY)
    both = (
        (cell.treatment - cell.baseline)
        * np.cumsum(level)
        / np.arange(1, 1 + level.size)
    )
    unknown = np.full(DECISIONS, np.nan)
    wrong, widths = 0, []
    for run in range(runs):
        r = _generator(cell.name, run)
        treated = r.random(DECISIONS) >= chance
        rate = np.where(treated, cell.treatment, cell.baseline) * level
        again = (r.random(DECISIONS) < rate).astype(np.float64)
        fresh = np.ones(DECISIONS, dtype=np.bool_)
        draws = LoggedDraws(treated, chance, unknown, unknown, fresh)
        units = np.full(DECISIONS, NO_UNIT)
        totals = totals_over(JoinedDecisions(units, draws, again[:, None]), looks)
        band = absolute(totals, RANDOMISED, CONFIDENCE, Possible(0.0, 1.0))
        wrong += ever_misses(band, both[looks])
        widths.append(float(band.upper[-1] - band.lower[-1]) / 2 / cell.baseline)
    print(f"| {cell.name} | {wrong / runs:.3f} | {np.median(widths):.2f} |", flush=True)


def make(
    process: tuple[Process, float], r: np.random.Generator, *, real: bool
) -> JoinedDecisions:
    """Return a log whose values are the metrics; every second one may be real."""
    unit = visits(*process, DECISIONS, r)
    units = int(unit.max()) + 1
    baseline = (r.random(units) < HOLDOUT)[unit]
    action = np.where(baseline, 0, r.random(DECISIONS) >= ALIKE)
    more = 1 / CORRELATION - 1
    keen = r.random(units)
    values = []
    for place, rate in enumerate((*RATES, *MONEY_RATES)):
        taste = r.beta(rate * more, (1 - rate) * more, units)
        # Metrics of a unit are alike, so that their errors are.
        taste = 0.5 * taste + rate * keen
        lift = 1 + LIFT * action * (real and place % 2 == 0)
        happened = r.random(DECISIONS) < np.minimum(taste[unit] * lift, 1.0)
        value = happened.astype(np.float64)
        if place >= len(RATES):
            value *= np.minimum(np.exp(r.normal(3.5, 1.0, DECISIONS)), 500.0)
        values.append(value)
    first = np.zeros(DECISIONS)
    first[np.unique(unit, return_index=True)[1]] = 1.0
    chance = np.full(DECISIONS, HOLDOUT)
    log = joined(unit, baseline, chance, action, values[0])
    return JoinedDecisions(unit, log.draws, np.column_stack([*values, first]))


FIRST = len(RATES) + len(MONEY_RATES)
RATIO = Ratio(FIRST - 1, 1)
"""The second money over the second rate: neither is ever real."""
TOTAL = Ratio(FIRST - 2, FIRST, by_unit=True)
"""Of the first money a unit, which is real if half are."""
CROSSED = ((1, FIRST - 1), (FIRST - 2, FIRST))
REAL = np.array(
    [*(place % 2 == 0 for place in range(FIRST)), False, True], dtype=np.bool_
)


def bands(totals: Totals) -> list[Callable[[float], Band]]:
    """Return each metric's difference at a confidence."""
    found: list[Callable[[float], Band]] = []
    for place in range(FIRST):
        possible = Possible(0.0, 1.0 if place < len(RATES) else None, place)
        found.append(_mean(totals, possible))
    ratio = ratio_sides(totals, TRAJECTORY, RATIO)
    found.append(lambda confidence: ratio_difference(ratio, TRAJECTORY, confidence))
    total = ratio_sides(totals, RANDOMISED, TOTAL)
    found.append(lambda confidence: ratio_difference(total, RANDOMISED, confidence))
    return found


def _mean(totals: Totals, possible: Possible) -> Callable[[float], Band]:
    return lambda confidence: absolute(totals, TRAJECTORY, confidence, possible)


def claimed_over(log: JoinedDecisions) -> npt.NDArray[np.bool_]:
    """Return which metrics are claimed at each look, (looks, METRICS)."""
    looks = np.arange(LOOK_EVERY - 1, log.unit.size, LOOK_EVERY)
    totals = totals_over(log, looks, crossed=CROSSED)
    strictest = 1 - RISK / METRICS
    n = np.maximum(totals.decisions.sum(axis=-1), 1.0)
    logs = [band_log_e_value(one(strictest), n, strictest) for one in bands(totals)]
    return claimed(np.stack(logs, axis=-1), RISK)


def _print_claims(
    process: tuple[Process, float], name: str, runs: int, *, real: bool
) -> None:
    ends, worst, power = [], [], []
    for run in range(runs):
        found = claimed_over(make(process, _generator(name, run), real=real))
        false = found & ~(REAL & real)
        share = false.sum(axis=1) / np.maximum(found.sum(axis=1), 1)
        ends.append(share[-1])
        worst.append(share.max())
        power.append(found[-1][REAL].mean())
    told = f"{np.mean(power):.2f}" if real else "-"
    print(f"| {name} | {np.mean(ends):.3f} | {np.mean(worst):.3f} | {told} |",
          flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
