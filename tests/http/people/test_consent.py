"""Without consent nothing of a unit is used or kept, and its choices count apart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.domain.events.decision_id import uniform_from_id
from policies.pmf import sample
from tests.harness.worker_in_process import WorkerInProcess

UNIT, OTHER = "erika.mustermann", "max.mustermann"
CONTEXT = {"city": "secret-town", "device": "mobile"}
GPC = {"Sec-GPC": "1"}
REFUSALS = ("denied", "GPC")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[WorkerInProcess]:
    started = WorkerInProcess(tmp_path, dev=False)
    started.create(
        "hero",
        policy={"kind": "linear"},
        features={"views": "count(viewed, 7d)"},
        sticky={"for_seconds": 3600},
        reward={"window_seconds": 10},
        holdout=0.4,
    )
    started.create("plain", reward={"window_seconds": 10}, holdout=0.4)
    yield started
    started.close()


def refuse(service: WorkerInProcess, how: str, unit: str) -> dict[str, str]:
    """Deny consent in one of the two ways; return the headers of its requests."""
    if how == "GPC":
        return GPC
    service.call("PUT", f"/v1/units/{unit}", {"consent": "denied"})
    service.learn()
    return {}


def decide(
    service: WorkerInProcess, headers: dict[str, str], **fields: object
) -> dict[str, Any]:
    body = {"experiment": "hero", "unit_id": UNIT, "context": CONTEXT, **fields}
    named = {**headers, "X-Request-Id": "trace-of-erika"}
    answer = service.post("/v1/decisions", body, named)
    assert answer.status_code == 201
    return dict(answer.json)


@pytest.mark.parametrize("how", REFUSALS)
@pytest.mark.parametrize("key", ["hero", "plain"])
def test_nothing_of_the_unit_is_kept_or_used(
    service: WorkerInProcess, how: str, key: str
) -> None:
    granted = service.decide(key, unit_id=UNIT)
    service.learn(after_s=20)
    headers = refuse(service, how, UNIT)
    made = decide(service, headers, experiment=key, request_id="r-1")
    again = decide(service, headers, experiment=key, request_id="r-1")
    for _ in range(2):
        record = service.get(f"/v1/decisions/{made['decision_id']}").json
        service.learn()

    assert again == made
    assert made["decision_id"] != granted["decision_id"]
    assert record["without_consent"]
    assert record["context"] == {}
    for gone in ("unit_id", "group_id", "request_id", "trace_id"):
        assert record[gone] is None
    # The group is that of the unit all the same.
    assert made["group"] == granted["group"]


@pytest.mark.parametrize("how", REFUSALS)
def test_the_propensity_is_that_of_the_draw(service: WorkerInProcess, how: str) -> None:
    for n in range(200):
        made = service.decide("hero", unit_id=f"u-{n}", context={"device": "mobile"})
        service.reward(made["decision_id"], float(made["variant"] == "b"))
    service.learn(after_s=20)
    service.worker.catalog.refresh_models()
    headers = refuse(service, how, UNIT)
    for _ in range(20):
        made = decide(service, headers)
        record = service.get(f"/v1/decisions/{made['decision_id']}").json
        pmf = [one["probability"] for one in record["variants"]]
        drawn = sample(pmf, uniform_from_id(made["decision_id"], b"draw"))
        assert record["variant"] == record["variants"][drawn]["variant"]
        assert made["propensity"] == record["propensity"] == pmf[drawn]
        served = service.worker.catalog.running("hero")
        if made["group"] == "treatment":
            floor = 0.02
            asked = served.policy.pmf({}, served.actions)
            expected = [(1 - floor) * p + floor / 2 for p in asked]
            assert pmf == pytest.approx(expected)


@pytest.mark.parametrize("how", REFUSALS)
def test_they_are_counted_apart_and_in_no_other_number(
    service: WorkerInProcess, how: str
) -> None:
    for n in range(40):
        made = service.decide("hero", unit_id=f"u-{n}", context={"hour": n % 3})
        service.reward(made["decision_id"], float(n % 2))
    service.learn(after_s=20)
    before = service.get("/v1/experiments/hero/report").json
    values: dict[str, list[float]] = {"treatment": [], "baseline": []}
    for n in range(30):
        headers = refuse(service, how, f"v-{n}")
        made = decide(service, headers, unit_id=f"v-{n}")
        value = float(n % 3 == 0)
        values[made["group"]].append(value)
        service.reward(made["decision_id"], value)
    service.learn(after_s=20)
    after = service.get("/v1/experiments/hero/report").json

    assert before["without_consent"] == []
    for row in after["without_consent"]:
        rewards = values[row["group"]]
        assert (row["decisions"], row["n"]) == (len(rewards), len(rewards))
        assert row["mean"] == pytest.approx(sum(rewards) / len(rewards))
    for part in ("decisions", "uplift", "groups", "variants", "segments", "metrics"):
        assert after[part] == before[part]
    assert after["model"]["learned"] == before["model"]["learned"]
    page = service.get("/experiments/hero").get_data(as_text=True)
    assert "Without consent: 30 decisions" in page


def test_events_of_a_browser_that_asks_for_privacy_are_dropped(
    service: WorkerInProcess,
) -> None:
    body = {"unit_id": UNIT, "event": "viewed"}
    dropped = service.post("/v1/events", body, GPC).json
    batch = service.post("/v1/events/batch", {"events": [body]}, GPC).json
    service.learn()

    assert dropped["status"] == batch["events"][0]["status"] == "dropped"
    assert service.get(f"/v1/units/{UNIT}").status_code == 404
    assert service.post("/v1/events", body, {"Sec-GPC": "0"}).json["status"] == (
        "accepted"
    )


def test_no_file_has_the_unit_or_its_context(
    service: WorkerInProcess, tmp_path: Path
) -> None:
    for _ in range(2):
        decide(service, GPC, links=["device-of-erika"], request_id="r-of-erika")
        body = {"experiment": "hero", "unit_id": UNIT, "context": CONTEXT}
        service.post("/v1/decisions/batch", {"decisions": [body, body]}, GPC)
        service.learn(after_s=20)

    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    sent = ("secret-town", "device-of-erika", "r-of-erika", "trace-of-erika")
    for word in (UNIT, *sent):
        assert not [path for path in kept if word.encode() in path.read_bytes()]


def test_consent_that_is_granted_again_is_used_again(service: WorkerInProcess) -> None:
    refuse(service, "denied", UNIT)
    denied = decide(service, {})
    service.call("PUT", f"/v1/units/{UNIT}", {"consent": "granted"})
    service.learn()
    service.now_ms += 1_000
    granted = decide(service, {})
    records = [
        service.get(f"/v1/decisions/{one['decision_id']}").json
        for one in (denied, granted)
    ]

    assert [one["without_consent"] for one in records] == [True, False]
    assert records[1]["unit_id"] == UNIT
    assert records[1]["context"] == CONTEXT
