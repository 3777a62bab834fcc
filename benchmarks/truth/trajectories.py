"""Measure values along trajectories where a choice limits later ones.

A section of benchmarks/truth. Logs of the capped pop-up (simulators/worlds/
capped_offer.py), whose deployed values are known, by a fixed policy and by one that
learns. Only estimates that are not refused count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from bandit_svc.ope.sequences.asymptotic import boundary
from bandit_svc.ope.trajectory.value import TrajectoryValue, trajectory_value
from bandit_svc.ope.trajectory.visits import Visits
from simulators.worlds.capped_offer import (
    BASE_RATE,
    VISITS,
    CappedLog,
    Target,
    capped_log,
    true_value,
)

CONFIDENCE = 0.95
ONE_LOOK_Z = 1.96
SEED = 31
LOGS = 400
UNITS = (300, 1_000, 3_000)
RATES = (BASE_RATE, BASE_RATE / 5)


@dataclass(frozen=True)
class Cell:
    """How the logs of one row are made, and the policy that is asked about."""

    target: Target
    units: int
    rate: float
    adaptive: bool

    @property
    def name(self) -> str:
        """The row's name."""
        policy = "learned" if self.adaptive else "fixed"
        return (
            f"capped offer, {self.target}, {policy} logging, {self.units:,} units, "
            f"rate {self.rate:g}"
        )


CELLS = [
    Cell(target, units, rate, adaptive)
    for rate in RATES
    for adaptive in (False, True)
    for units in UNITS
    for target in get_args(Target)
]


def print_trajectories(runs: int, cells: Sequence[str] = ()) -> None:
    """Print the table; at most LOGS logs a cell."""
    asked = [c for c in CELLS if not cells or any(part in c.name for part in cells)]
    if not asked:
        return
    logs = min(runs, LOGS)
    print(f"\n{logs} logs a cell, {VISITS} visits a unit, seed {SEED}; share of those "
          "shown that covers the deployed value\n")  # fmt: skip
    print("| cell | deployed | shown | covers, one look | covers, every look | mean | "
          "one step instead |\n| --- |" + " --- |" * 6)  # fmt: skip
    for cell in asked:
        _print_cell(cell, logs)


def _print_cell(cell: Cell, logs: int) -> None:
    truth = true_value(cell.target, cell.rate)
    z = boundary(float(cell.units), CONFIDENCE) * cell.units**0.5
    covered, means, single = [], [], []
    for run in range(logs):
        random = np.random.default_rng([SEED, run])
        log = capped_log(cell.units, random, rate=cell.rate, adaptive=cell.adaptive)
        visits = _visits(log, cell.target)
        once = trajectory_value(visits, ONE_LOOK_Z, 0.0, 1.0)
        weight = log.ratio(cell.target)
        single.append((weight * log.reward).sum() / weight.sum())
        if not once.refused:
            always = trajectory_value(visits, z, 0.0, 1.0)
            covered.append([_holds(once, truth), _holds(always, truth)])
            means.append(once.value.estimate or 0.0)
    shares = np.mean(covered, axis=0) if covered else [np.nan, np.nan]
    mean = float(np.mean(means)) if means else float("nan")
    print(f"| {cell.name} | {truth:.4f} | {len(covered)} of {logs} | {shares[0]:.3f} | "
          f"{shares[1]:.3f} | {mean:.4f} | {np.mean(single):.4f} |",
          flush=True)  # fmt: skip


def _visits(log: CappedLog, target: Target) -> Visits:
    units = np.repeat(np.arange(log.reward.shape[0]), VISITS)
    return Visits.of(units, log.reward.ravel(), log.ratio(target).ravel())


def _holds(found: TrajectoryValue, truth: float) -> bool:
    lower, upper = found.value.interval.lower, found.value.interval.upper
    return lower is not None and upper is not None and lower <= truth <= upper
