"""Measure the uplift by unit: how often it is ever wrong, how wide, and about what.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.units [--runs N]
[--cells TEXT ...]`. Logs of 10,000 decisions, looked at after every one of them, by the
product's own code. `randomised`, `trajectory` and `one step` are the weightings of
ope/uplift/history_weights.py; trajectory is the report's headline.
"""

import math
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from bandit_svc.ope.uplift.agreement import carry_over, exclusion
from bandit_svc.ope.uplift.by_unit import Band, Possible, absolute
from bandit_svc.ope.uplift.columns import ONE_STEP, RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import totals_over
from bandit_svc.ope.uplift.uplift import absolute_uplift_over
from benchmarks.truth.asked import is_asked, options
from benchmarks.truth.unit_logs import (
    WORLDS,
    Cell,
    Process,
    carry_over_log,
    deployed_difference,
    null_log,
)

FloatArray = npt.NDArray[np.float64]

DECISIONS = 10_000
RUNS = 1_000
SEED = 11
CONFIDENCE = 0.95
QUANTILE = float(special.ndtri(1 - (1 - CONFIDENCE) / 2))
RATE = Possible(0.0, 1.0)
WEIGHTINGS = (RANDOMISED, TRAJECTORY, ONE_STEP)
TRUTH_DECISIONS = 4_000_000
PROCESSES: tuple[tuple[Process, float], ...] = (
    ("once", 1.0),
    *((process, k) for process in ("session", "heavy", "pop") for k in (2.0, 2.9, 5.0)),
)
HOLDOUTS = {
    "holdout .1": ((0.1,), (1.0,)),
    "holdout .5 then .1, level x 2": ((0.5, 0.1), (0.5, 1.0)),
    "holdout .1 then .5, level x 2": ((0.1, 0.5), (0.5, 1.0)),
}
NULLS = {
    f"A/A, {process} {k:g} a unit, {name}": Cell(process, k, holdouts, levels)
    for name, (holdouts, levels) in HOLDOUTS.items()
    for process, k in PROCESSES
}
MOVING = {
    "changed holdout .5 then .05, mean .05 then .10": Cell(
        "once", 1.0, (0.5, 0.05), (0.5, 1.0)
    ),
    "changed holdout .1 then .5, mean .05 then .10": Cell(
        "once", 1.0, (0.1, 0.5), (0.5, 1.0)
    ),
    "changed holdout .5 then .05, mean .05": Cell(
        "once", 1.0, (0.5, 0.05), (1.0, 1.0), mean=0.05
    ),
    "same holdout .1, mean .10": Cell("once", 1.0),
}
MOVING_DECISIONS = 8_000
HOLDOUT = 0.1


def main() -> None:
    """Print the tables of the cells that were asked for."""
    asked = options(__doc__, RUNS)
    print_units(asked.runs, asked.cells)


def print_units(runs: int, cells: Sequence[str] = ()) -> None:
    """Print the three tables; `cells` are parts of names, all cells by default."""
    nulls = {name: cell for name, cell in NULLS.items() if is_asked(name, cells)}
    if nulls:
        print(f"{runs:,} runs of {DECISIONS:,} decisions, seed {SEED}; ever wrong and "
              "width at the end over the clustered fixed-n interval of the randomised "
              "uplift\n")  # fmt: skip
        print("| cell | by decision, ever wrong | randomised | trajectory | one step | "
              "trajectory / randomised | carry_over, exclusion fire |")  # fmt: skip
        print("| --- |" + " --- |" * 6)
        for name, cell in nulls.items():
            _print_null(name, cell, runs)
    moving = {name: cell for name, cell in MOVING.items() if is_asked(name, cells)}
    if moving:
        print(f"\n{runs:,} A/A runs of {MOVING_DECISIONS:,} decisions, a unit each: "
              "claims a winner at any look; width over that by decision\n")  # fmt: skip
        print(
            "| cell | by decision | randomised | trajectory |\n| --- |" + " --- |" * 3
        )
        for name, cell in moving.items():
            _print_moving(name, cell, runs)
    worlds = [w for w in WORLDS if is_asked(f"world {w}", cells)]
    if worlds:
        print(f"\n{runs:,} runs of about {DECISIONS:,} decisions, holdout "
              f"{HOLDOUT:.0%}: share whose interval at the end holds what the policies "
              "differ by when deployed (at every look / a fixed-n one)\n")  # fmt: skip
        print("| world | deployed | randomised | trajectory | one step | means | "
              "carry_over fires | exclusion fires |")  # fmt: skip
        print("| --- |" + " --- |" * 7)
        for world in worlds:
            _print_world(world, runs)


