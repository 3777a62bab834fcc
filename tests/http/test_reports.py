"""The report as JSON and as CSV: every field, agreeing with each other and by hand."""

import csv
import io
from typing import Any

import pytest

from tests.harness.worker_in_process import WorkerInProcess

NOTHING = [None, None]


def report_of(service: WorkerInProcess) -> dict[str, Any]:
    answer = service.get("/v1/experiments/hero/report")
    assert answer.status_code == 200
    return dict(answer.json)


@pytest.fixture
def earned(service: WorkerInProcess) -> dict[str, Any]:
    """Return a report after 400 decisions: the treatment earns 1, the baseline 0."""
    service.create(
        "hero",
        holdout=0.5,
        policy={"kind": "fixed", "variant": "b"},
        exploration_floor=0.0,
        reward={"window_seconds": 60},
    )
    for unit in range(400):
        decided = service.decide("hero", unit_id=f"u{unit}")
        if decided["group"] == "treatment":
            service.reward(decided["decision_id"], 1)
    service.learn(after_s=61)
    return report_of(service)


def test_a_report_has_every_field_of_the_contract(earned: dict[str, Any]) -> None:
    assert earned["experiment"] == "hero"
    assert earned["as_of"] == "2027-01-15T08:01:01.000Z"
    assert {"treatment", "baseline", "pending", "late_rewards"} <= set(
        earned["decisions"]
    )
    assert set(earned["uplift"]) == {
        *("absolute", "relative", "confidence", "method", "anytime_valid"),
        *("asymptotic", "units", "randomised", "one_step", "chance_to_beat"),
    }
    assert earned["uplift"]["confidence"] == 0.95
    assert earned["uplift"]["anytime_valid"] is True
    assert [g["group"] for g in earned["groups"]] == ["treatment", "baseline"]
    assert set(earned["groups"][0]) == {
        *("group", "n", "units", "mean", "interval", "period"),
    }
    assert set(earned["variants"][0]) - {"reason"} == {
        *("variant", "n", "units", "share", "mean", "interval", "ips", "period"),
    }
    for check in earned["health"]:
        assert {"check", "status", "detail"} <= set(check)
        assert check["status"] in {"ok", "warn", "fail", "early"}


def test_counts_means_and_uplift_are_those_of_the_traffic(
    service: WorkerInProcess,
) -> None:
    service.create(
        "hero",
        holdout=0.5,
        policy={"kind": "fixed", "variant": "b"},
        exploration_floor=0.0,
        reward={"window_seconds": 60},
    )
    counts = {"treatment": 0, "baseline": 0}
    for unit in range(400):
        decided = service.decide("hero", unit_id=f"u{unit}")
        counts[decided["group"]] += 1
        value = 1.0 if decided["group"] == "treatment" else 0.5
        service.reward(decided["decision_id"], value)
    service.learn(after_s=61)
    for _ in range(3):
        service.decide("hero")
    service.learn()
    report = report_of(service)
    treatment, baseline = report["groups"]

    assert report["decisions"]["joined"] == 400
    assert report["decisions"]["pending"] == 3
    assert (treatment["n"], treatment["mean"]) == (counts["treatment"], 1.0)
    assert (baseline["n"], baseline["mean"]) == (counts["baseline"], 0.5)
    # 1.0 - 0.5, and 1.0 / 0.5 - 1.
    assert report["uplift"]["absolute"]["estimate"] == pytest.approx(0.5)
    assert report["uplift"]["relative"]["estimate"] == pytest.approx(1.0)
    lower, upper = report["uplift"]["absolute"]["interval"]
    assert 0 < lower < 0.5 < upper
    assert report["verdict"].startswith("The bandit earns more than the baseline")
    assert {v["variant"]: (v["n"], v["share"]) for v in report["variants"]} == {
        "a": (0, 0.0),
        "b": (counts["treatment"], 1.0),
    }


