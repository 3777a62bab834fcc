"""One delivery of a source as it came, before anything of it is believed.

Owns its shape, and the limit on its bytes.
"""

from typing import Any, Final, NamedTuple

import msgspec
from flask import Request
from werkzeug.datastructures import Headers

from bandit_svc.domain.json_shape import check_nesting
from bandit_svc.http import parsing
from bandit_svc.http.incoming.encodings import plain_body

MAX_DELIVERY_BYTES: Final = 1_048_576
"""Of a body, and of what it is decompressed to."""
_json = msgspec.json.Decoder().decode


class Delivery(NamedTuple):
    """A body with its headers.

    Attributes:
        body: decompressed.
        sent: as it came, if that is another.
    """

    headers: Headers
    body: bytes
    sent: bytes | None

    def signed(self) -> list[bytes]:
        """Return what may have been signed: senders compress before it or behind."""
        return [self.body] if self.sent is None else [self.body, self.sent]

    def document(self) -> Any:  # noqa: ANN401 - any JSON
        """Return what the body says.

        Raises:
            InvalidInput: it is no JSON, or nests too deeply.
        """
        found = parsing.decoded(_json, self.body)
        check_nesting(found)
        return found


def read_delivery(request: Request) -> Delivery:
    """Return what was sent.

    Raises:
        TooLarge: it has over 1 MiB, as it came or decompressed.
        UnsupportedEncoding: it is compressed by another way than gzip.
    """
    sent = parsing.read_raw(request, MAX_DELIVERY_BYTES)
    encoding = request.headers.get("Content-Encoding")
    if encoding is None:
        return Delivery(request.headers, sent, None)
    return Delivery(
        request.headers, plain_body(sent, encoding, MAX_DELIVERY_BYTES), sent
    )