def _generator(name: str, run: int) -> np.random.Generator:
    """Return the generator of one run: the same one whichever cells are run."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode()), run])


def _print_null(name: str, cell: Cell, runs: int) -> None:
    wrong, fired, widths = np.zeros(3), np.zeros(2), []
    by_decision = 0
    for run in range(runs):
        log = null_log(cell, DECISIONS, _generator(name, run))
        totals = totals_over(log, np.arange(DECISIONS))
        lower, upper = absolute_uplift_over(
            log.values[:, 0], log.draws.treated, CONFIDENCE, 0.0, 1.0
        )
        by_decision += bool(np.any((lower > 0) | (upper < 0)))
        bands = [absolute(totals, w, CONFIDENCE, RATE) for w in WEIGHTINGS]
        wrong += [_ever_excludes_0(band) for band in bands]
        checks = (carry_over(totals, CONFIDENCE), exclusion(totals, CONFIDENCE))
        fired += [_ever_excludes_0(band) for band in checks]
        widths.append([_width(band) / _fixed(totals) for band in bands])
    mean = np.nanmean(widths, axis=0)
    cells = [f"{w / runs:.3f}, {m:.2f}" for w, m in zip(wrong, mean, strict=True)]
    cells += [f"{mean[TRAJECTORY] / mean[RANDOMISED]:.2f}"]
    cells += [", ".join(f"{share:.3f}" for share in fired / runs)]
    print(f"| {name} | {by_decision / runs:.3f} | " + " | ".join(cells) + " |",
          flush=True)  # fmt: skip


def _print_moving(name: str, cell: Cell, runs: int) -> None:
    claimed, widths = np.zeros(3), []
    for run in range(runs):
        log = null_log(cell, MOVING_DECISIONS, _generator(name, run))
        totals = totals_over(log, np.arange(MOVING_DECISIONS))
        lower, upper = absolute_uplift_over(
            log.values[:, 0], log.draws.treated, CONFIDENCE, 0.0, 1.0
        )
        bands = [absolute(totals, w, CONFIDENCE, RATE) for w in WEIGHTINGS[:2]]
        plain = bool(np.any((lower > 0) | (upper < 0)))
        claimed += [plain, *(_ever_excludes_0(band) for band in bands)]
        whole = (upper[-1] - lower[-1]) / 2
        widths.append([1.0, *(_width(band) / whole for band in bands)])
    cells = [
        f"{share:.3f}, {width:.2f}"
        for share, width in zip(claimed / runs, np.mean(widths, axis=0), strict=True)
    ]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _print_world(world: str, runs: int) -> None:
    truth = deployed_difference(world, TRUTH_DECISIONS, [SEED])
    covered, fired, means = np.zeros((3, 2)), np.zeros(2), []
    for run in range(runs):
        log = carry_over_log(
            world, DECISIONS, HOLDOUT, _generator(f"world {world}", run)
        )
        totals = totals_over(log, np.array([log.unit.size - 1])).at(0)
        for weighting in WEIGHTINGS:
            band = absolute(totals, weighting, CONFIDENCE, RATE)
            off = abs(float(band.estimate) - truth)
            fixed = QUANTILE * sides(totals, weighting).difference_raw() ** 0.5
            covered[weighting] += [band.lower <= truth <= band.upper, off <= fixed]
        checks = (carry_over(totals, CONFIDENCE), exclusion(totals, CONFIDENCE))
        fired += [_ever_excludes_0(band) for band in checks]
        means.append(
            [float(absolute(totals, w, CONFIDENCE, RATE).estimate) for w in WEIGHTINGS]
        )
    cells = [f"{a:.3f} / {b:.3f}" for a, b in covered / runs]
    cells += [" ".join(f"{mean:+.4f}" for mean in np.mean(means, axis=0))]
    cells += [f"{share:.2f}" for share in fired / runs]
    print(f"| {world} | {truth:+.4f} | " + " | ".join(cells) + " |", flush=True)


def _ever_excludes_0(band: Band) -> bool:
    outside = (band.lower > 0) | (band.upper < 0)
    return bool(np.any(outside & band.enough))


def _width(band: Band) -> float:
    """Return half the width at the last look; NaN if there is no interval."""
    half = (band.upper[-1] - band.lower[-1]) / 2
    return float(half) if band.enough[-1] else float("nan")


def _fixed(totals: Totals) -> float:
    """Return the half width of the randomised uplift for one look, by unit."""
    squared = float(sides(totals.at(-1), RANDOMISED).difference_raw())
    return QUANTILE * math.sqrt(squared)


if __name__ == "__main__":
    main()
