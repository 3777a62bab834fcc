"""`bandit-svc evaluate --log` on files, as an analyst calls it."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.command import Run

NAMES = (
    *("--action-column", "item_id", "--reward-column", "click"),
    *("--propensity-column", "propensity_score"),
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """400 decisions between two items, each with chance 1/2; item 1 earns 1."""
    file = tmp_path / "log.csv"
    rows = "".join(f"{i % 2},{i % 2},0.5,{0.25 + i % 2 / 2}\n" for i in range(400))
    file.write_text("item_id,click,propensity_score,p\n" + rows)
    return file


def evaluated(run: Run, *arguments: object) -> dict[str, Any]:
    result = run("evaluate", *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_json_is_that_of_the_contract(run: Run, log: Path) -> None:
    found = evaluated(run, "--log", log, *NAMES, "--target-propensity-column", "p")
    (row,) = found["policies"]

    assert set(found) == {"policies", "health"}
    assert {"check", "status", "detail"} <= set(found["health"][0])
    assert set(row) == {
        *("policy", "n", "effective_sample_size", "mean_weight", "max_weight"),
        *("refused", "estimates", "estimand"),
    }
    assert {"ips", "snips", "dm", "dr"} <= set(row["estimates"])
    assert set(row["estimates"]["ips"]) == {"estimate", "interval"}
    # Weights are 0.5 for item 0 and 1.5 for item 1: 400 * (1 + 9) / 4 / 2 squares.
    assert row["effective_sample_size"] == pytest.approx(400**2 / (400 * 1.25))
    assert row["max_weight"] == 1.5
    assert row["estimates"]["snips"]["estimate"] == pytest.approx(0.75)


def test_only_the_named_estimators_are_printed(run: Run, log: Path) -> None:
    policies = ("--policy", "uniform", "--actions", "2")
    named = ("--estimator", "dros", "--estimator", "ips")
    found = evaluated(run, "--log", log, *NAMES, *policies, *named)
    text = run("evaluate", "--log", log, *NAMES, *policies, "--estimator", "dros")

    assert list(found["policies"][0]["estimates"]) == ["dros", "ips"]
    assert "uniform would have earned 0.5" in text.stdout
    assert "(dros)" in text.stdout


def test_an_estimator_without_predictions_is_said_to_be_missing(
    run: Run, tmp_path: Path
) -> None:
    # The chance of an item changes from line to line; that of the other is not known.
    log = tmp_path / "log.csv"
    rows = "".join(f"{i % 2},1,0.5,{0.3 + 0.2 * (i % 3)}\n" for i in range(400))
    log.write_text("item_id,click,propensity_score,p\n" + rows)
    column = ("--target-propensity-column", "p")
    result = run("evaluate", "--log", log, *NAMES, *column, "--estimator", "dr")

    assert "There is no estimate for p by dr" in result.stdout


def test_several_policies_are_rows_in_their_order(run: Run, log: Path) -> None:
    policies = ("--policy", "uniform", "--policy", "fixed:1", "--actions", "2")
    found = evaluated(
        run, "--log", log, *NAMES, *policies, "--target-propensity-column", "p"
    )

    assert [r["policy"] for r in found["policies"]] == ["p", "uniform", "fixed:1"]


def test_a_refused_policy_has_a_reason_and_no_number(run: Run, log: Path) -> None:
    options = (*NAMES, "--policy", "fixed:2", "--actions", "3")
    (row,) = evaluated(run, "--log", log, *options)["policies"]
    text = run("evaluate", "--log", log, *options).stdout

    assert row["refused"].startswith("None of the 400 logged decisions")
    assert all(e["estimate"] is None for e in row["estimates"].values())
    assert "The log can't say what fixed:2 would have earned." in text


def test_text_begins_with_a_sentence_and_says_how_to_read_intervals(
    run: Run, log: Path
) -> None:
    text = run("evaluate", "--log", log, *NAMES, "--target-propensity-column", "p")
    lines = text.stdout.splitlines()

    # IPS terms 0 and 1.5 in equal parts: 0.75 +- 1.96 * 0.75 / sqrt(399) for SNIPS.
    assert lines[0].startswith("p would have earned 0.75")
    assert "read once" in text.stdout
    assert "narrower than" in text.stdout


def test_a_failed_check_takes_the_sentence_and_leaves_the_numbers(
    run: Run, log: Path
) -> None:
    policies = ("--policy", "uniform", "--actions", "3")
    text = run("evaluate", "--log", log, *NAMES, *policies).stdout
    found = evaluated(run, "--log", log, *NAMES, *policies)
    (row,) = found["policies"]

    # The third action was never chosen: a third of the policy's choices.
    assert text.startswith("Don't rely on the numbers of uniform: a check of the log")
    assert "overlap" in text.splitlines()[0]
    assert "would have earned" not in text.splitlines()[0]
    assert row["refused"] is None
    assert row["estimates"]["snips"]["estimate"] == pytest.approx(0.5)


def test_csv_has_one_line_for_each_estimate(run: Run, log: Path) -> None:
    options = ("--target-propensity-column", "p", "--format", "csv")
    result = run("evaluate", "--log", log, *NAMES, *options)
    rows = list(csv.DictReader(result.stdout.splitlines()))

    assert [row["estimator"] for row in rows][:4] == ["ips", "snips", "dm", "dr"]
    assert float(rows[1]["estimate"]) == pytest.approx(0.75)


def test_out_writes_the_file_and_prints_nothing(
    run: Run, log: Path, tmp_path: Path
) -> None:
    file = tmp_path / "result.txt"
    target = ("--target-propensity-column", "p", "--out", file)
    result = run("evaluate", "--log", log, *NAMES, *target)

    assert (result.exit_code, result.output) == (0, "")
    assert "would have earned" in file.read_text()


def test_features_of_actions_serve_the_reward_model(
    run: Run, log: Path, tmp_path: Path
) -> None:
    items = tmp_path / "items.csv"
    items.write_text("item_id,price\n0,9.5\n1,20\n")
    options = ("--policy", "fixed:1", "--action-features", items)
    (row,) = evaluated(run, "--log", log, *NAMES, *options)["policies"]

    assert row["estimates"]["dr"]["estimate"] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("item_id,price\n0,9\n", "no line for 1 of 2 actions"),
        ("item_id,price\n0,9\n1,high\n", "is no number"),
        ("item_id,price\n0,9\n1,nan\n", "not finite"),
    ],
)
def test_wrong_features_of_actions_exit_2(
    run: Run, log: Path, tmp_path: Path, text: str, said: str
) -> None:
    items = tmp_path / "items.csv"
    items.write_text(text)
    options = ("--policy", "fixed:1", "--action-features", items)
    result = run("evaluate", "--log", log, *NAMES, *options)

    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--policy", "greedy"),
        ("--policy", "fixed:9"),
        ("--policy", "uniform"),
        ("--policy", "fixed:1", "--reward-column", "clicks"),
        ("--policy", "fixed:1", "--actions", "1"),
        ("--policy", "fixed:1", "--log-format", "vw"),
        ("--policy", "fixed:1", "--min-propensity", "0.6"),
    ],
)
def test_wrong_options_exit_2(run: Run, log: Path, arguments: tuple[str, ...]) -> None:
    result = run("evaluate", "--log", log, *NAMES, *arguments)

    assert result.exit_code == 2
    assert "Error: " in result.stderr


def test_a_log_that_can_not_be_read_exits_1_with_file_and_line(
    run: Run, log: Path, tmp_path: Path
) -> None:
    log.write_text(log.read_text() + "1,1,0,0.5\n")
    options = (*NAMES, "--policy", "fixed:1")
    bad = run("evaluate", "--log", log, *options)
    missing = run("evaluate", "--log", tmp_path / "none.csv", *options)

    assert bad.exit_code == missing.exit_code == 1
    assert f"{log}, line 402: propensity_score is '0'" in bad.stderr
    assert "No such file" in missing.stderr


def repeated(path: Path, times: int, *, ids: bool) -> Path:
    """Write 300 visitors' decisions, each as often as asked."""
    rows = []
    for i in range(300):
        name = f"v{i}," if ids else ""
        rows += [f"{name}{i % 2},{int(i % 3 == 0)},0.5,{i}\n"] * times
    head = "visitor," if ids else ""
    path.write_text(f"{head}item_id,click,propensity_score,at\n{''.join(rows)}")
    return path


