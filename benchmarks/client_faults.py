"""How long the Python client takes while its service is broken, against its deadline.

    python -m benchmarks.client_faults [--calls N] [--limit SECONDS]

Each fault is met by the sync client, the async one, four threads and a forked process,
each with a circuit that never opens, so that every call meets the fault. Prints the
median and the worst of the calls as a share of the deadline; exits 1 if one call took
more than 1.1 of it, or had no fallback. The last line is the CPU time of a decision
against the same request by `http.client` on a kept connection, in alternating rounds.
"""

import argparse
import asyncio
import http.client
import json
import logging
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from bandit_svc.client import AsyncBanditClient, BanditClient

MOST: Final = 1.1
THREADS: Final = 4
DRIP_S: Final = 0.02
ROUNDS: Final = 7
DECISIONS: Final = 400
OK: Final = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
REFUSED: Final = b'{"title": "Unauthorized", "detail": "no such key"}'
ANSWERS: Final[dict[str, bytes]] = {
    "nobody accepts": b"",
    "no answer": b"",
    "dripping head": b"HTTP/1.1 201 Created\r\n",
    "dripping body": OK + b"Content-Length: 1000000\r\n\r\n",
    "dripping chunks": OK + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
    "garbage": OK + b"Content-Length: 5\r\n\r\n<html",
    "status 500": b"HTTP/1.1 500 Error\r\nContent-Length: 2\r\n\r\n{}",
    "wrong key": b"HTTP/1.1 401 Unauthorized\r\n"
    + b"Content-Length: %d\r\n\r\n" % len(REFUSED)
    + REFUSED,
}
DECIDED: Final = json.dumps(
    {
        "decision_id": "d" * 60,
        "experiment": "hero",
        "variant": "sandals",
        "payload": {"img": "s.webp"},
        "propensity": 0.84,
        "group": "treatment",
        "model_version": 17,
        "expires_at": "2026-11-21T10:00:00Z",
    }
).encode()
Ask = Callable[[str, float, int], list[float]]


def by_sync(url: str, limit_s: float, calls: int) -> list[float]:
    """Return the seconds of each call, one after the other."""
    with BanditClient(url, timeout_s=limit_s, failures_to_open=0) as client:
        return [_timed(client) for _ in range(calls)]


def by_threads(url: str, limit_s: float, calls: int) -> list[float]:
    """Return the seconds of each call, by threads that share a client."""
    with (
        BanditClient(url, timeout_s=limit_s, failures_to_open=0) as client,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        return list(pool.map(lambda _: _timed(client), range(calls)))


def by_fork(url: str, limit_s: float, calls: int) -> list[float]:
    """Return the seconds of each call, by a child of a process that has called."""
    reading, writing = os.pipe()
    client = BanditClient(url, timeout_s=limit_s, failures_to_open=0)
    _timed(client)
    if os.fork() == 0:
        os.write(writing, json.dumps([_timed(client) for _ in range(calls)]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        took = [float(one) for one in json.loads(pipe.read())]
    os.wait()
    return took


def by_async(url: str, limit_s: float, calls: int) -> list[float]:
    """Return the seconds of each call, four at a time in one loop."""

    async def main() -> list[float]:
        took: list[float] = []
        async with AsyncBanditClient(
            url, timeout_s=limit_s, failures_to_open=0
        ) as client:

            async def ask() -> None:
                start_s = time.monotonic()
                made = await client.decide("hero", "u-1", fallback="mine")
                took.append(time.monotonic() - start_s)
                _check(made.variant)

            for _ in range(calls // THREADS):
                await asyncio.gather(*(ask() for _ in range(THREADS)))
        return took

    return asyncio.run(main())


FORMS: Final[dict[str, Ask]] = {
    "sync": by_sync,
    "async": by_async,
    "threads": by_threads,
    "fork": by_fork,
}


def _timed(client: BanditClient) -> float:
    start_s = time.monotonic()
    made = client.decide("hero", "u-1", {"device": "phone"}, fallback="mine")
    took_s = time.monotonic() - start_s
    _check(made.variant)
    return took_s


def _check(variant: str) -> None:
    if variant != "mine":
        raise SystemExit(f"the variant is {variant!r}, not the fallback")


@contextmanager
def broken(fault: str) -> Iterator[str]:
    """Listen in a process of its own until the end of the block; yield the address."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if fault == "nobody listens":
            listener.close()
        if fault in {"nobody listens", "nobody accepts"}:
            yield url
            return
        child = os.fork()
        if child == 0:
            _answer_all(listener, fault)
        try:
            yield url
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)


def _answer_all(listener: socket.socket, fault: str) -> None:
    while True:
        connection = listener.accept()[0]
        threading.Thread(target=_answer, args=(connection, fault), daemon=True).start()


def _answer(connection: socket.socket, fault: str) -> None:
    with connection, suppress(OSError):
        connection.recv(65_536)
        connection.sendall(ANSWERS[fault])
        while "dripping" in fault:
            time.sleep(DRIP_S)
            connection.sendall(b"x")
        if fault == "no answer":
            time.sleep(3600)


def deadlines(calls: int, limit_s: float) -> bool:
    """Print a row for each fault and form; return whether all calls were in time."""
    print(f"deadline {limit_s} s, {calls} calls; share of it: median, worst")
    good = True
    for fault in ("nobody listens", *ANSWERS):
        cells = []
        for form, ask in FORMS.items():
            with broken(fault) as url:
                shares = [took / limit_s for took in ask(url, limit_s, calls)]
            good = good and max(shares) <= MOST
            median = statistics.median(shares)
            cells.append(f"{form} {median:.3f} {max(shares):.3f}")
        print(f"{fault:16} | " + " | ".join(cells), flush=True)
    return good


class _Decides(BaseHTTPRequestHandler):
    """Answers each decision as the service does."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Stay silent."""

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(DECIDED)))
        self.end_headers()
        self.wfile.write(DECIDED)


@contextmanager
def deciding() -> Iterator[int]:
    """Serve decisions in a process of its own; yield the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Decides)
    child = os.fork()
    if child == 0:
        server.serve_forever()
    try:
        yield server.server_address[1]
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        server.server_close()


def cpu_ratio() -> float:
    """Return the CPU time of a decision over that of a bare request: a median."""
    ratios = []
    with deciding() as port, BanditClient(f"http://127.0.0.1:{port}") as client:
        bare = http.client.HTTPConnection("127.0.0.1", port)

        def ask() -> None:
            body = {"experiment": "hero", "unit_id": "u-1", "context": {"hour": 21}}
            bare.request(
                "POST",
                "/v1/decisions",
                json.dumps(body),
                {"Content-Type": "application/json"},
            )
            json.loads(bare.getresponse().read())

        for _ in range(ROUNDS):
            ours_s = _cpu_s(
                lambda: client.decide("hero", "u-1", {"hour": 21}, fallback="mine")
            )
            ratios.append(ours_s / _cpu_s(ask))
        bare.close()
    return statistics.median(ratios)


def _cpu_s(call: Callable[[], object]) -> float:
    start_s = time.thread_time()
    for _ in range(DECISIONS):
        call()
    return (time.thread_time() - start_s) / DECISIONS


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20, help="of each fault and form")
    parser.add_argument("--limit", type=float, default=0.5, help="deadline in seconds")
    options = parser.parse_args()
    logging.getLogger("bandit_client").setLevel(logging.ERROR)
    good = deadlines(options.calls, options.limit)
    print(f"CPU of a decision / of a bare http.client request: {cpu_ratio():.2f}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
