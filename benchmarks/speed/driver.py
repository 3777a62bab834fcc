"""Send load: one process, raw sockets, requests built before the clock starts.

Reads a plan as JSON from standard input and writes its measurements as JSON to standard
output. Knows HTTP/1.1 with keep-alive and Content-Length; of the service it knows only
the place of decision_id in an answer.

    closed loop: each connection sends its next request when it has its answer.
    open loop: requests are sent at a fixed rate, whether answers arrive or not. A
    latency counts from the time at which the request was due, so that a stall counts
    for every request that it delays (no coordinated omission).
"""

import gc
import itertools
import json
import re
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from bandit_svc.scheduling import run_soon

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_DECISION_ID = re.compile(rb'"decision_id": ?"([^"]+)"')
_IS_REWARD = b"POST /v1/rewards"
# An answer later than this after the last request counts as lost.
_PATIENCE_S = 10.0


class Connection:
    """One kept-alive connection and the request that it is waiting for."""

    __slots__ = ("begun_s", "got", "is_reward", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begun_s = 0.0
        self.got = b""
        self.is_reward = False

    def send(self, request: bytes, begun_s: float) -> None:
        """Send a request whose latency counts from `begun_s`."""
        self.begun_s = begun_s
        self.is_reward = request.startswith(_IS_REWARD)
        self.socket.send(request)

    def answer(self) -> bytes | None:
        """Return the whole answer, or None while a part of it is missing."""
        received = self.socket.recv(65_536)
        if not received:
            raise ConnectionError("the server closed a connection")
        self.got = got = self.got + received if self.got else received
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = _LENGTH.search(got, 0, end)
        if length is None or len(got) < end + 4 + int(length[1]):
            return None
        self.got = b""
        return got


class Measured(NamedTuple):
    """The measurements of one run; times in seconds."""

    latencies: list[float]
    reward_latencies: list[float]
    failed: int
    lost: int
    took_s: float
    cpu_s: float


def request_bytes(path: str, key: str | None, body: str) -> bytes:
    """Return the bytes of a request as a client sends it."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1"]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    encoded = body.encode()
    lines += ["Content-Type: application/json", f"Content-Length: {len(encoded)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + encoded


class Requests:
    """The requests to send: decisions, and rewards for a share of them."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._key = plan.get("key")
        bodies = plan["bodies"]
        made = [request_bytes(plan["path"], self._key, body) for body in bodies]
        self._decisions: Iterator[bytes] = itertools.cycle(made)
        self._share = plan.get("reward_share", 0.0)
        self._owed = 0.0
        self._rewards: deque[bytes] = deque()

    def next(self) -> bytes:
        """Return the next request; a reward that is due comes first."""
        return self._rewards.popleft() if self._rewards else next(self._decisions)

    def note(self, answer: bytes) -> None:
        """Queue a reward for a share of the decisions that were answered."""
        if not self._share:
            return
        self._owed += self._share
        if self._owed >= 1.0:
            found = _DECISION_ID.search(answer)
            if found:
                self._owed -= 1.0
                body = f'{{"decision_id": "{found[1].decode()}", "value": 1.0}}'
                self._rewards.append(request_bytes("/v1/rewards", self._key, body))


class Book:
    """Collects latencies by kind of request."""

    def __init__(self, keep: list[bytes] | None) -> None:
        self.latencies: list[float] = []
        self.reward_latencies: list[float] = []
        self.failed = 0
        self._keep = keep

    def note(self, connection: Connection, answer: bytes, now_s: float) -> None:
        """Count one answer; a status of 2xx is a success."""
        if answer[9:10] != b"2":
            self.failed += 1
        elif connection.is_reward:
            self.reward_latencies.append(now_s - connection.begun_s)
        else:
            self.latencies.append(now_s - connection.begun_s)
            if self._keep is not None:
                self._keep.append(answer)

    def measured(self, lost: int, began_s: float, cpu_began_s: float) -> Measured:
        """Return the measurements."""
        return Measured(
            self.latencies,
            self.reward_latencies,
            self.failed,
            lost,
            time.perf_counter() - began_s,
            time.process_time() - cpu_began_s,
        )


def closed_loop(
    connections: list[Connection], requests: Requests, seconds: float, book: Book
) -> Measured:
    """Keep every connection busy for a number of seconds."""
    poll, by_number = _watched(connections)
    clock = time.perf_counter
    cpu_began_s, began_s = time.process_time(), clock()
    deadline_s = began_s + seconds
    for connection in connections:
        connection.send(requests.next(), clock())
    waiting = len(connections)
    while waiting:
        events = poll.poll(_PATIENCE_S)
        if not events:
            break
        for number, _ in events:
            connection = by_number[number]
            answer = connection.answer()
            if answer is None:
                continue
            now_s = clock()
            book.note(connection, answer, now_s)
            if not connection.is_reward:
                requests.note(answer)
            if now_s < deadline_s:
                connection.send(requests.next(), now_s)
            else:
                waiting -= 1
    return book.measured(waiting, began_s, cpu_began_s)


def open_loop(
    connections: list[Connection], requests: Requests, plan: dict[str, Any], book: Book
) -> Measured:
    """Send at a fixed rate; waiting for a free connection counts as latency."""
    poll, by_number = _watched(connections)
    clock = time.perf_counter
    free = list(connections)
    step_s, total = 1.0 / plan["rate"], int(plan["rate"] * plan["seconds"])
    late: deque[float] = deque()
    cpu_began_s, began_s = time.process_time(), clock()
    sent = done = 0
    last_s = began_s + total * step_s + _PATIENCE_S
    while done < total and clock() < last_s:
        now_s = clock()
        while sent < total and began_s + sent * step_s <= now_s:
            late.append(began_s + sent * step_s)
            sent += 1
        while late and free:
            free.pop().send(requests.next(), late.popleft())
        until_next_s = began_s + sent * step_s - clock() if sent < total else 0.1
        # epoll rounds its timeout up to milliseconds; select does not.
        if not select.select([poll], [], [], max(0.0, until_next_s))[0]:
            continue
        for number, _ in poll.poll(0):
            connection = by_number[number]
            answer = connection.answer()
            if answer is not None:
                book.note(connection, answer, clock())
                done += 1
                free.append(connection)
    return book.measured(total - done, began_s, cpu_began_s)


def _watched(
    connections: list[Connection],
) -> tuple[select.epoll, dict[int, Connection]]:
    poll = select.epoll()
    for connection in connections:
        poll.register(connection.socket, select.EPOLLIN)
    return poll, {c.socket.fileno(): c for c in connections}


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Warm up, measure, and return the measurements."""
    requests = Requests(plan)
    warm_up_s = plan.get("warm_up_s", 0.4)
    connections = _opened(plan, requests, warm_up_s)
    kept: list[bytes] | None = [] if plan.get("keep_ids") else None
    book = Book(kept)
    gc.collect()
    gc.disable()
    if plan["loop"] == "open":
        measured = open_loop(connections, requests, plan, book)
    else:
        measured = closed_loop(connections, requests, plan["seconds"], book)
    for connection in connections:
        connection.socket.close()
    found = [_DECISION_ID.search(answer) for answer in kept or []]
    return {
        "decisions_per_s": len(measured.latencies) / measured.took_s,
        "rewards_per_s": len(measured.reward_latencies) / measured.took_s,
        "answered": len(measured.latencies) + len(measured.reward_latencies),
        "failed": measured.failed,
        "lost": measured.lost,
        "took_s": measured.took_s,
        "warm_up_s": warm_up_s,
        "driver_cpu_share": measured.cpu_s / measured.took_s,
        "p50_ms": _percentile_ms(measured.latencies, 0.5),
        "p99_ms": _percentile_ms(measured.latencies, 0.99),
        "ids": [match[1].decode() for match in found if match],
    }


def _opened(
    plan: dict[str, Any], requests: Requests, warm_up_s: float
) -> list[Connection]:
    """Open connections one by one, under load all the while, which also warms up.

    Workers share a socket, and an idle worker accepts. Connections that are opened at
    once would collect at one worker, and chance would decide the round.
    """
    connections: list[Connection] = []
    for _ in range(plan["connections"]):
        connections.append(Connection(plan["port"]))
        closed_loop(connections, requests, warm_up_s / plan["connections"], Book(None))
    return connections


def _percentile_ms(latencies: list[float], share: float) -> float:
    ordered = sorted(latencies)
    return ordered[int(share * (len(ordered) - 1))] * 1000 if ordered else 0.0


def main(read: Callable[[], str] = sys.stdin.read) -> None:
    """Run the plan of standard input."""
    # A caller on a machine of its own would not wait for ours.
    run_soon()
    json.dump(run(json.loads(read())), sys.stdout)


if __name__ == "__main__":
    main()
