"""A broken service, and every form of the client: the fallback, and why, is told.

A call that went beyond its deadline would wait for as long as the service is broken,
which is until the end of the test. How long the calls really take is measured by
`python -m benchmarks.client_faults`.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest

from bandit_svc.client import AsyncBanditClient, BanditClient, Decision
from tests.harness.client.forked import in_fork
from tests.harness.client.raw_service import raw_service
from tests.harness.fakes.bad_service import bad_service
from tests.harness.fakes.json_server import Answer, json_server
from tests.harness.loopback import free_port
from tests.harness.web.own_loop import in_own_loop

LIMIT_S = 0.3
THREADS = 4
NO_KEY = "this route needs a valid key: send `Authorization: Bearer KEY`"

Seen = list[tuple[str, str, str]]
"""Of each call: the variant, who chose it, and the reason."""
Service = AbstractContextManager[str]


def seen(decision: Decision) -> tuple[str, str, str]:
    reason = "" if decision.error is None else decision.error.reason
    return decision.variant, decision.source, reason


def by_sync(url: str) -> Seen:
    with BanditClient(url, "bpk_1", timeout_s=LIMIT_S) as client:
        return [seen(client.decide("hero", "u-1", fallback="mine"))]


def by_async(url: str) -> Seen:
    async def ask() -> Seen:
        async with AsyncBanditClient(url, "bpk_1", timeout_s=LIMIT_S) as client:
            return [seen(await client.decide("hero", "u-1", fallback="mine"))]

    return in_own_loop(ask())


def by_threads(url: str) -> Seen:
    with BanditClient(url, "bpk_1", timeout_s=LIMIT_S) as client:

        def ask(_: int) -> tuple[str, str, str]:
            return seen(client.decide("hero", "u-1", fallback="mine"))

        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(ask, range(THREADS)))


def by_fork(url: str) -> Seen:
    """Ask in a child of a process that has asked before."""
    with BanditClient(url, "bpk_1", timeout_s=LIMIT_S) as client:
        mine = seen(client.decide("hero", "u-1", fallback="mine"))
        told = in_fork(lambda: seen(client.decide("hero", "u-1", fallback="mine")))
    return [mine, tuple(told)]


@contextmanager
def nobody() -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def broken(fault: str) -> Iterator[str]:
    with bad_service(fault) as service:  # type: ignore[arg-type] # one of its faults
        yield service.url


def wrong_key() -> Service:
    problem = {"title": "Unauthorized", "status": 401, "detail": NO_KEY}
    return json_server(lambda _: Answer(401, problem))


FAULTS: dict[str, tuple[Callable[[], Service], str]] = {
    "nobody listens": (nobody, "unreachable"),
    "nobody accepts": (lambda: raw_service("no_accept"), "timeout"),
    "no answer": (lambda: broken("silent"), "timeout"),
    "a dripping head": (lambda: raw_service("head_drips"), "timeout"),
    "a dripping body": (lambda: raw_service("body_drips"), "timeout"),
    "dripping chunks": (lambda: raw_service("chunks_drip"), "timeout"),
    "a closed connection": (lambda: broken("hangs_up"), "unreachable"),
    "another protocol": (lambda: raw_service("noise"), "bad_answer"),
    "an endless head": (lambda: raw_service("no_end"), "bad_answer"),
    "garbage": (lambda: broken("garbage"), "bad_answer"),
    "no decision": (lambda: broken("no_decision"), "bad_answer"),
    "an error of the service": (lambda: broken("fails"), "status_500"),
    "a wrong key": (wrong_key, "status_401"),
}


@pytest.mark.parametrize("ask", [by_sync, by_async, by_threads, by_fork])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_service_gives_the_fallback_and_the_reason(
    *, fault: str, ask: Callable[[str], Seen], caplog: pytest.LogCaptureFixture
) -> None:
    service, reason = FAULTS[fault]
    with caplog.at_level(logging.WARNING, "bandit_client"), service() as url:
        told = ask(url)

    assert set(told) == {("mine", "fallback", reason)}
    assert f"({reason}, {url})" in caplog.messages[0]


def test_the_sentence_of_the_service_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with wrong_key() as url:
        by_sync(url)

    assert NO_KEY in caplog.text
    assert "bpk_1" not in caplog.text
