"""A real HTTP server on a free loopback port that answers what a test scripts."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bandit_svc.client import BanditClient


@dataclass(frozen=True)
class Answer:
    """What the stub sends; `silent` makes it hold the request without an answer."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False
    silent: bool = False


@dataclass(frozen=True)
class Asked:
    """What the stub was sent."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]
    connection: tuple[str, int]


class Stub:
    """Answers from a script, in order; then repeats the last answer."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.asked: list[Asked] = []
        self.released = threading.Event()
        self.url = ""

    def answer(self, *answers: Answer) -> None:
        self.script = list(answers)

    def next_answer(self) -> Answer:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def handler_of(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One write an answer: two would wait for each other's acknowledgement.
        wbufsize = -1

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Stay silent."""

        def handle_any(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            data = self.rfile.read(size)
            stub.asked.append(
                Asked(
                    self.command,
                    self.path,
                    json.loads(data) if data else None,
                    dict(self.headers),
                    self.client_address,
                )
            )
            answer = stub.next_answer()
            if answer.silent:
                stub.released.wait(10)
                self.close_connection = True
                return
            content = answer.body
            if not isinstance(content, bytes):
                content = b"" if content is None else json.dumps(content).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            if answer.hang_up:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

    return Handler


@pytest.fixture
def stub() -> Iterator[Stub]:
    """Give a running stub; it stops with the test."""
    scripted = Stub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(scripted))
    server.daemon_threads = True
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield scripted
    scripted.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def answer() -> type[Answer]:
    """Give the class of scripted answers."""
    return Answer


@pytest.fixture
def client(stub: Stub) -> Iterator[BanditClient]:
    """Give a client of the stub."""
    with BanditClient(stub.url, key="bsk_test") as connected:
        yield connected
