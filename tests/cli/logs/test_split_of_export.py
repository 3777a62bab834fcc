"""An outsider recomputes a split's estimate from the exported log, with numpy alone.

The function `difference` is all that it takes; docs/splits.md has its formula.
"""

import importlib
from pathlib import Path

import numpy as np
import pytest

from tests.harness.command import run_command
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

UNITS = 300
HOUR_S = 3_600.0
SPLIT = {
    "policies": {"current": 0.8, "other": 0.2},
    "policy": {"kind": "weighted", "weights": {"a": 1, "b": 2, "c": 5}},
    "ramp": [0.5, 1],
    "advance_when": "never",
    "rollback_when": "never",
}


def difference(file: Path, split: int) -> float:
    """Return mean(other policy) - mean(current policy) of an exported log."""
    reader = importlib.import_module("pyarrow.parquet")
    log = [row for row in reader.read_table(file).to_pylist() if row["split"] == split]
    reward = np.array([row["reward"] for row in log])
    weight = 1 / np.array([row["branch_share"] for row in log])
    other = np.array([row["branch"] != "current" for row in log])
    return float(
        np.average(reward[other], weights=weight[other])
        - np.average(reward[~other], weights=weight[~other])
    )


def play(service: WorkerInProcess, rng: np.random.Generator, level: float) -> None:
    """Let each unit visit once, some come back in the next round."""
    for unit in rng.permutation(UNITS)[:250]:
        made = service.decide("hero", unit_id=f"u-{unit}")
        if rng.random() < level + 0.3 * (made["variant"] == "c"):
            service.reward(made["decision_id"], float(rng.integers(1, 9)))
    service.learn(after_s=HOUR_S + 1)


def test_the_estimate_of_a_split_follows_from_the_exported_log(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    rng = np.random.default_rng(23)
    service = start_worker()
    service.create(
        "hero",
        variants=[{"key": key} for key in "abc"],
        policy={"kind": "uniform"},
        holdout=0.1,
        reward={"window_seconds": HOUR_S, "maximum": 10.0},
        split=SPLIT,
    )
    play(service, rng, 0.1)
    play(service, rng, 0.1)
    # The share grows while the level of rewards moves: unweighted means would differ.
    path = "/v1/experiments/hero/splits"
    assert service.patch(path, {"action": "advance"}).status_code == 200
    play(service, rng, 0.6)
    file = tmp_path / "hero.parquet"
    run_command(
        *("export", "hero", "--format", "parquet", "--group", "all"),
        *("--out", file, "--data", service.folder),
    )
    shown = service.get(path).json["current"]

    assert shown["share"] == 0.5
    assert shown["decisions"]["other"] > 100
    assert shown["estimate"] == pytest.approx(
        difference(file, shown["split"]), abs=1e-9
    )
    assert None not in shown["interval"]
