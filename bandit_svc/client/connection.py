"""One kept connection per thread, and JSON over it.

Owns the socket's life: keep-alive, time limit, the one retry after a connection
that the service closed while it was idle, and never sharing a socket with a
forked process. Knows no route of the service.
"""

import http.client
import json
import os
import threading
from typing import Any
from urllib.parse import urlsplit

from .errors import BanditClientError, no_answer

# What a kept connection raises when the other side has closed it meanwhile.
CLOSED_WHILE_IDLE = (
    http.client.RemoteDisconnected,
    http.client.BadStatusLine,
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
)
FIRST_ERROR_STATUS = 400
LONGEST_DETAIL = 200


class Connection:
    """Sends JSON to one service; safe to use from many threads."""

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                "the service's url must be http://host[:port] or https://host[:port]"
            )
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        self._headers = {"Accept": "application/json, application/problem+json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._local = threading.local()

    def send(
        self, method: str, path: str, body: object = None, *, repeatable: bool = True
    ) -> Any:  # noqa: ANN401 - JSON has no narrower type
        """Send a request and give the answer's JSON, None for an empty body.

        Args:
            repeatable: whether sending it twice does no harm; then a kept
                connection that turns out to be closed is replaced, once. Other
                requests get a connection of their own.

        Raises:
            BanditClientError: a status of 400 or more, no answer within the time
                limit, an answer that is not JSON, or a body that can't be JSON.
        """
        data = None if body is None else _encode(body)
        if not repeatable:
            self.close()
        kept = self._kept()
        try:
            try:
                return self._exchange(kept or self._open(), method, path, data)
            except CLOSED_WHILE_IDLE:
                self.close()
                if kept is None:
                    raise
                return self._exchange(self._open(), method, path, data)
        except (OSError, http.client.HTTPException) as error:
            # A late answer on this socket would be taken for the next request's.
            self.close()
            raise no_answer(
                "The service did not answer", f"{type(error).__name__}: {error}"
            ) from error

    def close(self) -> None:
        """Close this thread's connection; the next request opens another."""
        kept = self._kept()
        self._local.connection = None
        if kept is not None:
            kept.close()

    def _kept(self) -> http.client.HTTPConnection | None:
        connection: http.client.HTTPConnection | None = getattr(
            self._local, "connection", None
        )
        # After a fork both processes hold the same socket; only its maker may use it.
        if connection is not None and self._local.process_id != os.getpid():
            return None
        return connection

    def _open(self) -> http.client.HTTPConnection:
        make = (
            http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        )
        connection = make(self._host, self._port, timeout=self._timeout_s)
        self._local.connection = connection
        self._local.process_id = os.getpid()
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        data: bytes | None,
    ) -> Any:  # noqa: ANN401 - JSON has no narrower type
        headers = dict(self._headers)
        if data is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, self._prefix + path, data, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status >= FIRST_ERROR_STATUS:
            raise _error_of(response, content)
        if not content:
            return None
        try:
            return json.loads(content)
        except ValueError as error:
            raise BanditClientError(
                response.status,
                {"title": "The answer is not JSON", "detail": _start_of(content)},
            ) from error


def _encode(body: object) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise no_answer("The request can't be written as JSON", str(error)) from error


def _error_of(response: http.client.HTTPResponse, content: bytes) -> BanditClientError:
    """Read a problem; another server on the way may have answered with none."""
    try:
        problem = json.loads(content)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": response.reason, "detail": _start_of(content)}
    retry_after = response.getheader("Retry-After", "")
    wait_s = float(retry_after) if retry_after.isdecimal() else None
    return BanditClientError(response.status, problem, wait_s)


def _start_of(content: bytes) -> str:
    return content[:LONGEST_DETAIL].decode(errors="replace")
