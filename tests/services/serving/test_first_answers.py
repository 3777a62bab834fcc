"""Workers that share a stream give a repeated request the first one's answer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.domain.events.decision_id import RAW_ID_BYTES, raw_id
from bandit_svc.domain.events.record import ACTIVATION, Record
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.interface import START
from bandit_svc.eventlog.stream.address import stream_address
from bandit_svc.wiring import make_stream
from tests.harness.nats.servers import NatsServer, nats_server
from tests.harness.nats.taken import take_all
from tests.harness.worker_in_process import WorkerInProcess

VARIANTS = [{"key": f"v{number}"} for number in range(50)]


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """Return a server that the tests of this module share."""
    with nats_server() as started:
        yield started


@pytest.fixture
def workers(server: NatsServer, tmp_path: Path) -> Iterator[list[WorkerInProcess]]:
    """Return two workers whose event logs are apart, over one store and stream."""
    url = f"{server.address}/T{tmp_path.name[-20:].replace('_', '-')}?partitions=2"
    made = [
        WorkerInProcess(tmp_path, dev=False, suffix=suffix, stream=url)
        for suffix in ("aa", "bb")
    ]
    make_stream(made[0].worker.settings)
    made[0].post("/v1/experiments", {"key": "hero", "variants": VARIANTS})
    yield made
    for worker in made:
        worker.close()


def logged(worker: WorkerInProcess) -> list[Record]:
    """Return what the log of a worker has, not the stream."""
    reader = FileReader(worker.folder / "log")
    return [*reader.read(worker.worker.log.partition, START).records]


def ask(worker: WorkerInProcess, name: str, unit: str = "u") -> tuple[int, Any]:
    """Ask for a decision by a request_id; return the status and the answer."""
    body = {"experiment": "hero", "unit_id": unit, "request_id": name}
    answer = worker.post("/v1/decisions", body)
    return answer.status_code, answer.json


def test_both_give_one_answer_and_one_decision_is_kept(
    workers: list[WorkerInProcess],
) -> None:
    names = [f"r{number}" for number in range(20)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda w: [ask(w, name) for name in names], workers)

    taken = take_all(stream_address(workers[0].worker.settings.stream))
    assert {status for status, _ in first + second} == {201}
    assert [answer["decision_id"] for _, answer in first] == [
        answer["decision_id"] for _, answer in second
    ]
    assert [answer["variant"] for _, answer in first] == [
        answer["variant"] for _, answer in second
    ]
    assert taken.total() == len(names)


def test_an_answer_that_is_given_again_is_logged_as_one_that_somebody_saw(
    workers: list[WorkerInProcess],
) -> None:
    """Whoever gave the request up may have withdrawn the decision."""
    ask(workers[0], "r")
    assert logged(workers[1]) == []
    assert workers[1].now_ms == workers[0].now_ms

    _, again = ask(workers[1], "r")

    (record,) = logged(workers[1])
    assert record.kind == ACTIVATION
    assert record.payload[:RAW_ID_BYTES] == raw_id(again["decision_id"])


def test_a_request_id_of_another_unit_is_refused_whichever_worker_is_asked(
    workers: list[WorkerInProcess],
) -> None:
    ask(workers[0], "r", "u-1")

    status, problem = ask(workers[1], "r", "u-2")

    assert status == 409
    assert "request_id" in problem["detail"]


def test_without_the_stream_only_requests_with_a_request_id_are_refused(
    tmp_path: Path,
) -> None:
    with nats_server() as server:
        url = f"{server.address}/test?partitions=1"
        worker = WorkerInProcess(tmp_path, dev=False, stream=url)
        make_stream(worker.worker.settings)
        worker.post("/v1/experiments", {"key": "hero", "variants": VARIANTS})
    with closing(worker):
        status, problem = ask(worker, "r")
        without = worker.post("/v1/decisions", {"experiment": "hero", "unit_id": "u"})

    assert status == 503
    assert "without a request_id" in problem["detail"]
    assert without.status_code == 201
