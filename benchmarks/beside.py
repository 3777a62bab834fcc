"""Decisions beside slow clients, reports and jobs; and the end of a worker.

Owns the load that must not hold up a decision. The same open load runs alone and beside
each of them, in turn. Two workers; no learner runs. The processes that make reports run
already: they are started before the first round, as by the first page that is opened.
"""

import contextlib
import http.client
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bandit_svc.settings import Settings
from benchmarks.speed.processes import (
    BANDIT_SVC,
    drive,
    free_port,
    running,
    wait_for_port,
)
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import EXPERIMENT, OneService, Service
from benchmarks.speed.serving import CONNECTIONS, OPEN_CONNECTIONS

IDLE, SLOW, READERS = 2_000, 200, 2
IDLE_AT_THE_END = 20
PAGE_EVERY_S = 4.0
SHARE_OF_PEAK = 0.5
_HALF = b"POST /v1/decisions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"


class Beside(OneService):
    """Decisions alone, beside rude clients, and beside reports."""

    name = "beside"
    goals = (
        Goal(
            "decision p99, 200 slow clients and 2,000 idle connections / none",
            "p99_ms beside rude clients",
            "p99_ms alone",
            "<=",
            1.3,
        ),
        *(
            Goal(
                f"decision p99, {what} / none",
                f"p99_ms {name}",
                "p99_ms alone",
                "<=",
                2,
            )
            for name, what in (
                ("beside a page", "a report that is open in a browser"),
                (
                    "beside an evaluation",
                    "`chrt -i 0 bandit-svc evaluate` again and again",
                ),
                ("beside an export", "`chrt -i 0 bandit-svc export` again and again"),
                ("beside reports", "two callers that ask for reports without a pause"),
            )
        ),
        Goal(
            "SIGTERM with 20 idle connections to the end, s",
            "s to stop",
            None,
            "<=",
            2.0,
        ),
    )

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the web workers, and what makes their reports."""
        with super().running():
            for _ in range(2 * Settings().workers):
                _report(self._running)
            yield

    def measure(self, seconds: float) -> Figures:
        """Measure the same load alone and beside each, and one stop."""
        found = self._running
        plan = found.plan("/v1/decisions", self._bodies)
        closed = {"loop": "closed", "connections": CONNECTIONS, "seconds": seconds}
        peak = drive(plan | closed)["decisions_per_s"]
        half = plan | {
            "loop": "open",
            "rate": SHARE_OF_PEAK * peak,
            "connections": OPEN_CONNECTIONS,
            "seconds": 2 * seconds,
        }
        figures = {"p99_ms alone": drive(half)["p99_ms"]}
        with rude_clients(found.port):
            figures["p99_ms beside rude clients"] = drive(half)["p99_ms"]
        for name, others in {
            "beside a page": open_page(found),
            "beside an evaluation": repeated(found, "evaluate", "--policy", "uniform"),
            "beside an export": repeated(found, "export", "--format", "dsjson"),
            "beside reports": readers(found),
        }.items():
            with others:
                figures[f"p99_ms {name}"] = drive(half)["p99_ms"]
        return figures | {"s to stop": _stop_s(found.folder)}


@contextlib.contextmanager
def rude_clients(port: int) -> Iterator[None]:
    """Hold idle connections, and some that have sent half a body."""
    with contextlib.ExitStack() as stack:
        for number in range(IDLE + SLOW):
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            stack.enter_context(client)
            if number >= IDLE:
                client.sendall(_HALF)
        yield


@contextlib.contextmanager
def readers(found: Service) -> Iterator[None]:
    """Ask for reports, one after the other, until the block is left."""
    with _threads(lambda: _report(found), READERS):
        yield


@contextlib.contextmanager
def open_page(found: Service) -> Iterator[None]:
    """Ask for the live part of a report as often as a browser does."""
    path = f"/experiments/{EXPERIMENT}/live"
    with _threads(lambda: _get(found, path), 1, pause_s=PAGE_EVERY_S):
        yield


@contextlib.contextmanager
def repeated(found: Service, command: str, *options: str) -> Iterator[None]:
    """Run a command as idle work again and again until the block is left."""
    data = ("--data", str(found.folder / "data"))
    line = ("chrt", "-i", "0", BANDIT_SVC, command, EXPERIMENT, *data, *options)

    def run() -> None:
        subprocess.run(
            line,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    with _threads(run, 1):
        yield


@contextlib.contextmanager
def _threads(
    work: Callable[[], None], count: int, pause_s: float = 0
) -> Iterator[None]:
    stopped = threading.Event()

    def repeat() -> None:
        while not stopped.is_set():
            work()
            stopped.wait(pause_s)

    threads = [threading.Thread(target=repeat) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def _report(found: Service) -> None:
    _get(found, f"/v1/experiments/{EXPERIMENT}/report")


def _get(found: Service, path: str) -> None:
    headers = {"Authorization": f"Bearer {found.secret}", "HX-Request": "true"}
    connection = http.client.HTTPConnection("127.0.0.1", found.port)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        connection.getresponse().read()


def _stop_s(folder: Path) -> float:
    """Return the seconds from SIGTERM to the end of a service with idle connections."""
    port, output = free_port(), folder / "stopped.log"
    web = (BANDIT_SVC, "web", "--data", str(folder / "data"), "--port", str(port))
    with running(web, output) as process, contextlib.ExitStack() as stack:
        wait_for_port(process, port, output)
        for _ in range(IDLE_AT_THE_END):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            stack.callback(connection.close)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        began_s = time.monotonic()
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        return time.monotonic() - began_s
