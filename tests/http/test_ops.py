"""Health, readiness and metrics."""

import itertools
import logging
import os
import re
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.eventlog.bounded import BoundedLog, Limits, Room
from bandit_svc.http import problems
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.app import create_app
from bandit_svc.services.checks.degraded import UNREAD_MS
from bandit_svc.services.checks.learner_watch import LOOK_EVERY_MS
from bandit_svc.storage.jobs import ARCHIVE, JobRow
from bandit_svc.storage.rows import FoundDamages
from policies.base import PolicyError
from tests.harness.worker_in_process import WorkerInProcess

SERIES = re.compile(r"^(bandit_\w+?)(?:\{(.*)\})? \S+$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# The contract's, as far as a web worker has them; the learner has the others.
LABELS = {
    "bandit_decisions_total": {"experiment", "variant", "group"},
    "bandit_decision_seconds_count": set(),
    "bandit_decision_seconds_bucket": {"le"},
    "bandit_rewards_total": {"experiment", "outcome"},
    "bandit_http_requests_total": {"route", "status"},
    "bandit_build_info": {"version"},
    "bandit_event_log_fsync_failures_total": set(),
    "bandit_event_log_foreign_changes_total": set(),
    "bandit_log_damaged_facts_total": set(),
}


def series_of(service: WorkerInProcess) -> list[tuple[str, dict[str, str]]]:
    text = service.client.get("/metrics").text
    return [
        (name, dict(LABEL.findall(labels))) for name, labels in SERIES.findall(text)
    ]


def test_healthz_says_that_the_process_is_up(service: WorkerInProcess) -> None:
    answer = service.client.get("/healthz")

    assert (answer.status_code, answer.get_json()["status"]) == (200, "ok")


def test_readyz_and_decisions_are_503_until_the_disk_has_room_again(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    log = service.worker.log
    room = Room(log_bytes=0, free_bytes=100, disk_bytes=1_000)
    clock_s = itertools.count(10.0, 2.0)
    bounded = BoundedLog(
        log,
        Limits(least_free_bytes=40),
        lambda: room,
        clock_s=lambda: next(clock_s),
    )
    service.worker.log = bounded
    service.worker.serving = service.worker.serving._replace(log=bounded)
    ready = service.client.get("/readyz")
    room = room._replace(free_bytes=60)
    near = service.client.get("/readyz")
    decided_near = service.post("/v1/decisions", {"experiment": "hero"})
    room = room._replace(free_bytes=39)
    full = service.client.get("/readyz")
    refused = service.post("/v1/decisions", {"experiment": "hero"})
    rewarded = service.post(
        "/v1/rewards",
        {"decision_id": decided_near.get_json()["decision_id"], "value": 1},
    )
    room = room._replace(free_bytes=900)
    decided_again = service.post("/v1/decisions", {"experiment": "hero"})

    assert ready.status_code == 200
    assert [r[:4] for r in ready.get_json().get("reasons", [])] == ["lear"]
    assert (near.status_code, near.get_json()["status"]) == (200, "degraded")
    assert near.get_json()["reasons"][0].startswith("disk: ")
    assert decided_near.status_code == 201
    assert full.status_code == 503
    assert full.headers["Retry-After"] == "1"
    assert "BANDIT_LOG_LEAST_FREE_BYTES" in full.get_json()["detail"]
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert rewarded.status_code == 503
    assert decided_again.status_code == 201


def test_readyz_is_degraded_until_damage_of_the_log_is_acknowledged(
    service: WorkerInProcess,
) -> None:
    storage = service.worker.storage
    lost = Damage("p", 2, 94, 3, 40, "changed")
    row = Damage("rewards", 0, 17, 1, 0, "row")
    storage.facts.ingest([], {}, FoundDamages([lost], 100))
    damaged = service.client.get("/readyz")
    storage.facts.ingest([], {}, FoundDamages([row], 100))
    both = service.client.get("/readyz")
    for damage_id in (1, 2):
        storage.damages.acknowledge(damage_id, 200)
    accepted = service.client.get("/readyz")

    assert damaged.status_code == 200
    assert damaged.get_json()["reasons"][-1].startswith(
        "damage: the event log was damaged at 1 place, and 3 facts are lost"
    )
    assert both.get_json()["reasons"][-1].startswith(
        "damage: the event log was damaged at 1 place, and 1 row of the store was "
        "damaged, and 4 facts are lost"
    )
    assert "damage: " not in accepted.text


def model_sentences(service: WorkerInProcess) -> list[str]:
    reasons = service.client.get("/readyz").get_json().get("reasons", [])
    return [reason for reason in reasons if reason.startswith("models: ")]


def test_readyz_is_degraded_while_matured_decisions_wait_to_be_learned(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 60})
    for _ in range(20):
        service.decide("hero")
    service.learn()
    service.now_ms += 60_000 + 180_000 + service.worker.settings.publish_every_ms
    in_time = model_sentences(service)
    service.now_ms += 1
    (old,) = model_sentences(service)
    service.learn()

    assert in_time == []
    assert old.startswith("models: decisions of 'hero' have waited up to 180 s")
    assert model_sentences(service) == []


def test_readyz_is_degraded_while_the_newest_model_can_not_be_loaded(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 1})
    for _ in range(20):
        service.decide("hero")
    service.learn(after_s=2)
    good = service.worker.storage.model_versions.latest(1)
    assert good is not None
    damaged = ModelVersion(
        msgspec.structs.replace(good.meta, version=2), good.state[:-10]
    )
    assert service.worker.storage.model_versions.publish(damaged, 1)
    with pytest.raises(PolicyError):
        service.worker.catalog.refresh_models()
    (old,) = model_sentences(service)
    whole = ModelVersion(msgspec.structs.replace(good.meta, version=3), good.state)
    assert service.worker.storage.model_versions.publish(whole, 2)
    service.worker.catalog.refresh_models()

    assert "the newest model of 'hero' can't be loaded, and an older or" in old
    assert model_sentences(service) == []


