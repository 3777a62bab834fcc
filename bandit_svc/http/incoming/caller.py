"""Who sends a request.

Owns what the functions of the hot routes get to know of it, whichever way it came.
"""

import msgspec
from flask import g

from bandit_svc.storage.keys import KeyRow


class Caller(msgspec.Struct, frozen=True, gc=False):
    """The sender of one request.

    Attributes:
        key: that it was accepted with; None in `--dev`.
        request_id: its own name for the request; None if it gave none.
    """

    key: KeyRow | None = None
    request_id: str | None = None


def caller_of_request() -> Caller:
    """Return the sender of the present request of Flask."""
    return Caller(g.get("key"), g.get("sent_id"))
