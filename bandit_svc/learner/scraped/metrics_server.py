"""Metrics of a learner that shares no data folder with web workers.

Owns a small HTTP server in a thread. It answers `/metrics` and `/healthz` and asks for
no key, so that its port belongs on an address that only Prometheus reaches.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bandit_svc import metrics
from bandit_svc.errors import Unavailable
from bandit_svc.settings import Settings

_IDLE_S = 30.0

_log = logging.getLogger(__name__)


@contextmanager
def metrics_served(settings: Settings) -> Iterator[None]:
    """Answer at `learner_host` and `learner_port` in this block; port 0 is none.

    Raises:
        Unavailable: the address can't be listened on.
    """
    if not settings.learner_port:
        yield
        return
    server = _bound(settings.learner_host, settings.learner_port)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _bound(host: str, port: int) -> ThreadingHTTPServer:
    try:
        server = ThreadingHTTPServer((host, port), _Handler)
    except OSError as error:
        raise Unavailable(
            f"can't listen on learner_host {host}, learner_port {port}: "
            f"{error.strerror}. Stop what listens there, or choose with --learner-host "
            "and --learner-port (0 serves no metrics)."
        ) from error
    return server


class _Handler(BaseHTTPRequestHandler):
    timeout = _IDLE_S

    def do_GET(self) -> None:
        """Answer one request."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(HTTPStatus.OK, metrics.render(), metrics.CONTENT_TYPE)
        elif path == "/healthz":
            self._answer(HTTPStatus.OK, b'{"status": "ok"}', "application/json")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Log a request where details are asked for."""
        _log.debug(format, *args)

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