def reason_names(service: WorkerInProcess) -> list[str]:
    answer = service.client.get("/readyz")
    assert answer.status_code == 200
    return [reason.split(":")[0] for reason in answer.get_json().get("reasons", [])]


def test_readyz_is_degraded_while_records_of_the_log_wait_to_be_read(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    service.decide("hero")
    before = reason_names(service)
    service.now_ms += UNREAD_MS
    in_time = reason_names(service)
    service.now_ms += LOOK_EVERY_MS
    service.decide("hero")
    late = service.client.get("/readyz").get_json()["reasons"]
    service.learn(after_s=1)

    assert before == in_time == ["learner"]
    assert late[1].startswith("unread: 0.0 MB of the event log are not in the store")
    assert "some for 31 s, and at most 30 s are expected" in late[1]
    assert reason_names(service) == []


def test_a_log_that_is_written_without_a_pause_and_read_is_not_unread(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    seen = []
    for _ in range(20):
        service.decide("hero")
        seen.append(reason_names(service))
        service.learn(after_s=10)
        service.decide("hero")

    # No learner has run before the first look.
    assert seen == [["learner"], *([[]] * 19)]


def test_readyz_is_degraded_while_the_store_is_gone_and_decisions_go_on(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    service.decide("hero")
    store = service.folder / "bandit.db"
    store.rename(store.with_name("away"))
    service.now_ms += LOOK_EVERY_MS
    gone = reason_names(service)
    decided = service.post("/v1/decisions", {"experiment": "hero"})
    store.with_name("away").rename(store)
    service.now_ms += LOOK_EVERY_MS

    assert gone == ["store"]
    assert decided.status_code == 201
    assert reason_names(service) == ["learner"]


def test_readyz_is_503_while_the_data_folder_is_gone(service: WorkerInProcess) -> None:
    away = service.folder.with_name("away")
    service.folder.rename(away)
    gone = service.client.get("/readyz")
    away.rename(service.folder)

    assert gone.status_code == 503
    assert service.client.get("/readyz").status_code == 200


def test_metrics_have_the_names_and_labels_of_the_contract(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    decision_id = service.decide("hero")["decision_id"]
    service.post("/v1/rewards", {"decision_id": decision_id, "value": 9})
    found = series_of(service)

    for name, labels in LABELS.items():
        assert labels in [set(have) for have_name, have in found if have_name == name]


def test_no_label_carries_a_unit_a_decision_or_free_text(
    service: WorkerInProcess,
) -> None:
    service.create("hero", request_variants="replace")
    free = "free-text-of-a-request"
    decided = service.decide(
        "hero",
        unit_id=free,
        request_id=free,
        context={free: free},
        variants=[{"key": free}],
    )
    service.reward(decided["decision_id"], 5, metric=free)
    service.post("/v1/decisions", {"experiment": free})
    service.post("/v1/decisions/" + free)
    service.get(f"/v1/experiments/{free}/report")
    service.get("/" + free)
    service.call(free.upper(), "/v1/decisions")
    service.get(f"/v1/decisions/{decided['decision_id']}")
    text = service.client.get("/metrics").text

    assert free not in text.lower()
    assert decided["decision_id"] not in text


def test_the_number_of_series_does_not_grow_with_what_is_asked(
    service: WorkerInProcess,
) -> None:
    def ask(number: int) -> None:
        service.get(f"/nope/{number}")
        service.get(f"/v1/experiments/{number}")
        service.call(f"METHOD{number}", "/v1/decisions")
        service.call(f"METHOD{number}", f"/nope/{number}")
        service.post("/v1/decisions", {"experiment": f"e{number}"})
        service.post("/v1/rewards", {"decision_id": f"d{number}", "value": number})

    ask(0)
    before = len(series_of(service))
    for number in range(1, 20):
        ask(number)

    assert len(series_of(service)) == before


def test_a_fault_of_ours_is_a_problem_and_its_log_line_carries_no_value(
    service: WorkerInProcess,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken_clock() -> int:
        raise RuntimeError("a context value")

    service.create("hero")
    app = create_app(RequestContext(service.worker, broken_clock, os.urandom))
    key = {"Authorization": f"Bearer {service.secret}"}
    body = {"experiment": "hero"}
    answer = app.test_client().post("/v1/decisions", json=body, headers=key)

    assert answer.status_code == 500
    assert answer.mimetype == "application/problem+json"
    assert "a context value" not in answer.text + caplog.text
    assert [(r.levelno, r.name) for r in caplog.records] == [
        (logging.ERROR, problems.__name__)
    ]


def test_readyz_is_degraded_while_the_archive_can_not_be_written(
    tmp_path: Path,
) -> None:
    url = f"file://{tmp_path}/archive"
    service = WorkerInProcess(tmp_path / "data", dev=False, archive=url)
    jobs = service.worker.storage.jobs
    service.create("hero")
    jobs.add(JobRow("1", 1, ARCHIVE, {"now_ms": 1}, 1), 1)
    waiting = service.client.get("/readyz").get_json()
    jobs.claim(2)
    jobs.fail("1", "the archive is a file", 3, 10)
    failed = service.client.get("/readyz")
    jobs.add(JobRow("2", 1, ARCHIVE, {"now_ms": 1}, 4), 1)
    jobs.claim(5)
    jobs.complete("2", {}, 6, 10)
    done = service.client.get("/readyz").get_json()
    service.worker.close()

    assert "archive" not in str(waiting)
    assert failed.status_code == 200
    assert "archive: the newest try" in failed.text
    assert "the archive is a file" in failed.text
    assert "archive" not in str(done)