def test_a_report_of_nothing_says_that_nothing_is_known(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    report = report_of(service)

    assert report["uplift"]["absolute"]["estimate"] is None
    assert [g["mean"] for g in report["groups"]] == [None, None]
    assert [g["interval"] for g in report["groups"]] == [NOTHING, NOTHING]
    assert report["verdict"].startswith("No request for a decision has come yet")
    assert report["model"]["version"] == 0


def test_a_long_window_tells_what_waits_and_until_when(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 604_800})
    made = [service.decide("hero") for _ in range(40)]
    for decided in made[:7]:
        service.reward(decided["decision_id"], 1.0)
    service.reward(made[0]["decision_id"], 1.0, reward_id="second")
    service.learn(after_s=30)
    report = report_of(service)

    assert report["pending"]["rewarded"] == 7
    assert report["pending"]["first_matures_at"] == "2027-01-22T08:00:00.000Z"
    assert (
        "40 decisions wait for rewards; 7 of them have one so far" in report["verdict"]
    )
    assert "2027-01-22 08:00:00 UTC" in report["verdict"]


def test_late_duplicate_conflicting_and_orphan_rewards_are_counted(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 60})
    decision_id = service.decide("hero")["decision_id"]
    service.reward(decision_id, 1, reward_id="r")
    service.reward(decision_id, 1, reward_id="r")
    service.reward(decision_id, 0, reward_id="r")
    service.learn(after_s=61)
    service.reward(decision_id, 1, reward_id="late")
    service.learn()
    counts = report_of(service)["decisions"]

    assert {
        name: counts[f"{name}_rewards"]
        for name in ("late", "duplicate", "conflicting", "orphan")
    } == {"late": 1, "duplicate": 1, "conflicting": 1, "orphan": 0}


def test_learning_on_the_first_reward_is_said_in_the_report(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"learn_on": "first_reward"})
    statuses = {c["check"]: c["status"] for c in report_of(service)["health"]}

    assert statuses["learn_on"] == "warn"


def test_the_csv_has_the_numbers_of_the_json(
    service: WorkerInProcess, earned: dict[str, Any]
) -> None:
    answer = service.get("/v1/experiments/hero/report.csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    cells = {(section, name, measure): value for section, name, measure, value in rows}

    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="hero.csv"'
    assert rows[0] == ["section", "name", "measure", "value"]
    assert len(cells) == len(rows)
    for name, count in earned["decisions"].items():
        assert int(cells["decisions", name, "count"]) == count
    for kind in ("absolute", "relative"):
        row = earned["uplift"][kind]
        assert [cells["uplift", kind, m] for m in ("estimate", "lower", "upper")] == [
            "" if number is None else str(number)
            for number in (row["estimate"], *row["interval"])
        ]
    for row in earned["groups"]:
        assert float(cells["groups", row["group"], "mean"]) == row["mean"]
        assert float(cells["groups", row["group"], "lower"]) == row["interval"][0]
    for row in earned["variants"]:
        assert float(cells["variants", row["variant"], "share"]) == row["share"]
    for check in earned["health"]:
        assert cells["health", check["check"], "status"] == check["status"]
        assert cells["health", check["check"], "detail"] == check["detail"]


def test_the_csv_of_nothing_has_empty_cells_where_nothing_is_known(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    text = service.get("/v1/experiments/hero/report.csv").text

    assert "uplift,absolute,estimate,\r\n" in text
    assert "None" not in text


def test_a_report_of_hostile_contexts_has_no_formula(service: WorkerInProcess) -> None:
    formula = '=HYPERLINK("http://x","y")'
    service.create("hero", holdout=0.4, reward={"window_seconds": 1})
    for number in range(160):
        made = service.decide(
            "hero", unit_id=f"u{number}", context={formula: f"@{number % 2}"}
        )
        service.reward(made["decision_id"], number % 2)
    service.learn(after_s=3)
    text = service.get("/v1/experiments/hero/report.csv").text
    rows = csv.reader(io.StringIO(text, newline=""))
    hostile = [cell for row in rows for cell in row if "HYPERLINK" in cell]

    assert hostile
    assert all(cell.startswith("'=") for cell in hostile)
