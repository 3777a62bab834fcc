"""The decisions that an experiment is planned for say where its interval is tightest.

They are frozen at creation: chosen after a look, they would be peeking.
"""

from typing import Any

import msgspec
import pytest

from bandit_svc.clock import now_ms
from bandit_svc.ope.sequences.asymptotic import boundary
from bandit_svc.services.learning.uplift_rows import Layout
from tests.harness.command import run_command
from tests.harness.pages import Visitor
from tests.harness.worker_in_process import WorkerInProcess

Json = dict[str, Any]
UNITS, VISITS = 600, 2
DAY_MS = 86_400_000
MONEY = {"maximum": None}


def lived(service: WorkerInProcess, key: str, **fields: object) -> Json:
    """Return the report of an experiment after two visits of each of 600 units.

    Every third unit of the treatment earns at each visit, and every fourth one of the
    baseline, so that the numbers hardly depend on who is in which group.
    """
    reward: Json = {"window_seconds": 60} | dict(fields.pop("reward", {}))  # type: ignore[call-overload]
    service.create(
        key,
        holdout=0.5,
        policy={"kind": "fixed", "variant": "b"},
        exploration_floor=0.0,
        reward=reward,
        **fields,
    )
    order: dict[str, dict[int, int]] = {"treatment": {}, "baseline": {}}
    for unit in [*range(UNITS)] * VISITS:
        service.now_ms += 60_000
        decided = service.decide(key, unit_id=f"u{unit}")
        mine = order[decided["group"]]
        every = 3 if decided["group"] == "treatment" else 4
        if mine.setdefault(unit, len(mine)) % every == 0:
            service.reward(decided["decision_id"], 1)
    service.learn(after_s=61)
    return dict(service.get(f"/v1/experiments/{key}/report").json)


def half_width(estimated: Json) -> float:
    lower, upper = estimated["interval"]
    return float(upper - lower) / 2


def test_the_uplift_has_the_boundary_that_was_planned(service: WorkerInProcess) -> None:
    """By hand: both reports are of the same decisions, so that only z(n) differs."""
    service.create(
        "hero",
        holdout=0.5,
        policy={"kind": "fixed", "variant": "b"},
        exploration_floor=0.0,
        reward={"window_seconds": 60},
        planned_decisions=100_000,
    )
    experiment = service.worker.storage.experiments.get("hero")
    planned, usual = (
        Layout.of(msgspec.structs.replace(experiment.definition, planned_decisions=n))
        for n in (100_000, None)
    )
    report = lived(service, "again", planned_decisions=100_000)
    ratio = boundary(1_200, 0.95, tightest_at=100_000) / boundary(1_200, 0.95)

    assert planned.possible.tightest_at == 100_000
    assert usual.possible.tightest_at == 5_000
    assert report["decisions"]["joined"] == 1_200
    assert ratio > 1.5
    # No unit is shown what the other group would be: by what was shown is by group.
    assert half_width(report["uplift"]["absolute"]) == pytest.approx(
        half_width(report["uplift"]["randomised"]["absolute"])
    )
    assert half_width(report["uplift"]["absolute"]) > 0.15


@pytest.mark.parametrize("planned", [None, 20_000])
def test_it_can_not_be_changed_after_creation(
    service: WorkerInProcess, planned: int | None
) -> None:
    service.create("hero", planned_decisions=planned)
    refused = service.patch("/v1/experiments/hero", {"planned_decisions": 9_000})
    kept = service.patch("/v1/experiments/hero", {"smallest_lift": 0.05}).json

    assert refused.status_code == 400
    (error,) = refused.json["errors"]
    assert error["pointer"] == "/planned_decisions"
    assert "peeking" in error["detail"]
    assert (kept["planned_decisions"], kept["smallest_lift"]) == (planned, 0.05)


@pytest.mark.parametrize(
    ("field", "value"),
    [("planned_decisions", 99), ("smallest_lift", 0), ("smallest_lift", -0.1)],
)
def test_values_without_sense_are_refused(
    service: WorkerInProcess, field: str, value: float
) -> None:
    answer = service.post(
        "/v1/experiments",
        {"key": "hero", "variants": [{"key": "a"}, {"key": "b"}], field: value},
    )

    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json["errors"]] == [f"/{field}"]


def test_sums_of_a_version_without_it_keep_the_usual_boundary() -> None:
    stored = msgspec.msgpack.encode([0.0, 0.0, 1.0, ["returns"]])

    found = msgspec.msgpack.decode(stored, type=Layout)

    assert found == Layout(0.0, 0.0, 1.0, ("returns",))
    assert found.possible.tightest_at == 5_000


@pytest.mark.parametrize(
    "fields",
    [{}, {"smallest_lift": 0.2}, {"smallest_lift": 0.2, "reward": MONEY}],
    ids=["estimate", "asked", "money"],
)
def test_page_text_and_api_say_alike_when_it_is_decided(
    service: WorkerInProcess, fields: Json
) -> None:
    # The command reads the clock of the machine: all of it is in the past.
    service.now_ms = now_ms() - 30 * DAY_MS
    report = lived(service, "hero", **fields)
    ahead = report["outlook"]
    page = Visitor(service).get("/experiments/hero").text
    text = run_command("report", "hero", "--data", service.folder).stdout
    (sentence,) = (one for one in text.splitlines() if one.startswith("Decided in"))

    assert not ahead["decided"]
    assert ahead["lift_of"] == ("smallest_lift" if fields else "estimate")
    assert 0 < ahead["decisions_median"] < ahead["decisions_80"]
    # One decision a minute; the points of the course are not exactly at the half.
    assert ahead["decisions_a_day"] == pytest.approx(1_440, rel=0.02)
    assert ahead["median_days"] == pytest.approx(
        ahead["decisions_median"] / ahead["decisions_a_day"]
    )
    assert f"after {ahead['decisions_median']:,} more decisions" in sentence
    assert sentence in page


def test_nothing_is_said_before_there_is_an_interval(service: WorkerInProcess) -> None:
    service.create("hero")
    ahead = service.get("/v1/experiments/hero/report").json["outlook"]

    assert ahead["median_days"] is None
    assert ahead["reason"]
