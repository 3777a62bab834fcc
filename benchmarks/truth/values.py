"""Measure what a report tells of the baseline's value where a policy seldom shows it.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.values [RUNS]`. In
`hero` a policy that learns decides beside a holdout, one decision a unit, at the
default exploration floor. The baseline's value comes from the decisions of both groups,
or, as the scorecard has it, from those of the treatment alone: how often is it refused
after 3,000 decisions, and by how much is the doubly robust estimate off after 100,000?
Where units come back: how often does the interval of a uniform policy ever miss its
value on visitors in general, by decision and by unit?
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from statistics import mean

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.sequences.betting import ValueSequence
from bandit_svc.ope.uplift.sides import (
    MINIMAL_UNITS,
    effective_units,
    pooled_design_effect,
)
from bandit_svc.ope.uplift.unit_sums import totals_over
from bandit_svc.services.evaluation.rows import refused
from benchmarks.truth.asked import is_asked
from benchmarks.truth.live_check import Check, checked
from benchmarks.truth.unit_logs import ALIKE, Cell, null_log

FloatArray = npt.NDArray[np.float64]

RUNS = 20
SEED = 41
FLOOR = 0.02
FEW, MANY = 3_000, 100_000
HOLDOUTS = (0.05, 0.1, 0.3)
KINDS = ("vw", "linear")
HOLDOUT = 0.1
COME_BACK = {
    "once": Cell("once", 1),
    "session 5": Cell("session", 5),
    "session 20": Cell("session", 20),
    "heavy 5": Cell("heavy", 5),
    "pop 5": Cell("pop", 5),
}
UNIT_RUNS, UNIT_DECISIONS, LOOKS, UNIT_SEED = 200, 10_000, 20, 51


def print_values(runs: int = RUNS, cells: Sequence[str] = ()) -> None:
    """Print the tables; at most RUNS runs a cell, UNIT_RUNS of units."""
    if is_asked("values by unit", cells):
        _print_by_unit(min(runs, UNIT_RUNS))
    runs = min(runs, RUNS)
    if is_asked("baseline refused", cells):
        _print_refused(runs)
    if is_asked("baseline off by", cells):
        _print_errors(runs)


def _print_refused(runs: int) -> None:
    print(f"\n{runs} runs of {FEW:,} decisions in `hero`, floor {FLOOR}, seed {SEED}\n")
    print("| baseline refused: policy, holdout | both groups | treatment | effective "
          "sample size | RMSE / holdout's |")  # fmt: skip
    print("| --- |" + " --- |" * 4)
    for kind in KINDS:
        for holdout in HOLDOUTS:
            checks = [
                checked("hero", FEW, FLOOR, SEED + run, holdout, kind)
                for run in range(runs)
            ]
            mixed, treated = (
                [one.rewards.summary() for one in checks],
                [one.treated.summary() for one in checks],
            )
            sizes = mean(one.sums.effective_sample_size for one in mixed)
            ratio = _rmse(checks, lambda one: one.dr_error) / _rmse(
                checks, lambda one: one.holdout.mean / one.truth - 1
            )
            print(f"| {kind}, {holdout} | {_share(map(refused, mixed)):.0%} | "
                  f"{_share(map(refused, treated)):.0%} | {sizes:,.0f} | "
                  f"{ratio:.2f} |", flush=True)  # fmt: skip


def _print_errors(runs: int) -> None:
    print(
        f"\n{runs} runs of {MANY:,} decisions of `vw` in `hero`, holdout "
        f"{HOLDOUT:.0%}, seed {SEED}: mean of |error| / truth\n"
    )
    print("| baseline off by: floor | DR | IPS | DR of the treatment | holdout |")
    print("| --- |" + " --- |" * 4)
    for floor in (FLOOR, 0.1):
        checks = [checked("hero", MANY, floor, SEED + run) for run in range(runs)]
        alone = [
            Check(one.truth, one.treated, one.treated, one.holdout) for one in checks
        ]
        errors = (
            mean(abs(one.dr_error) for one in checks),
            mean(abs(one.ips_error) for one in checks),
            mean(abs(one.dr_error) for one in alone),
            mean(abs(one.holdout.mean / one.truth - 1) for one in checks),
        )
        print(f"| {floor} | " + " | ".join(f"{e:.1%}" for e in errors) + " |",
              flush=True)  # fmt: skip


def _print_by_unit(runs: int) -> None:
    print(
        f"\n{runs} A/A logs of {UNIT_DECISIONS:,} decisions, correlation .3, holdout "
        f"{HOLDOUT:.0%}, {LOOKS} looks, seed {UNIT_SEED}: ever wrong; end width\n"
    )
    print("| values by unit: units come | by decision | by unit |")
    print("| --- | --- | --- |")
    for name, cell in COME_BACK.items():
        found = np.mean([_by_unit(cell, run) for run in range(runs)], axis=0)
        wrong, width = found
        print(
            f"| {name} | {wrong[0]:.3f}; {width[0]:.4f} | {wrong[1]:.3f}; "
            f"{width[1]:.4f} |",
            flush=True,
        )


def _by_unit(cell: Cell, run: int) -> FloatArray:
    """Return whether an interval of a uniform policy was ever wrong, and its width.

    Returns:
        (2, 2): wrong and width, by decision and by unit; weights and units as
        services.evaluation has them.
    """
    log = null_log(cell, UNIT_DECISIONS, np.random.default_rng([UNIT_SEED, run]))
    draws, n = log.draws, UNIT_DECISIONS
    first = np.zeros(n, dtype=np.bool_)
    first[np.unique(log.unit, return_index=True)[1]] = True
    treatment = draws.treatment_propensity
    mixed = HOLDOUT * draws.baseline_propensity + (1 - HOLDOUT) * treatment
    weight = 0.5 / np.where(first, mixed, treatment)
    counts = first | draws.treated
    looks = np.arange(n // LOOKS - 1, n, n // LOOKS)
    totals, seen = totals_over(log, looks), np.cumsum(counts, dtype=np.int64)[looks]
    sequence = ValueSequence(0.5 / ALIKE / (1 - HOLDOUT) * (1 + 1e-9))
    ends = sequence.over(weight[counts], log.values[counts, 0], seen)
    middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
    wider = half * np.sqrt(pooled_design_effect(totals))
    known = np.minimum(*effective_units(totals)) >= MINIMAL_UNITS
    off = np.abs(middle - cell.mean)
    wrong = np.any(off > half), np.any((off > wider) & known)
    return np.array([wrong, (2 * half[-1], 2 * wider[-1])], dtype=np.float64)


def _share(reasons: Iterable[str | None]) -> float:
    return mean(reason is not None for reason in reasons)


def _rmse(checks: Sequence[Check], error: Callable[[Check], float]) -> float:
    return math.sqrt(mean(error(one) ** 2 for one in checks))


if __name__ == "__main__":
    print_values(int(sys.argv[1]) if sys.argv[1:] else RUNS)
