"""The splits on the page of an experiment: its steps, its interval, its state."""

import pytest

from tests.harness.pages import Visitor
from tests.harness.worker_in_process import WorkerInProcess

SPLIT = {
    "policies": {"current": 0.5, "other": 0.5},
    "policy": {"kind": "fixed", "variant": "b"},
    "reason": "b was asked for",
}


@pytest.fixture
def hero(service: WorkerInProcess) -> WorkerInProcess:
    service.create(
        "hero",
        policy={"kind": "fixed", "variant": "a"},
        holdout=0.0,
        variants=[{"key": "a"}, {"key": "b"}],
        reward={"window_seconds": 1},
        split=SPLIT,
    )
    service.learn()
    return service


def test_a_split_is_shown_with_its_steps_and_an_interval(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    before = visitor.get("/experiments/hero").text
    assert "is not known yet" in before
    assert "b was asked for" in before
    for n in range(400):
        made = hero.decide("hero", unit_id=f"u-{n}")
        if made["variant"] == "a":
            hero.reward(made["decision_id"], 1.0)
    hero.learn(after_s=3)

    text = visitor.get("/experiments/hero").text
    assert "rolled back" in text
    assert "It ended on" in text
    assert "guardrail_breached" in text
    assert "Deployed, in split 1 (it is over): current " in text
    report = hero.get("/v1/experiments/hero/report").json["deployed"]
    assert report["policy"] == "other"
    assert report["running"] is False
    assert report["estimand"] == "deployed"
    current, other = report["branches"]
    assert current["mean"] > 0.9
    assert other["mean"] < 0.1
    assert report["difference"]["interval"][1] < 0


def test_an_experiment_without_a_split_has_no_such_part(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    service.create("plain")
    assert "Policy splits" not in visitor.get("/experiments/plain").text
    assert service.get("/v1/experiments/plain/report").json["deployed"] is None
