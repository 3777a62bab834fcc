"""Measure what a report tells of the baseline's value where a policy seldom shows it.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.values [RUNS]`. In
`hero` a policy that learns decides beside a holdout, one decision a unit, at the
default exploration floor. The baseline's value comes from the decisions of both groups,
or, as the scorecard has it, from those of the treatment alone: how often is it refused
after 3,000 decisions, and by how much is the doubly robust estimate off after 100,000?
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from statistics import mean

from bandit_svc.services.evaluation.rows import refused
from benchmarks.truth.asked import is_asked
from benchmarks.truth.live_check import Check, checked

RUNS = 20
SEED = 41
FLOOR = 0.02
FEW, MANY = 3_000, 100_000
HOLDOUTS = (0.05, 0.1, 0.3)
KINDS = ("vw", "linear")
HOLDOUT = 0.1


def print_values(runs: int = RUNS, cells: Sequence[str] = ()) -> None:
    """Print both tables; at most RUNS runs a cell."""
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


def _share(reasons: Iterable[str | None]) -> float:
    return mean(reason is not None for reason in reasons)


def _rmse(checks: Sequence[Check], error: Callable[[Check], float]) -> float:
    return math.sqrt(mean(error(one) ** 2 for one in checks))


if __name__ == "__main__":
    print_values(int(sys.argv[1]) if sys.argv[1:] else RUNS)
