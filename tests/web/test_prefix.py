"""Under a prefix that a declared proxy cuts off, every link of every page has it."""

import os
import re
from html import unescape

import msgspec
import pytest
from flask.testing import FlaskClient

from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.app import create_app
from tests.harness.worker_in_process import WorkerInProcess

PREFIX = "/tools/bandit"
PROXY = {"X-Forwarded-Prefix": PREFIX, "X-Forwarded-Proto": "https"}
ADDRESS = re.compile(r'\s(?:href|src|action|formaction|hx-(?:get|post))="([^"]*)"')


def behind(service: WorkerInProcess, trusted: str = "127.0.0.1") -> FlaskClient:
    """Return a caller of the same worker, whose proxies are these."""
    worker = service.worker
    worker.settings = msgspec.structs.replace(worker.settings, trusted_proxies=trusted)
    context = RequestContext(worker, lambda: service.now_ms, os.urandom)
    return create_app(context).test_client(use_cookies=False)


@pytest.fixture
def served(service: WorkerInProcess) -> WorkerInProcess:
    """A service with an experiment that has learned."""
    service.create("hero", holdout=0.3, reward={"window_seconds": 1})
    for number in range(60):
        unit = f"u{number % 5}"
        made = service.decide("hero", unit_id=unit, context={"device": "m"})
        service.reward(made["decision_id"], number % 2)
    service.learn(after_s=3)
    return service


def links_of(text: str) -> set[str]:
    found = {unescape(address) for address in ADDRESS.findall(text)}
    return {one for one in found if not one.startswith(("#", "data:", "?"))}


def test_every_link_of_every_page_has_the_prefix(served: WorkerInProcess) -> None:
    client = behind(served)
    entered = client.post("/sign-in", data={"key": served.secret}, headers=PROXY)
    cookie = entered.headers["Set-Cookie"]
    # The test's client asks for paths as the proxy does, a browser's cookie has more.
    sent = PROXY | {"Accept": "text/html", "Cookie": cookie.split(";")[0]}
    seen: set[str] = set()
    waiting = ["/", "/nope"]
    while waiting:
        path = waiting.pop()
        if path in seen or len(seen) > 150:
            continue
        seen.add(path)
        answer = client.get(path, headers=sent)
        if answer.status_code in {302, 303}:
            links = {answer.headers["Location"]}
        elif answer.mimetype == "text/html":
            links = links_of(answer.text)
        else:
            continue
        outside = {one for one in links if one.startswith("http")}
        wrong = {one for one in links - outside if not one.startswith(f"{PREFIX}/")}

        assert wrong == set(), path
        assert answer.status_code < 400 or path == "/nope", path
        waiting += [
            one.removeprefix(PREFIX).split("#")[0]
            for one in links - outside
            if not one.startswith((f"{PREFIX}/new/check", f"{PREFIX}/sign-out"))
        ]

    assert entered.headers["Location"] == f"{PREFIX}/"
    assert f"Path={PREFIX}" in cookie
    assert "Secure" in cookie
    assert {"/ops", "/new", "/docs", "/metrics", "/experiments/hero"} <= seen


def test_a_page_that_needs_a_session_sends_its_reader_under_the_prefix(
    served: WorkerInProcess,
) -> None:
    client = behind(served)
    sent = client.get("/ops", headers=PROXY)
    part = client.get("/ops", headers=PROXY | {"HX-Request": "true"})

    assert sent.headers["Location"] == f"{PREFIX}/sign-in?next=/ops"
    assert part.headers["HX-Redirect"] == f"{PREFIX}/sign-in"
    form = client.get("/sign-in?next=/ops", headers=PROXY).text
    assert f'action="{PREFIX}/sign-in"' in form


@pytest.mark.parametrize("trusted", ["", "10.0.0.0/8"])
def test_a_prefix_of_anybody_else_changes_nothing(
    served: WorkerInProcess, trusted: str
) -> None:
    client = behind(served, trusted)
    entered = client.post("/sign-in", data={"key": served.secret}, headers=PROXY)

    assert entered.headers["Location"] == "/"
    assert "Path=/;" in entered.headers["Set-Cookie"]
    assert "Secure" not in entered.headers["Set-Cookie"]
    assert PREFIX not in client.get("/", headers=PROXY).text


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "/a b", '/"><script>', "evil", "/a/../b?", "/" * 9]
)
def test_a_prefix_that_is_no_path_is_none(served: WorkerInProcess, prefix: str) -> None:
    client = behind(served)
    answer = client.get("/sign-in", headers={"X-Forwarded-Prefix": prefix})

    assert 'action="/sign-in"' in answer.text
