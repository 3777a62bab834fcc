"""Who may call what, with which key, and what is never told."""

import base64
import json
import logging

import pytest

from bandit_svc.http.openapi.operations import OPERATIONS, Operation
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

NAMES = {
    "key": "hero",
    "decision_id": "x",
    "version": 1,
    "id": "x",
    "unit_id": "x",
    "release": "no",
    "reward_id": "no",
    "source": "x",
}

each_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda o: f"{o.method.upper()} {o.path}"
)


@pytest.fixture(scope="module")
def keyed(start_shared_worker: StartWorker) -> WorkerInProcess:
    service = start_shared_worker()
    service.create("hero")
    return service


def status_with(
    service: WorkerInProcess, operation: Operation, authorization: str | None
) -> int:
    path = operation.path.format(**NAMES)
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = service.client.open(path, method=operation.method, headers=headers)
    return int(answer.status_code)


def basic(password: str, name: str = "") -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@each_operation
def test_without_a_valid_key_only_open_routes_answer(
    keyed: WorkerInProcess, operation: Operation
) -> None:
    for authorization in (
        *(None, "", "Bearer", "Bearer ", "Bearer bsk_" + "a" * 32, "Bearer " + "é" * 9),
        *(keyed.secret, f"Token {keyed.secret}", f"Bearer {keyed.secret}x"),
        *("Basic", "Basic %%%", basic("wrong"), f"Bearer x {keyed.secret}"),
    ):
        status = status_with(keyed, operation, authorization)

        assert (status != 401) == (operation.access == "open"), authorization


@each_operation
def test_a_publishable_key_reaches_decisions_and_rewards_only(
    keyed: WorkerInProcess, operation: Operation
) -> None:
    status = status_with(keyed, operation, f"Bearer {keyed.publishable}")

    assert (status == 403) == (operation.access == "secret")


@each_operation
def test_a_secret_key_reaches_everything(
    keyed: WorkerInProcess, operation: Operation
) -> None:
    for scheme in ("Bearer", "bearer", "BEARER "):
        status = status_with(keyed, operation, f"{scheme} {keyed.secret}")

        if operation.access == "write_key":
            assert status == 401
        else:
            assert status not in {401, 403, 405}


@each_operation
def test_a_key_as_a_password_opens_nothing(
    keyed: WorkerInProcess, operation: Operation
) -> None:
    """A browser would send it along with forms of other pages."""
    status = status_with(keyed, operation, basic(keyed.secret, "me"))

    assert (status == 401) == (operation.access != "open")


@each_operation
def test_the_cookie_of_the_pages_opens_no_route_of_the_interface(
    keyed: WorkerInProcess, operation: Operation
) -> None:
    client = keyed.app.test_client()
    assert client.post("/sign-in", data={"key": keyed.secret}).status_code == 303
    path = operation.path.format(**NAMES)
    answer = client.open(path, method=operation.method)

    assert client.get("/").status_code == 200
    assert (answer.status_code == 401) == (operation.access != "open")


def test_401_tells_a_program_what_to_send(keyed: WorkerInProcess) -> None:
    answer = keyed.client.get("/v1/experiments")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.mimetype == "application/problem+json"


def test_an_unknown_route_needs_no_key(keyed: WorkerInProcess) -> None:
    assert keyed.client.get("/nope").status_code == 404
    assert keyed.client.put("/v1/decisions").status_code == 405


def test_a_revoked_key_is_refused_at_the_next_request(service: WorkerInProcess) -> None:
    service.create("hero")
    key, row = service.issue("publishable")
    headers = {"Authorization": f"Bearer {key}"}
    body = {"experiment": "hero"}
    before = service.client.post("/v1/decisions", json=body, headers=headers)
    service.worker.storage.keys.revoke(row.id, service.now_ms)
    after = service.client.post("/v1/decisions", json=body, headers=headers)

    assert (before.status_code, after.status_code) == (201, 401)


def test_a_key_is_in_no_log_line_and_in_no_answer(
    service: WorkerInProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.create("hero")
    unknown = "bsk_" + "q" * 32
    told = ""
    for key in (service.secret, service.publishable, unknown):
        for operation in OPERATIONS:
            path = operation.path.format(**NAMES)
            for scheme in (f"Bearer {key}", basic(key)):
                answer = service.client.open(
                    path,
                    method=operation.method,
                    headers={"Authorization": scheme},
                    data=json.dumps({"experiment": "hero"}),
                )
                told += answer.text + str(answer.headers)

    for key in (service.secret, service.publishable, unknown):
        assert key not in told
        assert key not in caplog.text


@each_operation
def test_dev_asks_for_no_key(start_worker: StartWorker, operation: Operation) -> None:
    service = start_worker(dev=True)

    for key in (None, "Bearer wrong"):
        if operation.access == "write_key":
            # It says what the messages are mapped to.
            assert status_with(service, operation, key) == 401
        else:
            assert status_with(service, operation, key) not in {401, 403}
    service.close()


def test_dev_lets_no_web_page_of_another_origin_change_anything(
    start_worker: StartWorker,
) -> None:
    service = start_worker(dev=True)
    definition = json.dumps({"key": "hero", "variants": [{"key": "a"}]})

    def create(site: str) -> int:
        # What a form of a web page can send without a preflight.
        answer = service.client.post(
            "/v1/experiments",
            data=definition,
            content_type="text/plain",
            headers={"Sec-Fetch-Site": site},
        )
        return int(answer.status_code)

    assert create("cross-site") == 403
    assert create("same-site") == 403
    assert create("none") == 201
    service.close()
