"""The cost of evaluating a log, against plain numpy over the same file.

Ours reads a CSV and gives every estimate with its interval (IPS, SNIPS, DM, DR and four
more), the reward model behind them, and the audit of propensities. (e) is
a minimal script: `numpy.loadtxt` with `usecols` and one line of IPS. Both in this
process, by CPU time, without starting Python. obp is not measured: its reference
versions need numpy below 1.24, and so an environment of their own. With units the same
rows have a column of who each was decided for.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from bandit_svc.services.decision_logs.evaluate_log import evaluate_log
from bandit_svc.services.decision_logs.readers.read import read_log
from bandit_svc.services.decision_logs.readers.rows import Columns
from benchmarks.speed.rows import Figures, Goal

ROWS = 1_000_000
ACTIONS = 10
PER_UNIT = 5
"""Decisions of a unit, in the file that has units."""
FLOOR = 0.02
COLUMNS = Columns(
    action="item_id",
    reward="click",
    propensity="propensity_score",
    target_propensity=("p",),
)
AGREE = 1e-9


class EvaluationCost:
    """A log of a million decisions, ours and (e) IPS in numpy."""

    name = "evaluation_cost"
    goals = (
        Goal(
            "evaluation of 10^6 decisions, all estimates / IPS in numpy",
            "evaluation cpu_s ours",
            "evaluation cpu_s numpy IPS",
            "<=",
            5.0,
        ),
        Goal(
            "evaluation of 10^6 decisions with units / IPS in numpy",
            "evaluation cpu_s ours, with units",
            "evaluation cpu_s numpy IPS",
            "<=",
            5.0,
        ),
    )

    def __init__(self) -> None:
        self._path: Path | None = None
        self._units: Path | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Write the file."""
        with tempfile.TemporaryDirectory() as folder:
            self._path = Path(folder) / "log.csv"
            _write(self._path)
            self._units = Path(folder) / "units.csv"
            _write_units(self._path, self._units)
            yield

    def measure(self, seconds: float) -> Figures:
        """Run each contestant over the whole file; `seconds` is not used."""
        del seconds
        path = self._path
        assert path is not None, "only inside running()"  # noqa: S101
        began_s = time.process_time()
        columns = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(2, 3, 4))
        plain = float(np.mean(columns[:, 0] * columns[:, 2] / columns[:, 1]))
        numpy_s = time.process_time() - began_s
        del columns
        began_s = time.process_time()
        log = read_log(path, COLUMNS)
        read_s = time.process_time() - began_s
        ips = evaluate_log(log, ()).policies[0].estimates["ips"].estimate
        ours_s = time.process_time() - began_s
        if ips is None or not abs(ips - plain) < AGREE:
            raise RuntimeError(f"{ips} is not numpy's {plain}")
        units = self._units
        assert units is not None, "only inside running()"  # noqa: S101
        del log
        began_s = time.process_time()
        evaluate_log(read_log(units, replace(COLUMNS, unit="unit")), ())
        units_s = time.process_time() - began_s
        return {
            "evaluation cpu_s ours": ours_s,
            "evaluation cpu_s ours, reading the file": read_s,
            "evaluation cpu_s ours, with units": units_s,
            "evaluation cpu_s numpy IPS": numpy_s,
        }


def _write_units(path: Path, to: Path) -> None:
    """Write the same decisions, each unit's in a row."""
    with path.open() as rows, to.open("w") as file:
        file.write(f"{rows.readline().rstrip()},unit\n")
        for number, row in enumerate(rows):
            file.write(f"{row.rstrip()},u{number // PER_UNIT}\n")


def _write(path: Path) -> None:
    """Write decisions whose logging and target policy differ from row to row."""
    rng = np.random.default_rng(1)
    pmf = rng.dirichlet(np.full(ACTIONS, 2.0), size=ROWS)
    pmf = FLOOR + (1 - ACTIONS * FLOOR) * pmf
    action = (pmf.cumsum(axis=1) > rng.random(ROWS)[:, None]).argmax(axis=1)
    reward = rng.random(ROWS) < 0.05 + 0.02 * action / ACTIONS
    target = np.full(ACTIONS, FLOOR)
    target[3] = 1 - FLOOR * (ACTIONS - 1)
    rows = zip(
        action.tolist(),
        reward.astype(int).tolist(),
        pmf[np.arange(ROWS), action].tolist(),
        target[action].tolist(),
        strict=True,
    )
    with path.open("w") as file:
        file.write("timestamp,item_id,click,propensity_score,p\n")
        for number, (item, click, propensity, p) in enumerate(rows):
            file.write(f"{number},{item},{click},{propensity:.6f},{p:.2f}\n")
