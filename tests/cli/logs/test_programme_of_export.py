"""An outsider recomputes a programme's report from exported logs, with numpy alone.

The function `programme` is all that it takes; docs/programmes.md has its formulas.
"""

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bandit_svc.ope.arrays import BoolArray, FloatArray
from tests.harness.command import run_command
from tests.harness.worker_in_process import StartWorker

UNITS = 900
PSEUDO_UNITS = 8
TIGHTEST_AT = 5_000
ALPHA = 0.05


def boundary(n: float) -> float:
    """Return the half width of Waudby-Smith et al. (2024), Theorem 2.2, for n."""
    two_log = -2 * math.log(ALPHA)
    rho = (two_log + math.log(1 + two_log)) / TIGHTEST_AT
    growth = n * rho + 1
    return math.sqrt(2 * growth / (n * n * rho) * math.log(math.sqrt(growth) / ALPHA))


def programme(logs: dict[str, list[dict[str, Any]]]) -> dict[str, list[float]]:
    """Return estimate, lower and upper end of the whole, each part, the interaction.

    Args:
        logs: the rows of each experiment's export, with every group.
    """
    units = sorted({row["unit_id"] for rows in logs.values() for row in rows})
    at = {unit: i for i, unit in enumerate(units)}
    n = len(units)
    total, decisions, chance = np.zeros(n), np.zeros(n), np.zeros(n)
    group = np.full(n, "", dtype=object)
    arm = {
        key: np.zeros(n) for key in logs
    }  # 1 over the chance; below 0 in its holdout
    for key, rows in logs.items():
        for row in rows:
            u = at[row["unit_id"]]
            total[u] += row["reward"]
            decisions[u] += 1
            group[u], chance[u] = row["programme_group"], row["programme_chance"]
            own = row["group_chance"] / row["programme_chance"]
            arm[key][u] = 1 / own if row["group"] == "treatment" else -1 / own
    size = math.sqrt(np.sum(total**2) / np.count_nonzero(total))

    def mean(weight: FloatArray) -> tuple[float, FloatArray, float]:
        """Return a weighted mean, the influence of each unit, and the padding."""
        whole, value = weight.sum(), np.average(total, weights=weight)
        effective = whole**2 / np.sum(weight**2)
        heaviest = weight.max() * whole / np.sum(weight**2)
        added = PSEUDO_UNITS * size**2 / 4 / (effective + PSEUDO_UNITS) / effective
        return value, weight * (total - value) / whole, heaviest**2 * added

    def bounded(
        value: float,
        influence: FloatArray,
        padding: float,
        used: BoolArray,
        compared: BoolArray,
    ) -> list[float]:
        m, d = used.sum(), decisions[compared].sum()
        error = np.sum(influence**2) * m / (m - 1) + padding
        half = boundary(d) * math.sqrt(d) * math.sqrt(error)
        return [value, value - half, value + half]

    rest, held = group == "experiment", group == "holdout"
    both = rest | held
    (m1, i1, p1), (m0, i0, p0) = mean(rest / chance), mean(held / chance)
    found = {"whole": bounded(m1 - m0, i1 - i0, p1 + p0, both, both)}
    left, influences, padding = m1 - m0, i1 - i0, p1 + p0
    for key, signed in arm.items():
        weight = np.where(rest, np.abs(signed) / chance, 0.0)
        (a1, j1, q1), (a0, j0, q0) = (
            mean(weight * (signed > 0)),
            mean(weight * (signed < 0)),
        )
        plain = np.where(rest, 1 / chance, 0.0)
        got = (signed > 0).astype(float)
        share = np.sum(plain * got) / plain.sum()
        of_share = (a1 - a0) * plain * (got - share) / plain.sum()
        influence = share * (j1 - j0) + of_share
        part = (share * (a1 - a0), influence, share**2 * (q1 + q0))
        found[key] = bounded(*part, rest, rest & (signed != 0))
        left, influences = left - part[0], influences - influence
        padding += part[2]
    found["interaction"] = bounded(left, influences, padding, both, both)
    return found


def test_a_programmes_report_follows_from_the_exported_logs(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    service = start_worker()
    service.post("/v1/programmes", {"key": "shop", "holdout": 0.3, "explore": 0.1})
    for key in ("web", "mail"):
        service.create(
            key,
            programme="shop",
            variants=[{"key": "nothing"}, {"key": "a"}],
            holdout=0.3,
            reward={"window_seconds": 3_600, "maximum": 500},
        )
    for key, visits in (("web", 1.0), ("mail", 0.6), ("web", 0.5)):
        for unit in np.flatnonzero(rng.random(UNITS) < visits).tolist():
            made = service.decide(key, unit_id=f"u-{unit}")
            if rng.random() < 0.3 + 0.3 * (made["variant"] == "a"):
                value = float(rng.integers(1, 90))
                service.reward(made["decision_id"], value)
        service.learn(after_s=3_601)
    logs: dict[str, list[dict[str, Any]]] = {}
    reader = importlib.import_module("pyarrow.parquet")
    for key in ("web", "mail"):
        file = tmp_path / f"{key}.parquet"
        words = ("export", key, "--format", "parquet", "--group", "all", "--out", file)
        run_command(*words, "--data", service.folder)
        logs[key] = reader.read_table(file).to_pylist()
    found = programme(logs)
    report = service.get("/v1/programmes/shop/report").json
    said = {"whole": report["whole"], "interaction": report["interaction"]}
    said |= report["parts"]

    assert set(found) == {"whole", "web", "mail", "interaction"}
    for name, numbers in found.items():
        reported = [said[name]["estimate"], *said[name]["interval"]]
        assert reported == pytest.approx(numbers, rel=1e-9, abs=1e-9), name
