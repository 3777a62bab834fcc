"""Who sends a request.

Owns what the functions of the hot routes get to know of it, whichever way it came.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from flask import g, request

from bandit_svc.domain.enriching.devices import HINTS
from bandit_svc.storage.keys import KeyRow


class Browser(NamedTuple):
    """What a browser says of itself; never kept.

    Attributes:
        user_agent: None if it sends none.
        hints: client hints by the names of their headers, in lower case.
    """

    user_agent: str | None
    hints: Mapping[str, str]


class Caller(msgspec.Struct, frozen=True, gc=False):
    """The sender of one request.

    Attributes:
        key: that it was accepted with; None in `--dev`.
        request_id: its own name for the request; None if it gave none.
        opted_out: its browser asks for privacy (Sec-GPC: 1).
        prefetched: a page asks that its visitor has not opened yet (Sec-Purpose).
        browser: of the visitor, where a page of it sends the request; a server that
            calls for a visitor says it in the body.
    """

    key: KeyRow | None = None
    request_id: str | None = None
    opted_out: bool = False
    prefetched: bool = False
    browser: Browser | None = None


def caller_of_request() -> Caller:
    """Return the sender of the present request of Flask."""
    opted_out = request.headers.get("Sec-GPC") == "1"
    prefetched = "prefetch" in request.headers.get("Sec-Purpose", "")
    browser = None
    # Only a browser sends `Origin`, for a page.
    if "Origin" in request.headers:
        sent = ((name, request.headers.get(name)) for name in HINTS)
        hints = {name: text for name, text in sent if text is not None}
        browser = Browser(request.headers.get("User-Agent"), hints)
    return Caller(g.get("key"), g.get("sent_id"), opted_out, prefetched, browser)
