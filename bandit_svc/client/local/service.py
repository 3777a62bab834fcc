"""Requests of the background thread to the service.

Owns one kept connection. Not thread-safe: one thread uses it.
"""

import contextlib
import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

RETRIES = 2


class Reply(NamedTuple):
    """What the service answered; `status` is None where it did not."""

    status: int | None
    body: bytes
    tag: str | None = None
    retry_after_s: float | None = None

    @property
    def reason(self) -> str:
        """The service's own sentence, or why there is none."""
        with contextlib.suppress(ValueError, AttributeError):
            detail = json.loads(self.body).get("detail")
            if isinstance(detail, str):
                return detail
        text = self.body[:200].decode("utf-8", "replace")
        return text if self.status is None else f"the service answered {self.status}"


class Service:
    """A connection, made again when it fails."""

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"url is {url!r}; give scheme and host, such as http://127.0.0.1:8000"
            )
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, path: str, known: str | None) -> Reply:
        """Load what differs from a known tag."""
        more = {} if known is None else {"If-None-Match": f'"{known}"'}
        return self._send("GET", path, None, more)

    def post(self, path: str, body: bytes) -> Reply:
        """Send JSON; what is sent is safe to repeat."""
        return self._send("POST", path, body, {"Content-Type": "application/json"})

    def _send(
        self, method: str, path: str, body: bytes | None, more: dict[str, str]
    ) -> Reply:
        failed = ""
        for _ in range(RETRIES):
            connection = self._connection or self._connect()
            self._connection = connection
            try:
                headers = self._headers | more
                connection.request(method, self._prefix + path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                # A kept connection may have been closed while it was idle.
                self.close()
                failed = f"no answer of the service: {error!r}"
                continue
            tag = (answer.headers.get("ETag") or "").strip('W/"') or None
            wait = _seconds(answer.headers.get("Retry-After"))
            return Reply(answer.status, content, tag, wait)
        return Reply(None, failed.encode())

    def _connect(self) -> http.client.HTTPConnection:
        kind: Any = http.client.HTTPConnection
        if self._https:
            kind = http.client.HTTPSConnection
        connection: http.client.HTTPConnection = kind(
            self._host, self._port, timeout=self._timeout_s
        )
        return connection


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None
