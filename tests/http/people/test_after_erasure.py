"""Old data of an erased unit does not come in again; a visitor who comes back does."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.domain.times import timestamp
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.wiring import Backends
from tests.harness.web.write_key import basic, new_write_key
from tests.harness.worker_in_process import Answer, WorkerInProcess

RAW, DEVICE = "erika.mustermann", "device-anon-7f3a"
REWARD = {"window_seconds": 60, "event": "bought", "credit": "last_exposed"}
HOUR_MS = 3_600_000


def erase(service: WorkerInProcess) -> None:
    """Ask for the erasure, and do it as the learner does between two of its turns."""
    asked = service.call("DELETE", f"/v1/units/{RAW}")
    assert asked.status_code == 202
    with closing(Backends(service.worker.settings)) as fresh:
        done = erase_unit(fresh.privacy, lambda: service.now_ms, os.urandom)
    assert done is not None
    assert done.step == "done"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[WorkerInProcess]:
    """Return a store of which a unit with two ids was erased, an hour ago."""
    started = WorkerInProcess(tmp_path, dev=False, pseudonym_key=b"k" * 32)
    started.create(
        "hero", holdout=0.0, reward=REWARD, features={"views": "count(viewed)"}
    )
    started.call("PUT", f"/v1/units/{RAW}", {"links": [DEVICE], "consent": "granted"})
    started.learn()
    started.decide("hero", unit_id=DEVICE)
    for n in range(3):
        viewed(started, unit_id=DEVICE, event_id=f"e-{n}")
    buy(started, reward_id="order-1")
    started.learn(after_s=61)
    erase(started)
    started.now_ms += HOUR_MS
    yield started
    started.close()


def viewed(service: WorkerInProcess, **fields: object) -> Answer:
    body = {"unit_id": RAW, "event": "viewed"} | fields
    return service.post("/v1/events", body)


def buy(service: WorkerInProcess, **fields: object) -> Answer:
    return service.post("/v1/rewards", {"unit_id": RAW, "value": 1.0} | fields)


def before(service: WorkerInProcess, *, by_ms: int = HOUR_MS) -> str:
    """Return a moment before the erasure, or the moment itself."""
    return timestamp(service.now_ms - by_ms)


def tables(service: WorkerInProcess) -> dict[str, Any]:
    """Return all that is stored but the learner's notes on its clock."""
    stored = service.stored()
    return {name: rows for name, rows in stored.items() if name != "table meta"}


@pytest.mark.parametrize("unit", [RAW, DEVICE])
@pytest.mark.parametrize("by_ms", [HOUR_MS, 2 * HOUR_MS, 900 * 24 * HOUR_MS])
def test_what_a_unit_did_before_its_erasure_is_not_kept_again(
    service: WorkerInProcess, unit: str, by_ms: int
) -> None:
    stored = tables(service)
    old = {"unit_id": unit, "occurred_at": before(service, by_ms=by_ms)}
    batch = {"events": [{"event": "viewed", "event_id": "e-1"} | old]}
    answers = [
        viewed(service, event_id="e-0", **old).json,
        viewed(service, event_id="bought-9", **old | {"event": "bought"}).json,
        *service.post("/v1/events/batch", batch).json["events"],
        buy(service, reward_id="order-9", **old).json,
    ]
    service.learn()

    statuses = [answer["status"] for answer in answers]
    # The device had sent these two; a hash of their names is still there.
    again = "duplicate" if unit == DEVICE else "dropped"
    assert statuses == [again, "dropped", again, "dropped"]
    assert tables(service) == stored


def test_a_unit_that_comes_back_is_a_new_one(service: WorkerInProcess) -> None:
    later = {"occurred_at": before(service, by_ms=HOUR_MS - 1)}
    answers = [viewed(service, **later), viewed(service), viewed(service, unit_id="x")]
    service.learn()
    decided = service.decide("hero", unit_id=RAW)
    bought = buy(service, reward_id="order-2")
    service.learn()
    refund = buy(service, reward_id="order-2", value=0, correction=True)

    assert [answer.json["status"] for answer in answers] == ["accepted"] * 3
    record = service.get(f"/v1/decisions/{decided['decision_id']}").json
    assert record["context"]["unit"] == {"views": 2}
    assert bought.json["status"] == "accepted"
    assert refund.json["status"] == "corrected"


def test_a_unit_that_is_erased_again_loses_what_it_did_since(
    service: WorkerInProcess,
) -> None:
    since = before(service, by_ms=HOUR_MS // 2)
    assert viewed(service, occurred_at=since).json["status"] == "accepted"
    service.learn()
    erase(service)
    service.now_ms += 1_000

    assert viewed(service, occurred_at=since).json["status"] == "dropped"


def test_an_old_event_is_left_out_from_the_moment_that_the_erasure_is_asked_for(
    service: WorkerInProcess,
) -> None:
    since = before(service, by_ms=HOUR_MS // 2)
    service.call("DELETE", f"/v1/units/{RAW}")

    assert viewed(service, occurred_at=since).json["status"] == "dropped"


def test_a_reward_of_an_erased_unit_is_corrected_by_its_decision(
    service: WorkerInProcess,
) -> None:
    stored = tables(service)
    by_unit = buy(service, reward_id="order-1", value=0, correction=True)
    (outcome,) = service.get("/v1/rewards/order-1").json["rewards"]

    assert by_unit.status_code == 404
    assert by_unit.json["errors"][0]["pointer"] == "/unit_id"
    assert "GET /v1/rewards/" in by_unit.json["detail"]
    assert tables(service) == stored
    refund = {"decision_id": outcome["decision_id"], "value": 0, "correction": True}
    by_decision = service.post("/v1/rewards", refund | {"reward_id": "order-1"})
    assert by_decision.json["status"] == "corrected"


def test_a_pipeline_that_sends_its_history_again_brings_no_unit_back(
    service: WorkerInProcess,
) -> None:
    key = basic(new_write_key(service))
    stored = tables(service)
    old = {"userId": RAW, "timestamp": before(service), "messageId": "m-1"}
    history = [
        {"type": "identify", "traits": {"tier": "gold"}} | old,
        {"type": "track", "event": "viewed"} | old,
        {"type": "alias", "previousId": "anon-9"} | old,
        {"type": "alias", "previousId": DEVICE} | old | {"userId": "somebody"},
    ]
    answer = service.post("/v1/batch", {"batch": history}, key)

    assert answer.json["dropped"] == 4
    assert {k: v for k, v in tables(service).items() if v != stored.get(k)} == {}
    now = {"type": "identify", "userId": RAW, "traits": {"tier": "new"}}
    assert service.post("/v1/batch", {"batch": [now]}, key).json["accepted"] == 1
