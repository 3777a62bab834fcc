"""The uplift by unit over HTTP: changed holdouts, units that come back, carry-over."""

from typing import Any

import pytest

from tests.harness.worker_in_process import WorkerInProcess

Json = dict[str, Any]
BATCH = 1_000
BOTH_UNIFORM: Json = {
    "policy": {"kind": "uniform"},
    "baseline": {"kind": "uniform"},
    "reward": {"window_seconds": 60},
}


def visits(
    service: WorkerInProcess, units: list[str], every: int, *, key: str = "hero"
) -> None:
    """Let units come, and one of `every` earn 1, whatever it is shown."""
    for first in range(0, len(units), BATCH):
        asked = [{"experiment": key, "unit_id": u} for u in units[first:][:BATCH]]
        body = {"decisions": asked}
        decided = service.post("/v1/decisions/batch", body).json["decisions"]
        rewards = [
            {"decision_id": one["decision_id"], "value": 1.0}
            for place, one in enumerate(decided)
            if place % every == 0
        ]
        service.post("/v1/rewards/batch", {"rewards": rewards})
    service.learn(after_s=61)


def report_of(service: WorkerInProcess, key: str = "hero") -> Json:
    return dict(service.get(f"/v1/experiments/{key}/report").json)


def check_of(report: Json, name: str) -> Json:
    (found,) = (check for check in report["health"] if check["check"] == name)
    return dict(found)


def test_a_changed_holdout_under_a_moving_level_makes_no_winner(
    service: WorkerInProcess,
) -> None:
    """Most of the treatment's decisions fall into the better time.

    Half of the units are in the holdout while 5 % of the decisions earn, a twentieth
    while 14 % do; so the groups' plain means differ by some 4 points.
    """
    service.create("hero", holdout=0.5, **BOTH_UNIFORM)
    visits(service, [f"early-{n}" for n in range(3_000)], every=20)
    service.patch("/v1/experiments/hero", {"holdout": 0.05})
    visits(service, [f"late-{n}" for n in range(3_000)], every=7)
    report = report_of(service)
    uplift = report["uplift"]
    plain = [row["mean"] for row in report["variants"]]

    assert report["decisions"]["joined"] == 6_000
    # Some 0.11; variants are drawn, which moves a mean by 0.007 (one deviation).
    assert min(plain) > 0.09
    # What both groups show alike counts for both: nothing is left to chance.
    assert uplift["absolute"]["estimate"] == pytest.approx(0, abs=1e-9)
    lower, upper = uplift["randomised"]["absolute"]["interval"]
    assert lower < 0 < upper
    assert "not decided yet" in report["verdict"]


def test_no_interval_is_shown_while_a_group_has_few_units(
    service: WorkerInProcess,
) -> None:
    service.create("hero", holdout=0.1, **BOTH_UNIFORM)
    for _ in range(5):
        visits(service, [f"u{n}" for n in range(200)], every=7)
    report = report_of(service)
    absolute = report["uplift"]["absolute"]

    assert sum(report["uplift"]["units"].values()) == 200
    assert sum(row["n"] for row in report["groups"]) == 1_000
    assert absolute["estimate"] is not None
    assert absolute["interval"] == [None, None]
    assert "about 500 units" in absolute["reason"]
    assert "about 500 units" in report["verdict"]


def test_decisions_of_few_units_warn(service: WorkerInProcess) -> None:
    service.create("hero", holdout=0.5, **BOTH_UNIFORM)
    requests = [
        {"experiment": "hero", "unit_id": f"u{n % 10}", "defer": True}
        for n in range(400)
    ]
    asked = service.post("/v1/decisions/batch", {"decisions": requests}).json
    for one in asked["decisions"][:120]:
        service.post(f"/v1/decisions/{one['decision_id']}/activate")
    service.learn(after_s=61)
    check = check_of(report_of(service), "repeat_visits")

    assert check["status"] == "warn"
    assert "12.0 decisions on average" in check["detail"]


def test_alike_decisions_of_a_unit_have_a_design_effect(
    service: WorkerInProcess,
) -> None:
    service.create("hero", holdout=0.5, **BOTH_UNIFORM)
    for _ in range(4):
        # The same units earn at each visit.
        visits(service, [f"u{n}" for n in range(400)], every=5)
    report = report_of(service)
    check = check_of(report, "repeat_visits")

    assert check["status"] == "warn"
    assert check["design_effect"] == pytest.approx(4, rel=0.02)
    assert report["uplift"]["method"] == "trajectory-mixture"


def test_one_step_is_shown_only_where_earlier_decisions_cannot_matter(
    service: WorkerInProcess,
) -> None:
    service.create("possible", holdout=0.5, **BOTH_UNIFORM)
    service.create("none", holdout=0.5, carry_over="none", **BOTH_UNIFORM)
    for key in ("possible", "none"):
        visits(service, ["u1", "u2"], every=2, key=key)
        once = report_of(service, key)["uplift"]
        visits(service, ["u1", "u2"], every=2, key=key)

        assert "one_step" in once
    assert "one_step" not in report_of(service, "possible")["uplift"]
    assert "one_step" in report_of(service, "none")["uplift"]


def test_an_unknown_carry_over_is_refused(service: WorkerInProcess) -> None:
    answer = service.post(
        "/v1/experiments",
        {"key": "hero", "variants": [{"key": "a"}], "carry_over": "perhaps"},
    )

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == "/carry_over"
