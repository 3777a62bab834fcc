"""Who may read metrics and docs without a key, and what is on the second address."""

import os

import msgspec
import pytest
from flask.testing import FlaskClient

from bandit_svc.domain.callers.networks import networks_of
from bandit_svc.errors import InvalidInput
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.app import create_app
from bandit_svc.settings import settings_from
from bandit_svc.storage.keys import Scope
from tests.harness.worker_in_process import WorkerInProcess

DESCRIBED = ["/metrics", "/openapi.json", "/docs"]
PAGES = ["/", "/ops", "/new", "/sign-in"]
FAR = {"REMOTE_ADDR": "10.0.0.9"}


def client_with(service: WorkerInProcess, admin_port: int = 0) -> FlaskClient:
    """Return a caller of the same worker with a second address."""
    worker = service.worker
    worker.settings = msgspec.structs.replace(worker.settings, admin_port=admin_port)
    context = RequestContext(worker, lambda: service.now_ms, os.urandom)
    return create_app(context).test_client()


@pytest.mark.parametrize("path", DESCRIBED)
@pytest.mark.parametrize(
    ("environ", "headers", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, {}, 200),
        ({"REMOTE_ADDR": "::1"}, {}, 200),
        ({"REMOTE_ADDR": "127.8.0.1"}, {}, 200),
        (FAR, {}, 401),
        ({"REMOTE_ADDR": ""}, {}, 401),
        *(
            ({"REMOTE_ADDR": "127.0.0.1"}, {name: "127.0.0.1"}, 401)
            for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded")
        ),
        (FAR, {"X-Forwarded-For": "127.0.0.1"}, 401),
    ],
)
def test_the_service_tells_of_itself_to_callers_on_this_machine(
    service: WorkerInProcess,
    path: str,
    environ: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    answer = client_with(service).get(path, environ_overrides=environ, headers=headers)

    # A page sends its reader to the form where a key can be given.
    assert answer.status_code in ({status} if status == 200 else {401, 303})


@pytest.mark.parametrize("path", DESCRIBED)
@pytest.mark.parametrize(
    ("scope", "status"), [("metrics", 200), ("secret", 200), ("publishable", 403)]
)
def test_to_others_it_tells_with_a_key_for_that(
    service: WorkerInProcess, path: str, scope: Scope, status: int
) -> None:
    key = service.issue(scope).text
    answer = client_with(service).get(
        path, environ_overrides=FAR, headers={"Authorization": f"Bearer {key}"}
    )

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/v1/experiments"), ("POST", "/v1/decisions"), ("GET", "/")),
        ("POST", "/v1/rewards"),
    ],
)
def test_a_metrics_key_is_for_nothing_else(
    service: WorkerInProcess, method: str, path: str
) -> None:
    key = service.issue("metrics").text
    answer = service.call(method, path, headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 403


@pytest.mark.parametrize("path", [*DESCRIBED, *PAGES, "/static/x/base.css"])
def test_with_a_second_address_pages_and_metrics_are_there_alone(
    service: WorkerInProcess, path: str
) -> None:
    client = client_with(service, admin_port=9_100)
    key = {"Authorization": f"Bearer {service.secret}"}
    first = client.get(path, base_url="http://localhost:8000", headers=key)
    second = client.get(path, base_url="http://localhost:9100", headers=key)
    posing = client.get(
        path, base_url="http://localhost:8000", headers=key | {"Host": "localhost:9100"}
    )

    assert (first.status_code, posing.status_code) == (404, 404)
    assert first.mimetype in {"application/problem+json", "text/html"}
    assert second.status_code == (404 if path.startswith("/static/x") else 200)


def test_on_the_second_address_metrics_need_no_key(service: WorkerInProcess) -> None:
    client = client_with(service, admin_port=9_100)
    answers = [
        client.get(path, base_url="http://localhost:9100", environ_overrides=FAR)
        for path in DESCRIBED
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/experiments"])
def test_health_and_the_interface_are_on_both(
    service: WorkerInProcess, path: str
) -> None:
    client = client_with(service, admin_port=9_100)
    key = {"Authorization": f"Bearer {service.secret}"}
    found = [
        client.get(path, base_url=f"http://localhost:{port}", headers=key).status_code
        for port in (8_000, 9_100)
    ]

    assert found == [200, 200]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"BANDIT_ADMIN_PORT": "8000"}, "must differ"),
        ({"BANDIT_KEEP_DAYS": "7"}, "there is no archive"),
        ({"BANDIT_TRUSTED_PROXIES": "10.0.0.0/8,nobody"}, "trusted_proxies"),
        ({"BANDIT_DEV": "1", "BANDIT_ADMIN_HOST": "0.0.0.0"}, "admin_host"),  # noqa: S104
    ],
)
def test_a_wrong_setting_is_a_sentence(variables: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        settings_from(variables)


def test_networks_may_be_addresses() -> None:
    assert [str(n) for n in networks_of(" 10.0.0.5, 192.168.0.0/16,::1 ")] == [
        *("10.0.0.5/32", "192.168.0.0/16", "::1/128"),
    ]
    assert networks_of("") == ()
