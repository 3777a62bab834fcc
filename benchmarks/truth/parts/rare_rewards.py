"""Measure intervals of logs whose rewards are rare and whose weights are large.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.rare_rewards
[--runs N] [--cells TEXT ...]`. Logs of 10,000 decisions over 34 actions, made by a
policy without context whose chances are Dirichlet; the target is uniform. Every log is
read once, by the product's own estimators, unless it is refused. Beside it is SNIPS
with the normal interval. Shares of 400 runs have standard errors of about one point.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.ope.estimators.importance import snips
from bandit_svc.ope.estimators.intervals import standard_error
from bandit_svc.ope.estimators.registry import ESTIMATORS
from bandit_svc.ope.logged import LoggedData
from bandit_svc.services.decision_logs.evaluate_log import evaluate_log
from benchmarks.truth.asked import is_asked, options

FloatArray = npt.NDArray[np.float64]

ACTIONS = 34
DECISIONS = 10_000
RUNS = 400
SEED = 14
QUANTILE = float(special.ndtri(0.975))
LEAST_CHANCE = 1e-4
SPREAD = 0.5
"""Standard deviation of the logarithm of the actions' reward rates."""


@dataclass(frozen=True)
class Cell:
    """A world of logs.

    Attributes:
        rate: about the share of decisions with a reward.
        evenness: of the Dirichlet chances; the smaller, the larger the weights.
    """

    rate: float
    evenness: float

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"rare rewards {self.rate}, Dirichlet {self.evenness}"


CELLS = (
    Cell(0.005, 3.0),
    Cell(0.005, 1.0),
    Cell(0.005, 0.3),
    Cell(0.005, 0.15),
    Cell(0.05, 0.3),
    Cell(0.05, 0.15),
    Cell(0.3, 0.15),
)
Made = tuple[DecisionLog, float]
"""A log, and what the uniform policy earns."""


@dataclass
class Found:
    """What the intervals of one cell did.

    Attributes:
        covered: (E,), by estimator, how many held the truth.
        width: (E,), the sum of their widths.
        normal_covered, normal_width: of SNIPS with the normal interval.
        effective: the sum of effective sample sizes.
        runs: logs that were not refused.
        refused: logs that were.
    """

    covered: FloatArray
    width: FloatArray
    normal_covered: int = 0
    normal_width: float = 0.0
    effective: float = 0.0
    runs: int = 0
    refused: int = 0


def main() -> None:
    """Print the table of the cells that were asked for."""
    asked = options(__doc__, RUNS)
    print_rare_rewards(asked.runs, asked.cells)


def print_rare_rewards(runs: int, cells: Sequence[str] = ()) -> None:
    """Print the table; `cells` are parts of names, all cells by default."""
    chosen = [cell for cell in CELLS if is_asked(cell.name, cells)]
    if not chosen:
        return
    print(f"\n{runs:,} logs of {DECISIONS:,} decisions, seed {SEED}, that were not "
          "refused: share whose 95 % interval holds the truth, and mean width over "
          "that of the normal interval of snips\n")  # fmt: skip
    print("| log | effective | refused | normal | " + " | ".join(ESTIMATORS) + " |")
    print("| --- |" + " --- |" * (3 + len(ESTIMATORS)))
    for cell in chosen:
        one = found(cell, runs)
        ours = [
            f"{covered / one.runs:.3f}, {width / one.normal_width:.2f}"
            for covered, width in zip(one.covered, one.width, strict=True)
        ]
        share = one.refused / (one.runs + one.refused)
        print(f"| {cell.name} | {one.effective / one.runs:,.0f} | {share:.0%} | "
              f"{one.normal_covered / one.runs:.3f} | " + " | ".join(ours) + " |",
              flush=True)  # fmt: skip


def found(cell: Cell, runs: int) -> Found:
    """Evaluate the uniform policy on as many logs as are not refused."""
    generator = np.random.default_rng([SEED, zlib.crc32(cell.name.encode())])
    result = Found(np.zeros(len(ESTIMATORS)), np.zeros(len(ESTIMATORS)))
    while result.runs < runs:
        log, truth = made(cell, generator)
        (row,) = evaluate_log(log, ["uniform"]).policies
        if row.refused:
            result.refused += 1
            continue
        result.runs += 1
        result.effective += row.effective_sample_size or 0.0
        for index, name in enumerate(ESTIMATORS):
            lower, upper = row.estimates[name].interval
            if lower is None or upper is None:
                raise RuntimeError(f"{name} has no interval")
            result.covered[index] += lower <= truth <= upper
            result.width[index] += upper - lower
        value = snips(_logged(log))
        half = QUANTILE * standard_error(value)
        result.normal_covered += abs(value.value - truth) <= half
        result.normal_width += 2 * half
    return result


def made(cell: Cell, generator: np.random.Generator) -> Made:
    """Draw a logging policy, the actions' rates, and a log."""
    chances = 0.9 * generator.dirichlet(np.full(ACTIONS, cell.evenness))
    chances += 0.1 * generator.dirichlet(np.full(ACTIONS, cell.evenness))
    chances = np.maximum(chances, LEAST_CHANCE)
    chances /= chances.sum()
    rates = cell.rate * np.exp(generator.normal(0, SPREAD, ACTIONS))
    rates = np.minimum(rates, 0.95)
    action = generator.choice(ACTIONS, DECISIONS, p=chances)
    log = DecisionLog(
        source="log",
        actions=tuple(map(str, range(ACTIONS))),
        action=action,
        reward=(generator.random(DECISIONS) < rates[action]).astype(np.float64),
        propensity=chances[action],
    )
    return log, float(rates.mean())


def _logged(log: DecisionLog) -> LoggedData:
    return LoggedData(
        reward=log.reward,
        propensity=log.propensity,
        target_probability=np.full(log.n, 1 / ACTIONS),
    )


if __name__ == "__main__":
    main()
