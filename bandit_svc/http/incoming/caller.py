"""Who sends a request.

Owns what the functions of the hot routes get to know of it, whichever way it came.
"""

import msgspec
from flask import g, request

from bandit_svc.storage.keys import KeyRow


class Caller(msgspec.Struct, frozen=True, gc=False):
    """The sender of one request.

    Attributes:
        key: that it was accepted with; None in `--dev`.
        request_id: its own name for the request; None if it gave none.
        opted_out: its browser asks for privacy (Sec-GPC: 1).
        prefetched: a page asks that its visitor has not opened yet (Sec-Purpose).
    """

    key: KeyRow | None = None
    request_id: str | None = None
    opted_out: bool = False
    prefetched: bool = False


def caller_of_request() -> Caller:
    """Return the sender of the present request of Flask."""
    opted_out = request.headers.get("Sec-GPC") == "1"
    prefetched = "prefetch" in request.headers.get("Sec-Purpose", "")
    return Caller(g.get("key"), g.get("sent_id"), opted_out, prefetched)
