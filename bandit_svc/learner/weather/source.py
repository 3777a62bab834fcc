"""One question to a source of weather, over HTTP.

Owns the limits of the answer: a whole deadline, however it drips, and its size. The
learner alone imports this, so that no web process ever asks. A fault names neither the
address nor its key.
"""

import contextlib
import http.client
import socket
import threading
from urllib.parse import SplitResult, urlsplit

from bandit_svc.domain.enriching.forecasts import MAX_ANSWER_BYTES, BadAnswer

DEADLINE_S = 10.0
_OK = 200


class Source:
    """A source, by its address."""

    def __init__(self, url: str, deadline_s: float = DEADLINE_S) -> None:
        self._parts: SplitResult = urlsplit(url)
        self._deadline_s = deadline_s

    def ask(self, query: str) -> bytes:
        """Return the body of an answer.

        Raises:
            BadAnswer: there is none in time, it is too large, or it is not OK.
        """
        parts = self._parts
        kind = (
            http.client.HTTPSConnection
            if parts.scheme == "https"
            else http.client.HTTPConnection
        )
        connection = kind(parts.hostname or "", parts.port, timeout=self._deadline_s)
        # A socket's own timeout begins anew with each byte.
        late = threading.Event()
        ending = threading.Timer(self._deadline_s, _cut, (connection, late))
        ending.daemon = True
        ending.start()
        try:
            connection.connect()
            # Too late to be cut, if finding the address took all of the time.
            _check(late)
            body = self._answer(connection, query)
            # What was cut looks like an answer that has ended.
            _check(late)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise BadAnswer(
                f"there was no whole answer in {self._deadline_s:g} s "
                f"({type(error).__name__})"
            ) from error
        else:
            return body
        finally:
            ending.cancel()
            connection.close()

    def _answer(self, connection: http.client.HTTPConnection, query: str) -> bytes:
        parts = self._parts
        own = f"{parts.query}&" if parts.query else ""
        path = f"{parts.path or '/'}?{own}{query}"
        connection.request("GET", path, headers={"Accept-Encoding": "identity"})
        response = connection.getresponse()
        if response.status != _OK:
            raise BadAnswer(f"the answer has the status {response.status}")
        body = response.read(MAX_ANSWER_BYTES + 1)
        if len(body) > MAX_ANSWER_BYTES:
            raise BadAnswer(f"the answer has over {MAX_ANSWER_BYTES} bytes")
        return body


def _check(late: threading.Event) -> None:
    if late.is_set():
        raise TimeoutError


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    """End a connection under whoever reads from it."""
    late.set()
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
