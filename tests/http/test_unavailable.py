"""When nothing can be made durable: 503, nothing half kept, recovery by itself."""

from tests.harness.worker_in_process import WorkerInProcess


def test_a_log_that_can_not_be_written_is_503_until_it_can(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    decided_before = service.worker.ids.issue(
        1, service.now_ms, b"x" * 9, deferred=True
    )
    log = service.folder / "log"
    log.write_bytes(b"a file where the folder of the log should be")
    good = {"experiment": "hero"}
    reward = {"decision_id": decided_before, "value": 1}
    refused = [
        service.post("/v1/decisions", good),
        service.post("/v1/decisions", good | {"request_id": "r"}),
        service.post("/v1/rewards", reward),
        service.post(f"/v1/decisions/{decided_before}/activate"),
    ]
    batches = [
        (service.post("/v1/decisions/batch", {"decisions": [good]}), 200, "decisions"),
        (service.post("/v1/rewards/batch", {"rewards": [reward]}), 202, "rewards"),
    ]
    log.unlink()
    after = service.post("/v1/decisions", good)

    for answer in refused:
        assert answer.status_code == 503
        assert answer.mimetype == "application/problem+json"
        assert int(answer.headers["Retry-After"]) >= 1
    for answer, status, name in batches:
        assert answer.status_code == status
        assert [item["status"] for item in answer.json[name]] == [503]
        assert int(answer.headers["Retry-After"]) >= 1
    assert after.status_code == 201


def test_a_request_that_was_refused_gets_a_decision_when_it_is_sent_again(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    log = service.folder / "log"
    log.write_bytes(b"")
    refused = service.post("/v1/decisions", {"experiment": "hero", "request_id": "r"})
    log.unlink()
    decided = service.decide("hero", request_id="r")

    assert refused.status_code == 503
    assert service.decide("hero", request_id="r") == decided
