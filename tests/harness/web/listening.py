"""A worker in this process that can be reached over a real socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from bandit_svc.client import LocalBandit
from tests.harness.worker_in_process import WorkerInProcess

NEVER_S = 3_600.0


class Near(WorkerInProcess):
    """A worker with its address."""

    url: str


class _Silent(WSGIRequestHandler):
    """Writes no line for each request, and keeps connections."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the parent's name
        pass


@contextmanager
def listening(service: WorkerInProcess) -> Iterator[str]:
    """Yield the address of a worker while it listens."""
    server = make_server(
        "127.0.0.1", 0, service.app, threaded=True, request_handler=_Silent
    )
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bandit(
    near: Near,
    tmp_path: Path,
    *,
    poll_interval_s: float = NEVER_S,
    flush_interval_s: float = NEVER_S,
    most_waiting: int = 1_000,
) -> LocalBandit:
    """Return a bandit of a worker; it loads and sends when it is told to."""
    return LocalBandit(
        near.url,
        near.secret,
        poll_interval_s=poll_interval_s,
        flush_interval_s=flush_interval_s,
        timeout_s=60,
        most_waiting=most_waiting,
        folder=tmp_path / "made",
    )
