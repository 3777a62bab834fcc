"""`bandit-svc export`: what leaves the service is what was logged, and comes back."""

import gzip
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.command import Run


@pytest.fixture
def export(run: Run, trained: Path, tmp_path: Path) -> Callable[..., Path]:
    """Export `hero` in a form to a file; give the file."""

    def write(form: str, name: str, *arguments: object) -> Path:
        out = tmp_path / name
        result = run(
            *("export", "hero", "--data", trained),
            *("--format", form, "--out", out, *arguments),
        )
        assert result.exit_code == 0, result.output
        assert [p.name for p in tmp_path.glob("*.part")] == []
        return out

    return write


# With a holdout the experiment's own values are of both groups, by the mixture of
# their pmfs, and an exported row has the propensity of its own group.
WITHOUT_HOLDOUT = pytest.mark.parametrize("holdout", [0.0])


def estimates(run: Run, *arguments: object) -> dict[str, Any]:
    result = run("evaluate", *arguments, "--policy", "uniform", "--format", "json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["policies"]
    return dict(row)


@WITHOUT_HOLDOUT
def test_dsjson_gives_back_the_numbers_of_the_experiment(
    run: Run, trained: Path, export: Callable[..., Path]
) -> None:
    file = export("dsjson", "hero.dsjson.gz")
    ours = estimates(run, "hero", "--data", trained)
    theirs = estimates(run, "--log", file, "--actions", "2")

    assert gzip.decompress(file.read_bytes()).startswith(b'{"_label_cost":')
    assert theirs["n"] == ours["n"] > 0
    assert theirs["mean_weight"] == pytest.approx(ours["mean_weight"], abs=1e-12)
    assert theirs["max_weight"] == pytest.approx(ours["max_weight"], abs=1e-12)


def test_vowpal_wabbit_learns_from_every_line(export: Callable[..., Path]) -> None:
    file = export("dsjson", "hero.dsjson")
    vw = importlib.import_module("vowpalwabbit")
    workspace = vw.Workspace(
        f"--dsjson --cb_explore_adf -q :: --quiet --no_stdin -d {file}"
    )
    first = json.loads(file.read_text().splitlines()[0])

    assert workspace.get_weighted_examples() == len(file.read_text().splitlines())
    assert first["p"][0] == first["_label_probability"]
    assert first["a"][0] == first["_label_Action"] == first["_labelIndex"] + 1
    assert {m["_tag"] for m in first["c"]["_multi"]} == {"dress", "sandals"}
    workspace.finish()


def test_parquet_has_both_groups_if_asked_for(
    run: Run, trained: Path, export: Callable[..., Path]
) -> None:
    reader = importlib.import_module("pyarrow.parquet")
    everything = reader.read_table(export("parquet", "all.parquet", "--group", "all"))
    treated = reader.read_table(export("parquet", "treatment.parquet"))
    rows = everything.to_pylist()

    assert set(everything["group"].to_pylist()) == {"treatment", "baseline"}
    assert treated.num_rows == sum(r["group"] == "treatment" for r in rows)
    for row in rows:
        assert row["pmf"][row["variants"].index(row["variant"])] == row["propensity"]
        assert isinstance(json.loads(row["context"]), dict)
        assert row["pmf"] == row[f"{row['group']}_pmf"]
        assert len(row["treatment_pmf"]) == len(row["baseline_pmf"]) == 2
        assert 0.0 < row["group_chance"] < 1.0
    report = json.loads(
        run("report", "hero", "--data", trained, "--format", "json").stdout
    )
    means = {g["group"]: (g["n"], g["mean"]) for g in report["groups"]}
    rewards = treated["reward"].to_pylist()
    assert means["treatment"][0] == len(rewards)
    assert means["treatment"][1] == pytest.approx(sum(rewards) / len(rewards))


@WITHOUT_HOLDOUT
def test_exported_parquet_is_evaluated_like_any_log(
    run: Run, trained: Path, export: Callable[..., Path]
) -> None:
    file = export("parquet", "hero.parquet")
    ours = estimates(run, "hero", "--data", trained)
    theirs = estimates(
        *(run, "--log", file, "--actions", "2", "--action-column", "variant"),
        *("--reward-column", "reward", "--propensity-column", "propensity"),
    )

    assert theirs["n"] == ours["n"]
    assert theirs["mean_weight"] == pytest.approx(ours["mean_weight"], abs=1e-12)


def test_dsjson_goes_to_standard_output_and_parquet_does_not(
    run: Run, trained: Path
) -> None:
    printed = run("export", "hero", "--data", trained, "--format", "dsjson")
    refused = run("export", "hero", "--data", trained, "--format", "parquet")

    assert printed.exit_code == 0
    assert json.loads(printed.stdout.splitlines()[0])["Version"] == "1"
    assert refused.exit_code == 2
    assert "--out" in refused.stderr


def test_a_file_that_can_not_be_written_is_said_and_nothing_stays(
    run: Run, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "missing" / "hero.dsjson"
    result = run(
        *("export", "hero", "--data", trained, "--format", "dsjson", "--out", out)
    )

    assert result.exit_code == 2
    assert "can't be written" in result.stderr
    assert not out.parent.exists()
