"""What browsers see: cross-origin access, preflights, caching, no sniffing."""

import pytest

from bandit_svc.server.hot_routes import plain_headers
from tests.harness.worker_in_process import WorkerInProcess

ORIGIN = {"Origin": "https://shop.example"}
PUBLISHABLE = [
    "/v1/decisions",
    "/v1/decisions/batch",
    "/v1/decisions/x/activate",
    "/v1/rewards",
    "/v1/rewards/batch",
]
SECRET = ["/v1/experiments", "/v1/experiments/hero", "/v1/decisions/x", "/"]


@pytest.mark.parametrize("path", PUBLISHABLE)
def test_a_preflight_of_a_publishable_route_needs_no_key(
    service: WorkerInProcess, path: str
) -> None:
    asked = ORIGIN | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = service.client.options(path, headers=asked)

    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= set(allowed)


@pytest.mark.parametrize("path", PUBLISHABLE)
def test_answers_of_publishable_routes_can_be_read_by_pages_of_any_origin(
    service: WorkerInProcess, path: str
) -> None:
    with_key = service.post(path, {}, headers=ORIGIN)
    without = service.client.post(path, headers=ORIGIN)

    assert (with_key.status_code < 500, without.status_code) == (True, 401)
    for answer in (with_key, without):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        # With "*", a browser sends no cookie and shows no answer to one.
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", PUBLISHABLE)
@pytest.mark.parametrize("origin", [{}, ORIGIN])
def test_no_cache_keeps_a_decision_or_gives_it_to_another_origin(
    service: WorkerInProcess, path: str, origin: dict[str, str]
) -> None:
    answer = service.post(path, {}, headers=origin)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", PUBLISHABLE)
def test_who_asks_for_no_origin_gets_no_header_about_origins(
    service: WorkerInProcess, path: str
) -> None:
    answer = service.post(path, {})

    assert not [name for name, _ in answer.headers if name.startswith("Access-")]


@pytest.mark.parametrize("path", SECRET)
def test_other_routes_let_no_page_of_another_origin_read(
    service: WorkerInProcess, path: str
) -> None:
    for answer in (
        service.client.options(path, headers=ORIGIN),
        service.get(path, headers=ORIGIN),
        service.post(path, {}, headers=ORIGIN),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_options_tells_the_methods_of_a_route(service: WorkerInProcess) -> None:
    answer = service.client.options("/v1/experiments")

    assert answer.status_code == 200
    assert set(answer.headers["Allow"].split(", ")) == {
        *("GET", "HEAD", "OPTIONS", "POST"),
    }


def test_405_tells_the_methods_of_a_route(service: WorkerInProcess) -> None:
    answer = service.client.put("/v1/rewards")

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize("path", ["/healthz", "/v1/experiments", "/docs", "/"])
def test_head_is_get_without_the_body(service: WorkerInProcess, path: str) -> None:
    answer = service.call("HEAD", path)

    assert (answer.status_code, answer.data) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_no_answer_is_kept_by_a_cache_or_sniffed(service: WorkerInProcess) -> None:
    service.create("hero")
    for answer in (
        service.post("/v1/decisions", {"experiment": "hero"}),
        service.post("/v1/decisions", {"experiment": "nope"}),
        service.get("/v1/experiments/hero/report"),
        service.get("/nope"),
        service.get("/"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "application/json; x=y"],
)
def test_the_content_type_of_a_request_does_not_matter(
    service: WorkerInProcess, content_type: str | None
) -> None:
    service.create("hero")
    answer = service.client.post(
        "/v1/decisions",
        data=b'{"experiment": "hero"}',
        content_type=content_type,
        headers={"Authorization": f"Bearer {service.secret}"},
    )

    assert answer.status_code == 201


@pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender", "", "other"])
@pytest.mark.parametrize("path", ["/v1/decisions", "/ofrep/v1/evaluate/flags/hero"])
def test_a_page_that_is_not_opened_yet_gets_decisions_that_count_when_activated(
    service: WorkerInProcess, purpose: str, path: str
) -> None:
    service.create("hero")
    body: dict[str, object] = {"experiment": "hero"}
    if path != "/v1/decisions":
        body = {"context": {"targetingKey": "u"}}
    answer = service.post(path, body, headers={"Sec-Purpose": purpose}).json
    id_ = answer.get("decision_id") or answer["metadata"]["decisionId"]
    service.learn()
    state = service.get(f"/v1/decisions/{id_}").json["state"]

    assert state == ("deferred" if "prefetch" in purpose else "open")
    sent = [(b"host", b"localhost"), (b"sec-purpose", purpose.encode())]
    assert plain_headers(sent) is None
