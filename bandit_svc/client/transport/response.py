"""An answer of HTTP/1.1, read from pieces as they come.

Owns the syntax of answers: status line, headers, a body by its length, in chunks or to
the end of the connection. Reads no socket, so that both forms of the client share it.
"""

from typing import Final, NamedTuple

_MOST_HEAD: Final = 64 * 1024
_MOST_BODY: Final = 256 * 1024 * 1024
_END: Final = b"\r\n\r\n"
_FIRST_FINAL: Final = 200
_BODILESS: Final = frozenset({204, 304})


class BadResponseError(Exception):
    """What came is no answer of HTTP/1.1."""


class ClosedEarlyError(ConnectionError):
    """The connection ended within an answer.

    Attributes:
        unanswered: not one byte of the answer had come.
    """

    def __init__(self, *, unanswered: bool) -> None:
        self.unanswered = unanswered
        what = "before an answer" if unanswered else "within the answer"
        super().__init__(f"the connection was closed {what}")


class Response(NamedTuple):
    """One answer.

    Attributes:
        status: of HTTP.
        reason: the words beside it.
        headers: by their names in lower case.
        content: the body.
        keeps: the connection may be used again.
    """

    status: int
    reason: str
    headers: dict[str, str]
    content: bytes
    keeps: bool


class ResponseReader:
    """Takes the pieces of one answer."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._head: tuple[int, str, dict[str, str]] | None = None
        self._length: int | None = None
        self._chunks: _Chunks | None = None
        self._keeps = True

    def feed(self, piece: bytes) -> Response | None:
        """Take the next piece; return the answer once it is whole.

        Args:
            piece: empty at the end of the connection.

        Raises:
            BadResponseError: it is no answer.
            ClosedEarlyError: the connection ended before the answer did.
        """
        self._got += piece
        if self._head is None and not self._read_head():
            if not piece:
                raise ClosedEarlyError(unanswered=not self._got)
            return None
        content = self._body(ended=not piece)
        if content is None:
            if not piece:
                raise ClosedEarlyError(unanswered=False)
            return None
        status, reason, headers = self._head or (0, "", {})
        return Response(status, reason, headers, content, self._keeps)

    def _read_head(self) -> bool:
        while (end := self._got.find(_END)) >= 0:
            head = bytes(self._got[:end]).decode("latin-1")
            del self._got[: end + len(_END)]
            status, reason, headers, version = _parse_head(head)
            if status >= _FIRST_FINAL:
                self._head = (status, reason, headers)
                self._frame(status, headers, version)
                return True
        if len(self._got) > _MOST_HEAD:
            raise BadResponseError(f"its head is longer than {_MOST_HEAD} bytes")
        return False

    def _frame(self, status: int, headers: dict[str, str], version: str) -> None:
        """Note where the body ends, and what becomes of the connection."""
        connection = headers.get("connection", "").lower()
        self._keeps = "close" not in connection and (
            version == "HTTP/1.1" or "keep-alive" in connection
        )
        if status in _BODILESS:
            self._length = 0
        elif "chunked" in headers.get("transfer-encoding", "").lower():
            self._chunks = _Chunks()
        elif "content-length" in headers:
            length = headers["content-length"]
            if not length.isdecimal():
                raise BadResponseError("its Content-Length is no number")
            self._length = int(length)
            _check_size(self._length)
        else:
            self._keeps = False

    def _body(self, *, ended: bool) -> bytes | None:
        if self._chunks is not None:
            content = self._chunks.take(self._got)
        elif self._length is None:
            _check_size(len(self._got))
            content = bytes(self._got) if ended else None
            if ended:
                self._got.clear()
        elif len(self._got) >= self._length:
            content = bytes(self._got[: self._length])
            del self._got[: self._length]
        else:
            content = None
        # What follows was not asked for, and would be taken for the next answer.
        self._keeps = self._keeps and not (content is not None and self._got)
        return content


class _Chunks:
    """The pieces of a body whose length is not known beforehand."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._is_trailer = False

    def take(self, got: bytearray) -> bytes | None:
        """Take whole chunks away from the front; return the body once it is whole."""
        while (end := got.find(b"\r\n")) >= 0:
            line = bytes(got[:end])
            if self._is_trailer:
                del got[: end + 2]
                if not line:
                    return bytes(self._content)
                continue
            size = _chunk_size(line)
            if size == 0:
                del got[: end + 2]
                self._is_trailer = True
                continue
            _check_size(len(self._content) + size)
            if len(got) < end + 2 + size + 2:
                return None
            self._content += got[end + 2 : end + 2 + size]
            del got[: end + 2 + size + 2]
        if len(got) > _MOST_HEAD:
            raise BadResponseError("a chunk of its body has no size")
        return None


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise BadResponseError("a chunk of its body has no size") from error


def _check_size(size: int) -> None:
    if not 0 <= size <= _MOST_BODY:
        raise BadResponseError(f"its body is longer than {_MOST_BODY} bytes")


def _parse_head(head: str) -> tuple[int, str, dict[str, str], str]:
    first, *lines = head.split("\r\n")
    version, _, rest = first.partition(" ")
    code, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or not (code.isdecimal() and len(code) == 3):  # noqa: PLR2004
        raise BadResponseError("it does not begin as an answer of HTTP/1.1 does")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadResponseError("a line of its head has no colon")
        headers[name.lower()] = value.strip()
    return int(code), reason, headers, version