def test_repeated_decisions_of_a_unit_leave_the_interval_as_it_was(
    run: Run, tmp_path: Path
) -> None:
    """Each of 300 visitors ten times: without --unit-column a third of the width."""
    uniform = ("--policy", "uniform", "--actions", "2", "--estimator", "snips")
    once = repeated(tmp_path / "once.csv", 1, ids=True)
    ten = repeated(tmp_path / "ten.csv", 10, ids=True)
    unit = ("--unit-column", "visitor")
    plain = evaluated(run, "--log", once, *NAMES, *uniform)
    narrow = evaluated(run, "--log", ten, *NAMES, *uniform)
    by_unit = evaluated(run, "--log", ten, *NAMES, *uniform, *unit)

    def width(found: dict[str, Any]) -> float:
        lower, upper = found["policies"][0]["estimates"]["snips"]["interval"]
        return float(upper - lower)

    assert width(by_unit) == pytest.approx(width(plain), rel=1e-9)
    assert width(narrow) == pytest.approx(width(plain) / 10**0.5, rel=0.01)
    assert by_unit["policies"][0]["units"] == 300


def test_repeated_rows_are_warned_of(run: Run, tmp_path: Path) -> None:
    log = repeated(tmp_path / "log.csv", 2, ids=False)
    result = run("audit", "--log", log, *NAMES, "--actions", "2", "--format", "json")
    checks = {c["check"]: c for c in json.loads(result.stdout)["health"]}

    assert checks["repeated_rows"]["status"] == "warn"
    assert (
        "300 of 600 rows are equal to the row before"
        in (checks["repeated_rows"]["detail"])
    )


def test_too_few_units_are_refused(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = "".join(f"v{i % 40},{i % 2},{i % 3 == 0:d},0.5\n" for i in range(2_000))
    log.write_text("visitor,item_id,click,propensity_score\n" + rows)
    policy = ("--policy", "uniform", "--actions", "2", "--unit-column", "visitor")
    (row,) = evaluated(run, "--log", log, *NAMES, *policy)["policies"]

    assert "40.0 units of equal weight" in row["refused"]
    assert row["estimates"]["snips"]["estimate"] is None


def test_the_unit_column_is_for_tables_that_have_it(run: Run, log: Path) -> None:
    unknown = run("evaluate", "--log", log, *NAMES, "--unit-column", "who")

    assert unknown.exit_code != 0
    assert "has no column 'who'" in unknown.output
