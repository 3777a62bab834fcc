"""Decisions beside slow clients, idle connections and reports; and the end of a worker.

Owns the load that must not hold up a decision. The same open load runs alone and beside
each of them, in turn. Two workers; no learner runs.
"""

import contextlib
import http.client
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

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
        Goal(
            "decision p99, two callers that ask for reports without a pause / none",
            "p99_ms beside reports",
            "p99_ms alone",
            "<=",
            2.0,
        ),
        Goal(
            "SIGTERM with 20 idle connections to the end, s",
            "s to stop",
            None,
            "<=",
            2.0,
        ),
    )

    def measure(self, seconds: float) -> Figures:
        """Measure the same load three times, and one stop."""
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
        with readers(found):
            figures["p99_ms beside reports"] = drive(half)["p99_ms"]
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
    stopped = threading.Event()

    def read() -> None:
        headers = {"Authorization": f"Bearer {found.secret}"}
        while not stopped.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", found.port)
            path = f"/v1/experiments/{EXPERIMENT}/report"
            connection.request("GET", path, headers=headers)
            connection.getresponse().read()
            connection.close()

    threads = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


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
