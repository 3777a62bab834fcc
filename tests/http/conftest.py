"""A worker with experiments in every state, and the check that a request is refused.

A module of refusals lists them as CASES; its test takes `case`, one of them.

A refusal of a hot route is asked for twice: of Flask, and past it (hot_routes.py). Both
must say the same, byte by byte.

See tests/harness/worker_in_process.py for the worker itself.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from bandit_svc.domain.events.decision_id import (
    ENTROPY_BYTES,
    SECRET_BYTES,
    DecisionIds,
)
from bandit_svc.domain.events.refusal import Refusal
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.hot_routes import HOT, HotRoutes, PlainHeaders, headers_of
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

DAY_MS = 86_400_000

Case = tuple[str, str, bytes | str, int, str | None]
"""Route, name, body, status, and where the fault is (see `refused`)."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `case` with each of its module's CASES."""
    if "case" in metafunc.fixturenames:
        cases: list[Case] = metafunc.module.CASES
        names = [f"{route}: {name}" for route, name, *_ in cases]
        metafunc.parametrize("case", cases, ids=names)


@pytest.fixture(scope="session")
def crowded(start_shared_worker: StartWorker) -> Iterator[WorkerInProcess]:
    """Return a worker whose data no test may change."""
    service = start_shared_worker()
    service.create("hero")
    service.create("own", request_variants="refuse")
    service.create("open", request_variants="replace")
    bought = {"event": "purchased", "maximum": None}
    service.create("people", features={"views": "count(viewed)"}, reward=bought)
    for key, status in (("paused", "paused"), ("archived", "archived")):
        service.create(key)
        service.patch(f"/v1/experiments/{key}", {"status": status})
    yield service
    service.close()


@pytest.fixture(scope="session")
def named_ids(crowded: WorkerInProcess) -> dict[str, str]:
    """Return decision ids by the words that stand for them in a test's request."""
    good = crowded.decide("hero")["decision_id"]
    credited = crowded.decide("people")["decision_id"]
    ids, now_ms = crowded.worker.ids, crowded.now_ms
    entropy = os.urandom(ENTROPY_BYTES)
    others = DecisionIds(os.urandom(SECRET_BYTES))
    return {
        "GOOD": good,
        "CREDITED": credited,
        "FORGED": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "OTHER": others.issue(1, now_ms, entropy, deferred=False),
        "EXPIRED": ids.issue(1, now_ms - 91 * DAY_MS, entropy, deferred=False),
        "OLD_DEFERRED": ids.issue(1, now_ms - DAY_MS, entropy, deferred=True),
    }


@pytest.fixture(scope="session")
def refused(
    crowded: WorkerInProcess, named_ids: dict[str, str]
) -> Callable[[Case], None]:
    """Send a request; require a problem of this status and place, and nothing stored.

    `pointer` is of the one field at fault, None where no field is, or "*" where it
    depends on the order in which a parser looks.
    """
    context = RequestContext(crowded.worker, lambda: crowded.now_ms, os.urandom)
    routes = HotRoutes(context)

    def check(case: Case) -> None:
        route, _, body, status, pointer = case
        for word, decision_id in named_ids.items():
            route = route.replace(word, decision_id)
            if isinstance(body, str):
                body = body.replace(word, decision_id)
        method, path = route.split(" ", 1)
        # A refused reward is counted, so the log grows; no other fact is in it.
        kept = _facts if path.startswith("/v1/rewards") else WorkerInProcess.stored
        before = kept(crowded)
        answer = crowded.call(method, path, body, {"X-Request-Id": "r-1"})
        problem = answer.json

        assert (answer.status_code, answer.mimetype) == (
            status,
            "application/problem+json",
        ), answer.text[:500]
        assert problem["status"] == status
        assert problem["title"]
        assert problem["type"].startswith(("/docs#", "about:blank"))
        assert 0 < len(problem["detail"]) < 600
        pointers = [error["pointer"] for error in problem.get("errors", [])]
        assert all(one == "" or one.startswith("/") for one in pointers)
        if pointer == "*":
            assert len(pointers) == 1
        else:
            assert pointers == ([] if pointer is None else [pointer])
        assert kept(crowded) == before
        hot = HOT.get(path.encode())
        raw = body if isinstance(body, bytes) else body.encode()
        if hot is not None and method == "POST" and len(raw) <= hot.limit:
            key = f"Bearer {crowded.secret}".encode()
            sent = PlainHeaders(key, from_page=False, request_id="r-1")
            same = routes.answer(hot, sent, raw)

            assert (answer.status_code, list(answer.headers), answer.data) == (
                same.status,
                headers_of(same, from_page=False),
                same.body,
            )
            assert kept(crowded) == before

    return check


def _facts(service: WorkerInProcess) -> object:
    """Return what is stored, the log as its facts without the refusals."""
    tables = {k: v for k, v in service.stored().items() if k.startswith("table ")}
    return tables, [f for f in service.logged() if not isinstance(f, Refusal)]
