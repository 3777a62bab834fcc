"""Logs from public bug reports: each is read as what it is, or refused in a sentence.

The files are in foreign_logs. Their means are known: 24 of 60 decisions were rewarded,
unless a test says otherwise, in turn whatever the action.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness.command import Run

FILES = Path(__file__).parent / "foreign_logs"
ITEMS = ("--action-column", "item_id", "--reward-column", "click", "--actions", "3")
CSV = (*ITEMS, "--propensity-column", "propensity_score")
MEAN = 24 / 60
EXPECTED: dict[str, tuple[tuple[str, ...], float]] = {
    # 100 decisions of pdrop 0 without a reward, 100 of pdrop .9 with one.
    "01_pdrop.dsjson": ((), 1000 / 1100),
    "02_checkpoint_line.dsjson": ((), MEAN),
    "03_cut_last_line.dsjson": (("--skip-bad", "1"), MEAN),
    "07_actions_from_zero.dsjson": ((), MEAN),
    "10_probability_over_one.dsjson": ((), MEAN),
    "20_three_positions_in_turn.csv": ((*CSV, "--position-column", "position"), MEAN),
    "21_reward_true_false.csv": (CSV, MEAN),
    "22_semicolon.csv": (CSV, MEAN),
    "26_reward_missing.csv": ((*CSV, "--default-reward", "0"), MEAN),
}
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "03_cut_last_line.dsjson": ((), "line 61: it is not JSON.*pass --skip-bad N"),
    "12_array.json": ((), "line 1: it begins a JSON array; write one object a line"),
    "23_column_named_twice.csv": (CSV, "names the column 'propensity_score' 2 times"),
    "26_reward_missing.csv": (CSV, "line 4: click is empty"),
    "27_no_propensity.csv": (ITEMS, r"--propensity-column.*\(--estimator dm\)"),
}


def evaluated(run: Run, name: str, *more: str) -> dict[str, Any]:
    result = run(
        *("evaluate", "--log", FILES / name, "--policy", "uniform"),
        *(*more, "--format", "json"),
    )
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def checks(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["check"]: check for check in found["health"]}


def test_every_file_has_a_test() -> None:
    names = {file.name for file in FILES.iterdir()}
    alone = {
        *("04_event_twice.dsjson", "24_rows_twice.csv", "11_vw_json_case.json"),
        "25_propensity_blind_to_context.csv",
    }

    assert names == {*EXPECTED, *REFUSED, *alone}


@pytest.mark.parametrize("name", EXPECTED)
def test_it_has_its_value(run: Run, name: str) -> None:
    options, value = EXPECTED[name]
    (row,) = evaluated(run, name, *options)["policies"]
    lower, upper = row["estimates"]["snips"]["interval"]

    assert row["refused"] is None
    assert row["estimates"]["snips"]["estimate"] == pytest.approx(value)
    # A model that was fitted on two thirds of sixty decisions differs a little.
    assert row["estimates"]["dr"]["estimate"] == pytest.approx(value, abs=0.01)
    assert lower < value < upper


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_sentence(run: Run, name: str) -> None:
    options, said = REFUSED[name]
    result = run("evaluate", "--log", FILES / name, "--policy", "uniform", *options)

    assert result.exit_code != 0
    assert "Traceback" not in result.output
    assert re.search(said, " ".join(result.output.split())), result.output


def test_rows_of_a_sub_sampled_log_are_worth_less_than_they_are(run: Run) -> None:
    (row,) = evaluated(run, "01_pdrop.dsjson")["policies"]

    # 100 of weight 1 and 100 of weight 10: 1100² / (100 + 10,000).
    assert row["effective_sample_size"] == pytest.approx(1100**2 / 10_100)
    assert row["n"] == 200


def test_lines_that_are_left_out_are_counted_by_reason(run: Run) -> None:
    skipped = checks(evaluated(run, "02_checkpoint_line.dsjson"))["rows"]
    cut = checks(evaluated(run, "03_cut_last_line.dsjson", "--skip-bad", "5"))["rows"]

    assert "left out: 1 beginning without a brace" in skipped["detail"]
    assert (skipped["skipped"], skipped["bad"]) == (1, 0)
    assert cut["detail"].endswith("left out: 1 bad.")
    assert (cut["status"], cut["skipped"], cut["bad"]) == ("warn", 1, 1)


def test_keys_in_another_case_are_read(run: Run) -> None:
    found = evaluated(run, "11_vw_json_case.json", "--log-format", "dsjson")
    (row,) = found["policies"]

    # Three decisions, each with the cost -1, are read, and too few.
    assert "effective sample size of 3 logged decisions is 3.0" in row["refused"]
    assert evaluated(run, "11_vw_json_case.json") == found


@pytest.mark.parametrize(
    ("name", "options"), [("04_event_twice.dsjson", ()), ("24_rows_twice.csv", CSV)]
)
def test_rows_that_are_there_twice_are_a_warning(
    run: Run, name: str, options: tuple[str, ...]
) -> None:
    found = run("audit", "--log", FILES / name, *options, "--format", "json")
    health = checks(json.loads(found.stdout))

    assert health["repeated_rows"]["status"] == "warn"
    assert "repeated rows" in json.loads(found.stdout)["verdict"]


def test_an_audit_without_context_does_not_trust_what_it_could_not_test(
    run: Run,
) -> None:
    name = FILES / "25_propensity_blind_to_context.csv"
    asked = ("audit", "--log", name, *CSV[:4], *CSV[6:], "--actions", "2")
    blind = run(*asked)
    told = run(*asked, "--context-columns", "device")

    assert blind.exit_code == 0
    assert blind.stdout.startswith("Nothing speaks against this log's propensities, as")
    assert "can be trusted" not in blind.stdout
    assert "the audit was not told any context" in blind.stdout
    assert told.exit_code == 1
    assert "in one group of device" in told.stdout


def test_a_log_without_propensities_has_a_prediction_and_no_interval(run: Run) -> None:
    options = (*ITEMS, "--estimator", "dm")
    found = evaluated(run, "27_no_propensity.csv", *options)
    (row,) = found["policies"]
    text = run(
        *("evaluate", "--log", FILES / "27_no_propensity.csv"),
        *("--policy", "uniform", *options),
    ).stdout

    assert list(row["estimates"]) == ["dm"]
    assert row["estimates"]["dm"]["estimate"] == pytest.approx(MEAN, abs=0.02)
    assert row["estimates"]["dm"]["interval"] == [None, None]
    assert "has no propensities" in row["estimates"]["dm"]["reason"]
    assert row["effective_sample_size"] is None
    assert checks(found)["propensities"]["status"] == "early"
    assert text.startswith("uniform would have earned 0.4")
    assert "between" not in text.splitlines()[0]
