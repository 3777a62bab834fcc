"""An outsider recomputes the uplift from the exported log, with numpy alone.

The function `uplifts` is all that it takes; docs/uplift.md has its formulas.
"""

import importlib
from pathlib import Path

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from tests.harness.command import run_command
from tests.harness.worker_in_process import StartWorker

UNITS = 300
HOUR_S = 3_600.0


def uplifts(file: Path) -> dict[str, float]:
    """Return the uplift by unit of an exported log, by weighting."""
    reader = importlib.import_module("pyarrow.parquet")
    log = reader.read_table(file).to_pylist()
    reward = np.array([row["reward"] for row in log])
    in_baseline = np.array([row["group"] == "baseline" for row in log])
    logged = np.array([row["group_chance"] for row in log])
    holdout = np.where(in_baseline, logged, 1.0 - logged)
    # How much likelier the baseline was to show a unit all that it was shown so far.
    ratio: dict[str, float] = {}
    posterior = np.empty(len(log))
    for i, row in enumerate(log):
        unit, shown = row["unit_id"], row["variants"].index(row["variant"])
        odds = row["baseline_pmf"][shown] / row["treatment_pmf"][shown]
        ratio[unit] = ratio.get(unit, 1.0) * odds
        weight = holdout[i] * ratio[unit]
        posterior[i] = weight / (weight + 1.0 - holdout[i])

    def difference(baseline: FloatArray) -> float:
        treatment_w, baseline_w = (1.0 - baseline) / (1.0 - holdout), baseline / holdout
        return float(
            np.average(reward, weights=treatment_w)
            - np.average(reward, weights=baseline_w)
        )

    return {
        "randomised": difference(in_baseline.astype(float)),
        "trajectory": difference(posterior),
    }


@pytest.mark.parametrize("money", [False, True], ids=["rate", "money"])
def test_the_uplift_by_unit_follows_from_the_exported_log(
    start_worker: StartWorker, tmp_path: Path, *, money: bool
) -> None:
    rng = np.random.default_rng(11)
    service = start_worker()
    service.create(
        "hero",
        variants=[{"key": key} for key in "abc"],
        baseline={"kind": "weighted", "weights": {"a": 2, "b": 1, "c": 1}},
        holdout=0.3,
        exploration_floor=0.2,
        reward={"window_seconds": HOUR_S, "maximum": 500.0 if money else 1.0},
    )
    liking = rng.random(UNITS)
    for visit in range(4):
        for unit in rng.permutation(UNITS)[: UNITS - 60 * visit]:
            made = service.decide("hero", unit_id=f"u-{unit}")
            chance = 0.5 * liking[unit] + 0.2 * (made["variant"] == "b")
            if rng.random() < chance:
                value = float(rng.integers(1, 400)) if money else 1.0
                service.reward(made["decision_id"], value)
        service.learn(after_s=HOUR_S + 1)
    file = tmp_path / "hero.parquet"
    words = ("export", "hero", "--format", "parquet", "--group", "all", "--out", file)
    run_command(*words, "--data", service.folder)
    found = uplifts(file)
    report = service.get("/v1/experiments/hero/report").json

    assert report["decisions"]["joined"] == 4 * UNITS - 60 * 6
    assert report["uplift"]["randomised"]["absolute"]["estimate"] == pytest.approx(
        found["randomised"], abs=1e-9
    )
    assert report["uplift"]["absolute"]["estimate"] == pytest.approx(
        found["trajectory"], abs=1e-9
    )
    assert found["trajectory"] != pytest.approx(found["randomised"], abs=1e-6)
