"""Compressed bodies of requests.

Owns which encodings are read, and that no body becomes larger than its route allows:
the limit holds for what comes out, however little was sent.
"""

import zlib

from bandit_svc import metrics
from bandit_svc.errors import (
    BanditError,
    FieldError,
    InvalidInput,
    TooLarge,
    UnsupportedEncoding,
)
from bandit_svc.metric_counts import count

OUTCOMES = ("read", "too_large", "damaged", "unsupported")
_GZIP = frozenset({"gzip", "x-gzip"})
_PLAIN = frozenset({"", "identity"})
_WINDOW = 16 + zlib.MAX_WBITS
"""Of gzip with its head and its checksum (RFC 1952)."""
_MOST_MEMBERS = 100


def plain_body(body: bytes, encoding: str, limit: int) -> bytes:
    """Return a body as it was before it was compressed.

    Args:
        body: as it was sent.
        encoding: the header Content-Encoding.
        limit: the most bytes that may come out.

    Raises:
        UnsupportedEncoding: it is neither gzip nor identity.
        TooLarge: more bytes come out.
        InvalidInput: it is damaged, or has no end.
    """
    name = encoding.strip().lower()
    if name in _PLAIN:
        return body
    try:
        if name not in _GZIP:
            raise UnsupportedEncoding(
                "the body's Content-Encoding is not known; send gzip, or the body as "
                "it is without that header"
            )
        plain = _unzipped(body, limit)
    except BanditError as error:
        _count(_outcome_of(error))
        raise
    _count("read")
    return plain


def _unzipped(body: bytes, limit: int) -> bytes:
    parts, size = [], 0
    for _ in range(_MOST_MEMBERS):
        member = zlib.decompressobj(_WINDOW)
        try:
            parts.append(member.decompress(body, limit + 1 - size))
        except zlib.error as error:
            raise _damaged("is not gzip, or its checksum is wrong") from error
        size += len(parts[-1])
        if size > limit:
            detail = (
                f"the body has more than {limit} bytes when it is decompressed; at "
                f"most {limit} are allowed"
            )
            raise TooLarge(detail, FieldError("", detail))
        if not member.eof:
            raise _damaged("ends before its gzip stream does")
        body = member.unused_data
        if not body:
            return b"".join(parts)
    raise _damaged(f"has more than {_MOST_MEMBERS} gzip members")


def _damaged(what: str) -> InvalidInput:
    return InvalidInput.at(
        "", f"the body {what}, but its Content-Encoding is gzip; compress it anew"
    )


def _outcome_of(error: BanditError) -> str:
    match error:
        case TooLarge():
            return "too_large"
        case UnsupportedEncoding():
            return "unsupported"
        case _:
            return "damaged"


def _count(outcome: str) -> None:
    count(metrics.COMPRESSED_BODIES.labels(outcome))
