"""Decisions as the archive has them, drawn with heavy tails and units that return.

Owns `World`, as a file of Parquet and as arrays of `ope`.
"""

import importlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.logged import LoggedData

VARIANTS = 5
BASELINE = (0.5, 0.2, 0.1, 0.1, 0.1)
_FAR = 1e12


class World(NamedTuple):
    """One log; arrays of n rows."""

    pmf: FloatArray
    chosen: IntArray
    reward: FloatArray
    q: FloatArray
    unit: IntArray

    @classmethod
    def drawn(
        cls, n: int, *, offset: float = 0.0, heavy: bool = False, seed: int = 3
    ) -> "World":
        """Draw a log whose units return, a few of them thousands of times.

        Args:
            n: number of decisions.
            offset: added to all rewards.
            heavy: rewards have an infinite variance.
            seed: of the draws.
        """
        rng = np.random.default_rng(seed)
        pmf = rng.dirichlet(np.full(VARIANTS, 0.6), n) * 0.95 + 0.01
        drawn = rng.random(n)[:, None] * pmf.sum(axis=1, keepdims=True)
        chosen = (pmf.cumsum(axis=1) < drawn).sum(axis=1).clip(0, VARIANTS - 1)
        plain = rng.random(n) * (1 + chosen)
        reward = offset + (rng.pareto(1.6, n) if heavy else plain)
        q = offset + np.abs(rng.normal(1, 1, (n, VARIANTS)))
        unit = (rng.pareto(1.2, n) * 50).astype(np.int64) % max(1, n // 3)
        return cls(pmf, chosen.astype(np.int64), reward, q, unit)

    def cut(self, rows: slice) -> "World":
        """Return some rows of the log."""
        return World(
            self.pmf[rows],
            self.chosen[rows],
            self.reward[rows],
            self.q[rows],
            self.unit[rows],
        )

    @property
    def propensity(self) -> FloatArray:
        """The chance of what was chosen."""
        return np.asarray(self.pmf[np.arange(self.chosen.size), self.chosen])

    def logged(self, target: FloatArray, offset: float = 0.0) -> LoggedData:
        """Return the log under a target policy, without an offset of rewards.

        Args:
            target: (K,) chances of the policy.
            offset: taken from all rewards and predictions.
        """
        n = self.chosen.size
        pmf = np.broadcast_to(target, (n, VARIANTS))
        return LoggedData(
            reward=self.reward - offset,
            propensity=self.propensity,
            target_probability=target[self.chosen],
            action=self.chosen,
            pmf_target=pmf,
            q_hat=self.q - offset,
            unit=self.unit,
            reward_minimum=-_FAR,
            reward_maximum=_FAR,
        )

    def write(self, path: Path, *, predicted: bool = True) -> None:
        """Write the columns that estimates read, as a file of the archive.

        Args:
            path: of the file.
            predicted: there was a reward model.
        """
        arrow = importlib.import_module("pyarrow")
        n = self.chosen.size
        names = np.array([f"v{index}" for index in range(VARIANTS)])
        of_numbers = arrow.list_(arrow.float64())
        ends = arrow.array(np.arange(n + 1) * VARIANTS, arrow.int32())

        def lists(values: FloatArray) -> object:
            flat = arrow.array(np.ascontiguousarray(values).ravel())
            return arrow.ListArray.from_arrays(ends, flat)

        table = arrow.table(
            {
                "group": ["treatment"] * n,
                "shown": np.zeros(n, dtype=bool),
                "reward": self.reward,
                "propensity": self.propensity,
                "chosen": arrow.array(self.chosen, arrow.int32()),
                "variant": names[self.chosen],
                "variants": lists(np.tile(names, (n, 1))),
                "pmf": lists(self.pmf),
                "baseline_pmf": lists(np.tile(BASELINE, (n, 1))),
                "q": lists(self.q) if predicted else arrow.nulls(n, of_numbers),
                "unit": self.unit,
            }
        )
        importlib.import_module("pyarrow.parquet").write_table(table, path)
