"""`bandit-svc evaluate KEY`: any policy on an experiment of our own."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.command import Run

LINEAR = '{"kind": "linear", "ridge": 2.0, "name": "ridge-2"}'


def evaluated(run: Run, data: Path, *specs: str) -> dict[str, Any]:
    options = [word for spec in specs for word in ("--policy", spec)]
    result = run("evaluate", "hero", *options, "--format", "json", "--data", data)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_json_has_the_policies_and_the_health_of_the_contract(
    run: Run, trained: Path
) -> None:
    found = evaluated(run, trained, "uniform", "fixed:dress", "baseline", LINEAR)

    assert set(found) == {"policies", "reward_model", "health"}
    assert [row["policy"] for row in found["policies"]] == [
        *("uniform", "fixed:dress", "baseline", "ridge-2"),
    ]
    assert [check["check"] for check in found["health"]] == [
        *("propensity_audit", "scorecard", "history"),
    ]


def test_without_a_policy_all_candidates_are_those_of_the_report(
    run: Run, trained: Path
) -> None:
    result = run("report", "hero", "--format", "json", "--data", trained)

    assert evaluated(run, trained)["policies"] == json.loads(result.stdout)["policies"]


def test_only_the_named_estimators_are_printed(run: Run, trained: Path) -> None:
    result = run(
        *("evaluate", "hero", "--estimator", "snips", "--policy", "uniform"),
        *("--format", "json", "--data", trained),
    )

    (row,) = json.loads(result.stdout)["policies"]
    assert list(row["estimates"]) == ["snips"]


def test_an_estimator_that_reads_a_log_once_is_refused(run: Run, trained: Path) -> None:
    result = run("evaluate", "hero", "--estimator", "dros", "--data", trained)

    assert result.exit_code != 0
    assert "--estimator dros reads a log once" in result.output
    assert "there are ips, snips, dm, dr" in result.output


@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_a_policy_may_stand_in_a_file(
    run: Run, trained: Path, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"policy{suffix}"
    toml = 'kind = "linear"\nridge = 2.0\nname = "ridge-2"\n'
    file.write_text(LINEAR if suffix == ".json" else toml)

    assert evaluated(run, trained, f"@{file}") == evaluated(run, trained, LINEAR)


def test_text_says_what_each_would_have_earned_or_why_not(
    run: Run, trained: Path
) -> None:
    result = run("evaluate", "hero", "--policy", "uniform", "--data", trained)

    assert result.stdout.startswith("The log can't say what uniform would have earned.")
    assert "The log itself (hero," in result.stdout
    assert "hold at every look" in result.stdout
    assert "3 checks: 1 ok, 2 too early." in result.stdout
    assert "Evaluating hero: 40/40 joined decisions" in result.stderr


def test_csv_has_a_line_for_each_estimate(run: Run, trained: Path) -> None:
    result = run("evaluate", "hero", "--format", "csv", "--data", trained)
    header, *rows = csv.reader(result.stdout.splitlines())

    assert header[:2] == ["policy", "estimator"]
    assert {row[0] for row in rows} == {
        *("uniform", "baseline", "fixed:dress", "fixed:sandals"),
    }


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("nothing", "is not known"),
        ("{", "not valid JSON"),
        ("@missing.json", "can't be read"),
        ("@missing.txt", "name it .toml or .json"),
        ('{"kind": "vw", "x": 1}', "x"),
    ],
)
def test_a_policy_that_is_none_is_wrong_usage(
    run: Run, trained: Path, policy: str, sentence: str
) -> None:
    result = run("evaluate", "hero", "--policy", policy, "--data", trained)

    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_file_that_holds_no_policy_is_wrong_usage(
    run: Run, trained: Path, tmp_path: Path
) -> None:
    file = tmp_path / "policy.json"
    file.write_text("[1]")
    result = run("evaluate", "hero", "--policy", f"@{file}", "--data", trained)

    assert result.exit_code == 2
    assert "holds no policy" in result.stderr


def test_our_own_log_or_a_file_but_not_both(run: Run, trained: Path) -> None:
    result = run("evaluate", "hero", "--log", "log.csv", "--data", trained)

    assert result.exit_code == 2
    assert "either KEY" in result.stderr


def test_an_unknown_experiment_exits_1(run: Run, initialised: Path) -> None:
    result = run("evaluate", "nothing", "--policy", "uniform", "--data", initialised)

    assert result.exit_code == 1
