"""Names of requests.

Owns which name of a caller is taken, and the names that are made. A request is named by
its caller (`X-Request-Id`, else the trace id of `traceparent`), so that the caller's
log, ours and the decision's record tell of the same request.
"""

import itertools
import re

HEADER = "X-Request-Id"
MOST_CHARACTERS = 64
_PLAIN = re.compile(rb"[A-Za-z0-9._~:=+/-]{1,%d}" % MOST_CHARACTERS)
# W3C Trace Context: version, trace id, parent id, flags; later versions may add.
_TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_NO_TRACE = b"0" * 32


def sent_id(request_id: bytes | None, traceparent: bytes | None) -> str | None:
    """Return the name that a caller gives its request, None for none.

    A name that is too long or of other characters is none, since it would be written
    to logs as it is.
    """
    if request_id is not None and _PLAIN.fullmatch(request_id):
        return request_id.decode()
    trace = None if traceparent is None else _TRACE.fullmatch(traceparent)
    if trace is None or trace[1] == _NO_TRACE:
        return None
    return trace[1].decode()


class RequestIds:
    """Makes the names of one process. Thread-safe.

    Args:
        prefix: random, so that no other process has it.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._next = itertools.count(1).__next__

    def new(self) -> str:
        """Return a name that no other request has."""
        return f"{self._prefix}-{self._next():x}"
