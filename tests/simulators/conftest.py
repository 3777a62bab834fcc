"""A policy small enough to follow by hand, a stub of the service, a fast clock."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from policies.base import Action, Context, Policy


class TallyPolicy:
    """Prefers the action with the most reward so far; keeps what it learned."""

    def __init__(self) -> None:
        self.learned: list[tuple[int, float, float]] = []

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        del context
        totals = [0.0] * len(actions)
        for chosen, _, reward in self.learned:
            totals[chosen] += reward
        best = totals.index(max(totals))
        return [float(index == best) for index in range(len(actions))]

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        del context, actions
        self.learned.append((chosen, propensity, reward))

    def dump(self) -> bytes:
        return json.dumps(self.learned).encode()

    def load(self, state: bytes) -> None:
        self.learned = [
            (chosen, propensity, reward)
            for chosen, propensity, reward in json.loads(state)
        ]


@pytest.fixture
def build_tally() -> Callable[[], Policy]:
    """Give the builder of a fresh tally policy."""
    return TallyPolicy


class StubService:
    """Decides at random and remembers; fails on request."""

    def __init__(self) -> None:
        self.url = ""
        self.experiments: dict[str, Any] = {}
        self.decisions: list[dict[str, Any]] = []
        self.activated: list[str] = []
        self.rewards: list[dict[str, Any]] = []
        self.failures: Counter[str] = Counter()
        """How many of the next requests of a path get a 503."""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.failures[path]:
            self.failures[path] -= 1
            return 503, {"title": "Unavailable", "status": 503}
        if method == "GET":
            known = self.experiments.get(path.removeprefix("/v1/experiments/"))
            return (404, {"title": "Not found"}) if known is None else (200, known)
        if path == "/v1/experiments":
            self.experiments[body["key"]] = body
            return 201, body
        if path == "/v1/decisions":
            return 201, self.decide(body)
        if path == "/v1/rewards":
            self.rewards.append(body)
        else:
            self.activated.append(path.split("/")[3])
        return 202, None

    def decide(self, body: dict[str, Any]) -> dict[str, Any]:
        self.decisions.append(body)
        number = len(self.decisions)
        variants = self.experiments[body["experiment"]]["variants"]
        return {
            "decision_id": f"d-{number}",
            "experiment": body["experiment"],
            "variant": variants[number % len(variants)]["key"],
            "group": "baseline" if number % 10 == 0 else "treatment",
        }


def handler_of(service: StubService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One write an answer: two would wait for each other's acknowledgement.
        wbufsize = -1

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Stay silent."""

        def handle_any(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(data) if data else None
            status, answer = service.answer(self.command, self.path, body)
            content = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = handle_any  # noqa: N815

    return Handler


@pytest.fixture
def service() -> Iterator[StubService]:
    """Give a running stub of the service; it stops with the test."""
    stub = StubService()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(stub))
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield stub
    server.shutdown()
    thread.join()
    server.server_close()


class LeapingPace:
    """A clock that jumps ahead at every wait, so that no test sleeps."""

    def __init__(self) -> None:
        self.time_s = 1_800_000_000.0
        self.stop_at_s = float("inf")

    def now_s(self) -> float:
        return self.time_s

    def wait(self, seconds: float) -> bool:
        self.time_s += max(0.0, seconds)
        return self.time_s >= self.stop_at_s


@pytest.fixture
def pace() -> LeapingPace:
    """Give a clock that never makes a test wait."""
    return LeapingPace()
