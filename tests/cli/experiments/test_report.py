"""`bandit-svc report`: one report in four forms."""

import csv
import json
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bandit_svc.cli.experiments.report_text import report_text
from bandit_svc.services.checks.loop import LATE_REWARDS, LEARNER
from bandit_svc.services.checks.stored_log import SAMPLE_RATIO
from bandit_svc.services.values import Estimated
from tests.harness.command import Run
from tests.harness.reports import COUNTS, MODEL, policy_row, report_of


def built(run: Run, data: Path) -> dict[str, Any]:
    result = run("report", "hero", "--format", "json", "--data", data)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_json_is_the_report_of_the_contract(run: Run, trained: Path) -> None:
    report = built(run, trained)
    decisions = report["decisions"]

    assert report["experiment"] == "hero"
    assert decisions["treatment"] + decisions["baseline"] == 40
    assert decisions["pending"] == 0
    assert sum(group["n"] for group in report["groups"]) == 40
    assert {"absolute", "relative", "confidence"} <= set(report["uplift"])


def test_text_begins_with_the_verdict_and_shows_every_number(
    run: Run, trained: Path
) -> None:
    report = built(run, trained)
    text = run("report", "hero", "--data", trained).stdout

    assert text.splitlines()[1] == report["verdict"]
    for row in (*report["groups"], *report["variants"]):
        assert str(row["n"]) in text
        assert f"{row['mean']:.4f}" in text
    assert "40 decisions, 40 joined" in text


def test_text_says_what_other_policies_would_have_earned_or_why_not() -> None:
    estimates = {
        "ips": Estimated(0.1235, (0.05, 0.3)),
        "dr": Estimated(0.1234, (0.05, 0.25)),
    }
    row = policy_row("uniform", estimates=estimates)
    other = policy_row(
        "baseline", estimates=estimates, refused="One decision carries it all."
    )
    text = report_text(report_of("hero", policies=(row, other)))

    line = next(one for one in text.splitlines() if one.startswith("uniform"))
    assert line.split()[-5:] == ["dr", "0.1234", "0.0500", "to", "0.2500"]
    assert "No estimate for baseline: One decision carries it all." in text


def test_what_is_not_known_yet_is_a_dash(
    run: Run, initialised: Path, definition_file: Path
) -> None:
    run("experiment", "create", definition_file, "--data", initialised)
    text = run("report", "hero", "--data", initialised).stdout

    assert "absolute        -" in text
    assert "None" not in text
    assert "nan" not in text


def test_checks_are_counted_and_those_that_are_not_ok_have_their_sentence() -> None:
    health = (
        SAMPLE_RATIO.fail("too few in the baseline"),
        LEARNER.ok("it waits 0.1 s"),
        LATE_REWARDS.early("not tested: no reward has been reported yet"),
    )
    text = report_text(report_of("hero", health=health))

    assert "3 checks: 1 failed, 1 ok, 1 too early." in text
    assert "FAIL  sample ratio: too few in the baseline." in text
    assert "EARLY  late rewards: not tested: no reward has been reported yet." in text


def test_one_of_a_kind_is_in_the_singular() -> None:
    counts = replace(
        COUNTS, treatment=1, baseline=0, joined=1, pending=0, late_rewards=1
    )
    model = replace(MODEL, learned=1)
    text = report_text(report_of("hero", decisions=counts, model=model))

    assert "1 decision, 1 joined, 1 late reward." in text
    assert "learned from 1 decision," in text


def test_csv_has_one_row_for_each_number(run: Run, trained: Path) -> None:
    result = run("report", "hero", "--format", "csv", "--data", trained)
    header, *rows = csv.reader(result.stdout.splitlines())
    n = {row[1]: row[3] for row in rows if row[0] == "groups" and row[2] == "n"}

    assert header == ["section", "name", "measure", "value"]
    assert int(n["treatment"]) + int(n["baseline"]) == 40


def test_csv_and_text_have_the_segments_and_the_latency(
    run: Run, trained: Path
) -> None:
    text = run("report", "hero", "--data", trained).stdout
    result = run("report", "hero", "--format", "csv", "--data", trained)
    rows = {tuple(row[:3]) for row in csv.reader(result.stdout.splitlines())}

    assert "device: mobile" in text
    assert "rewards are of decisions that have matured" in text
    assert ("segments", "device=mobile", "mean/treatment") in rows
    assert ("latency", "window for 95%", "seconds") in rows
    assert {row[2] for row in rows if row[0] == "history"} == {
        *("joined", "treatment", "baseline", "estimate", "lower", "upper"),
    }


def test_html_is_one_file_with_the_verdict_and_charts(
    run: Run, trained: Path, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    result = run(
        *("report", "hero", "--format", "html", "--out", file, "--data", trained)
    )
    page = file.read_text()

    assert (result.exit_code, result.output) == (0, "")
    assert built(run, trained)["verdict"].split(":")[0] in page
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") >= 4


def test_out_writes_the_file_and_prints_nothing(
    run: Run, trained: Path, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    result = run(
        *("report", "hero", "--format", "json", "--out", file, "--data", trained)
    )

    assert (result.exit_code, result.output) == (0, "")
    assert json.loads(file.read_text())["experiment"] == "hero"


def test_a_file_that_can_not_be_written_is_a_sentence(
    run: Run, trained: Path, tmp_path: Path
) -> None:
    file = tmp_path / "missing" / "report.json"
    result = run("report", "hero", "--out", file, "--data", trained)

    assert result.exit_code == 2
    assert "can't be written" in result.stderr


def test_an_unknown_experiment_exits_1(run: Run, initialised: Path) -> None:
    assert run("report", "nothing", "--data", initialised).exit_code == 1
