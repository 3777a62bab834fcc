"""What the caller's own system showed: in Parquet whole, in dsjson left out."""

import importlib
import json
from pathlib import Path

from tests.harness.command import run_command
from tests.harness.worker_in_process import StartWorker


def test_parquet_has_what_was_shown_and_dsjson_says_what_it_lacks(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    service = start_worker()
    service.create("hero", mode="apprentice")
    service.decide("hero", unit_id="u1", shown="a", shown_propensity=0.25)
    service.decide("hero", unit_id="u2", shown="b")
    service.patch("/v1/experiments/hero", {"mode": "live", "holdout": 0.0})
    service.decide("hero", unit_id="u3")
    service.learn(after_s=3_600)
    data = f"--data={service.folder}"

    out = tmp_path / "hero.parquet"
    run_command("export", "hero", "--format", "parquet", "--out", str(out), data)
    reader = importlib.import_module("pyarrow.parquet")
    rows = reader.read_table(out).to_pylist()
    (drawn,) = [row for row in rows if not row["shown"]]
    shown = {row["variant"]: row["propensity"] for row in rows if row["shown"]}
    assert shown == {"a": 0.25, "b": None}
    assert all(abs(sum(row["treatment_pmf"]) - 1) < 1e-9 for row in rows)

    lines = tmp_path / "hero.json"
    said = run_command(
        "export", "hero", "--format", "dsjson", "--out", str(lines), data
    )
    (line,) = lines.read_text().splitlines()
    assert json.loads(line)["EventId"] == drawn["decision_id"]
    assert "2 decisions of the caller's own system are left out" in said.stderr
