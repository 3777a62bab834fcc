"""Compressed bodies: read where they are gzip, within the limit on what comes out."""

import gzip
import json
import zlib

import pytest
from prometheus_client import REGISTRY

from bandit_svc import metric_counts
from bandit_svc.domain.limits import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES
from tests.harness.worker_in_process import Answer, WorkerInProcess

GZIP = {"Content-Encoding": "gzip"}


def counted(outcome: str) -> float:
    metric_counts.flush()
    name = "bandit_compressed_bodies_total"
    return REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0


def decide(service: WorkerInProcess, raw: bytes, encoding: str = "gzip") -> Answer:
    return service.post("/v1/decisions", raw, {"Content-Encoding": encoding})


BODY = json.dumps({"experiment": "hero", "unit_id": "u-1"}).encode()


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", " gzip "])
def test_a_gzip_body_is_read(service: WorkerInProcess, encoding: str) -> None:
    service.create("hero")
    before = counted("read")

    assert decide(service, gzip.compress(BODY), encoding).status_code == 201
    assert counted("read") == before + 1


def test_several_members_are_one_body(service: WorkerInProcess) -> None:
    service.create("hero")
    parts = gzip.compress(BODY[:9]) + gzip.compress(b"") + gzip.compress(BODY[9:])

    assert decide(service, parts).status_code == 201


def test_identity_is_no_compression(service: WorkerInProcess) -> None:
    service.create("hero")

    assert decide(service, BODY, "identity").status_code == 201


def test_every_route_with_a_body_reads_gzip(service: WorkerInProcess) -> None:
    service.create("hero")
    decision = {"experiment": "hero", "unit_id": "u-1"}
    decided = service.decide("hero", defer=True)["decision_id"]
    reward = {"decision_id": decided, "value": 1}
    event = {"unit_id": "u-1", "event": "seen"}
    evaluation = {"context": {"targetingKey": "u-1"}}
    bodies = {
        "/v1/decisions": decision,
        "/v1/decisions/batch": {"decisions": [decision]},
        "/v1/rewards": reward,
        "/v1/rewards/batch": {"rewards": [reward]},
        "/v1/activations/batch": {"decision_ids": [decided]},
        "/v1/events": event,
        "/v1/events/batch": {"events": [event]},
        "/v1/experiments": {"key": "new", "variants": [{"key": "a"}, {"key": "b"}]},
        "/v1/experiments/hero/evaluations": {"policies": ["uniform"]},
        "/ofrep/v1/evaluate/flags": evaluation,
        "/ofrep/v1/evaluate/flags/hero": evaluation,
    }
    for path, body in bodies.items():
        raw = gzip.compress(json.dumps(body).encode())
        answer = service.post(path, raw, GZIP)
        assert answer.status_code < 300, (path, answer.text)


def padded(size: int) -> bytes:
    return BODY + b" " * (size - len(BODY))


@pytest.mark.parametrize(
    ("size", "status"),
    [(MAX_BODY_BYTES, 201), (MAX_BODY_BYTES + 1, 413), (50_000_000, 413)],
)
def test_the_limit_holds_for_what_comes_out(
    service: WorkerInProcess, size: int, status: int
) -> None:
    service.create("hero")
    sent = gzip.compress(padded(size))
    assert len(sent) < MAX_BODY_BYTES
    before, stored = counted("too_large"), service.stored()
    answer = decide(service, sent)

    assert answer.status_code == status
    assert counted("too_large") - before == (status == 413)
    assert (service.stored() == stored) == (status == 413)


def test_a_bomb_of_a_batch_stores_nothing(service: WorkerInProcess) -> None:
    service.create("hero")
    one = gzip.compress(b" " * MAX_BATCH_BODY_BYTES)
    stored = service.stored()

    for bomb in (one * 2, gzip.compress(one * 2)):
        answer = service.post("/v1/decisions/batch", bomb, GZIP)
        assert answer.status_code in {400, 413}
    assert service.stored() == stored


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        BODY,
        gzip.compress(BODY, mtime=0)[:-1],
        gzip.compress(BODY, mtime=0)[:20],
        gzip.compress(BODY, mtime=0) + b"\0",
        gzip.compress(BODY, mtime=0) + b"x",
        gzip.compress(BODY, mtime=0)[:-8] + b"\0" * 8,
        zlib.compress(BODY),
        gzip.compress(b"", mtime=0) * 101,
    ],
)
def test_a_damaged_body_is_400_and_stores_nothing(
    service: WorkerInProcess, damaged: bytes
) -> None:
    service.create("hero")
    before, stored = counted("damaged"), service.stored()
    answer = decide(service, damaged)

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == ""
    assert counted("damaged") == before + 1
    assert service.stored() == stored


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd", "x"])
def test_another_encoding_is_415_and_says_what_is_read(
    service: WorkerInProcess, encoding: str
) -> None:
    service.create("hero")
    before, stored = counted("unsupported"), service.stored()
    answer = decide(service, BODY, encoding)

    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "gzip"
    assert answer.json["type"] == "/docs#unsupported_encoding"
    assert counted("unsupported") == before + 1
    assert service.stored() == stored
