"""Reports and pages are computed by a process of their own, as Flask would here."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from flask import Flask

from bandit_svc.clock import now_ms
from bandit_svc.errors import Unavailable
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.app import create_app
from bandit_svc.server.pages import (
    AT_ONCE,
    MOST_BYTES,
    MOST_RUN_S,
    MOST_WAITING,
    Pages,
    computes,
)
from bandit_svc.server.wsgi_requests import Answer, call, environ_of
from bandit_svc.settings import Settings
from bandit_svc.wiring import Worker
from tests.harness.page_addresses import page_addresses
from tests.harness.process import children_of, is_gone
from tests.harness.waiting import GENEROUS_S, wait_until
from tests.harness.web.gunicorn import Gunicorn
from tests.harness.web.own_loop import in_own_loop

pytestmark = pytest.mark.e2e

Made = TypeVar("Made")
REPORT = "/v1/experiments/hero/report"
NAMED = (b"x-request-id", b"r-1")


class World:
    """A data folder with a service on it, and Flask in this process."""

    def __init__(self, folder: Path) -> None:
        self.service = Gunicorn(folder, workers=1)
        self.service.start()
        _, decided, _ = self.service.decide(unit_id="u-1", context={"a": 1})
        self.situation: dict[str, Any] = {
            "key": "hero",
            "decision_id": str(decided["decision_id"]),
            "name": "status",
            "id": "1",
            "version": 1,
            "unit_id": "u-1",
            "erasure_id": "1",
            "programme": "shop",
        }
        settings = Settings(data=str(self.service.data), port=self.service.port)
        self.environment = {**os.environ, **settings.environment()}
        self.worker = Worker(settings, now_ms(), "ab12")
        self.flask: Flask = create_app(RequestContext(self.worker, now_ms, os.urandom))

    def scope(self, path: str, key: str | None = None) -> dict[str, Any]:
        """Return a request as ASGI has it."""
        authorization = f"Bearer {key or self.service.secret}".encode()
        return {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", self.service.port),
            "client": ("127.0.0.1", 4_000),
            "headers": [
                (b"host", b"127.0.0.1"),
                (b"authorization", authorization),
                NAMED,
            ],
        }

    def computed(self) -> list[str]:
        """Return an address of each route whose answer is computed."""
        situation = self.situation
        adapter = self.flask.url_map.bind("localhost")
        addresses = [
            adapter.build(rule.endpoint, {n: situation[n] for n in rule.arguments})
            for rule in self.flask.url_map.iter_rules()
            if rule.arguments <= situation.keys() and "GET" in (rule.methods or ())
        ]
        return [a for a in addresses if computes(self.flask.url_map, "GET", a)]

    def close(self) -> None:
        self.worker.close()
        self.service.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with closing(World(tmp_path_factory.mktemp("pages"))) as world:
        yield world


def run(
    world: World,
    work: Callable[[Pages], Awaitable[Made]],
    most_run_s: float = MOST_RUN_S,
    most_bytes: int = MOST_BYTES,
) -> Made:
    """Run work with a process of pages, which is ended afterwards."""

    async def main() -> Made:
        pages = Pages(world.environment, most_run_s=most_run_s, most_bytes=most_bytes)
        with closing(pages):
            return await asyncio.wait_for(work(pages), GENEROUS_S)

    return in_own_loop(main())


def test_reports_pages_and_metrics_are_computed_elsewhere(world: World) -> None:
    routes = world.flask.url_map
    pages = page_addresses(routes, [world.situation])
    here = ["/healthz", "/readyz", "/v1/experiments", "/v1/experiments/hero", "/no"]
    changes = ["/v1/decisions", "/v1/rewards", "/v1/experiments"]

    assert all(computes(routes, "GET", page) for page in pages)
    assert computes(routes, "GET", REPORT)
    assert computes(routes, "HEAD", f"{REPORT}.csv")
    assert computes(routes, "POST", "/v1/experiments/hero/evaluations")
    assert computes(routes, "GET", "/metrics")
    assert not any(computes(routes, "GET", path) for path in here)
    assert not any(computes(routes, "POST", path) for path in [*changes, REPORT])


def test_the_answers_are_those_of_flask_in_place(world: World) -> None:
    # Those two tell how the process itself is, and how long ago something was.
    paths = [path for path in world.computed() if path not in {"/metrics", "/ops"}]
    scopes = [world.scope(path) for path in paths]
    scopes += [world.scope(REPORT, key="bsk_" + "q" * 32)]
    scopes += [world.scope("/v1/experiments/none/report")]

    async def ask(pages: Pages) -> list[Answer]:
        return [await pages.answer(scope, b"") for scope in scopes]

    elsewhere = run(world, ask)
    here = [call(world.flask.wsgi_app, environ_of(scope, b"")) for scope in scopes]

    assert len(paths) > 15
    for scope, one, other in zip(scopes, here, elsewhere, strict=True):
        assert NAMED in other.headers
        assert _timeless(one) == _timeless(other), scope["path"]


def test_a_post_keeps_its_body(world: World) -> None:
    scope = world.scope("/v1/experiments/hero/evaluations") | {"method": "POST"}
    scope["headers"] = [*scope["headers"], (b"content-type", b"application/json")]

    async def ask(pages: Pages) -> Answer:
        return await pages.answer(scope, b'{"policies": ["uniform"]}')

    assert run(world, ask).status == 202


def test_a_dead_process_is_an_unavailable_answer_and_the_next_one_answers(
    world: World,
) -> None:
    async def ask(pages: Pages) -> tuple[int, int, set[int | None]]:
        before = await pages.answer(world.scope(REPORT), b"")
        pid = _stopped(pages)
        asked = asyncio.ensure_future(pages.answer(world.scope(REPORT), b""))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match="has ended"):
            await asked
        after = await pages.answer(world.scope(REPORT), b"")
        return before.status, after.status, {pid, pages.pid}

    before, after, pids = run(world, ask)

    assert (before, after, len(pids)) == (200, 200, 2)


def test_a_process_that_hangs_is_replaced(world: World) -> None:
    async def ask(pages: Pages) -> tuple[bool, int]:
        await pages.answer(world.scope(REPORT), b"")
        pid = _stopped(pages)
        with pytest.raises(Unavailable, match="took more than"):
            await pages.answer(world.scope(REPORT), b"")
        after = await pages.answer(world.scope(REPORT), b"")
        return pages.pid != pid, after.status

    assert run(world, ask, most_run_s=10.0) == (True, 200)


def test_too_many_requests_are_refused_at_once_and_the_others_answered(
    world: World,
) -> None:
    most = AT_ONCE + MOST_WAITING

    async def ask(pages: Pages) -> list[int]:
        await pages.answer(world.scope(REPORT), b"")
        pid = _stopped(pages)
        asked = [
            asyncio.ensure_future(pages.answer(world.scope("/healthz"), b""))
            for _ in range(most)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match=f"{most} requests"):
            await pages.answer(world.scope(REPORT), b"")
        os.kill(pid, signal.SIGCONT)
        return [(await one).status for one in asked]

    assert run(world, ask) == [200] * most


def test_a_caller_that_hangs_up_frees_its_turn_when_its_answer_is_made(
    world: World,
) -> None:
    async def ask(pages: Pages) -> list[int]:
        for _ in range(2 * (AT_ONCE + MOST_WAITING)):
            gone = asyncio.ensure_future(pages.answer(world.scope("/healthz"), b""))
            await asyncio.sleep(0)
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone
            kept = await pages.answer(world.scope("/healthz"), b"")
        return [kept.status]

    assert run(world, ask) == [200]


def test_a_process_that_has_grown_is_replaced_without_an_error(world: World) -> None:
    async def ask(pages: Pages) -> tuple[list[int], set[int]]:
        others = set(children_of(os.getpid()))
        pids, statuses = set(), []
        for _ in range(3):
            first, second = (
                asyncio.ensure_future(pages.answer(world.scope(REPORT), b""))
                for _ in range(2)
            )
            statuses += [(await first).status, (await second).status]
            pids |= set(children_of(os.getpid())) - others
        await asyncio.to_thread(
            wait_until, lambda: not _running(pids), "the old processes ending"
        )
        return statuses, pids

    statuses, pids = run(world, ask, most_bytes=1)

    assert statuses == [200] * 6
    assert len(pids) >= 2


def test_decisions_and_health_do_not_need_the_process(world: World) -> None:
    service = world.service
    assert service.ask("GET", REPORT)[0] == 200
    (pid,) = _pages_of(service)
    os.kill(pid, signal.SIGSTOP)
    try:
        answers = [service.decide()[0] for _ in range(5)]
        ready = service.ask("GET", "/readyz")[0]
    finally:
        os.kill(pid, signal.SIGKILL)
    statuses = []

    def is_back() -> bool:
        status, _, headers = service.ask("GET", REPORT)
        statuses.append((status, headers["Retry-After"]))
        return status == 200

    service.wait_for(is_back, "another process")

    assert (answers, ready) == ([201] * 5, 200)
    assert is_gone(pid)
    assert set(statuses[:-1]) <= {(503, "1")}


def test_a_worker_takes_its_process_with_it_however_it_ends(tmp_path: Path) -> None:
    service = Gunicorn(tmp_path, workers=1)
    try:
        service.start()
        service.ask("GET", REPORT)
        (worker,), pages = children_of(service.pid), _pages_of(service)
        os.kill(worker, signal.SIGKILL)
        service.wait_for(lambda: not _running(pages), "the end after a kill")
        service.wait_for(service.ready, "another worker")
        service.ask("GET", REPORT)
        pages = _pages_of(service)
    finally:
        stopped = service.stop()

    assert stopped == 0
    assert not _running(pages)


def _stopped(pages: Pages) -> int:
    """Make the process hang; return its id."""
    assert pages.pid is not None
    os.kill(pages.pid, signal.SIGSTOP)
    return pages.pid


def _pages_of(service: Gunicorn) -> set[int]:
    return {page for worker in children_of(service.pid) for page in children_of(worker)}


def _running(pids: set[int]) -> set[int]:
    return {pid for pid in pids if not is_gone(pid)}


def _timeless(answer: Answer) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return an answer without the moments and the durations in it."""
    body = re.sub(
        rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", b"(at)", answer.body
    )
    headers = [(n, v) for n, v in answer.headers if n != b"content-length"]
    return answer.status, headers, body
