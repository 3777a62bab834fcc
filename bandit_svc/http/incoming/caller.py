"""Who sends a request.

Owns what the functions of the hot routes get to know of it, whichever way it came.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from flask import g, request

from bandit_svc.domain.enriching.devices import HINTS
from bandit_svc.storage.keys import KeyRow

_USER_AGENT = b"user-agent"
_OF_BROWSER = frozenset({_USER_AGENT, *(name.encode() for name in HINTS)})


class Browser(NamedTuple):
    """What a browser says of itself; never kept, and read only where it is asked for.

    Attributes:
        sent: headers of the request, their names in lower case.
    """

    sent: Sequence[tuple[bytes, bytes]]

    def said(self) -> tuple[str | None, Mapping[str, str]]:
        """Return the User-Agent and the client hints by name, of each the first."""
        said: dict[bytes, str] = {}
        for name, value in self.sent:
            if name in _OF_BROWSER and name not in said:
                said[name] = value.decode("latin-1")
        agent = said.pop(_USER_AGENT, None)
        return agent, {name.decode(): text for name, text in said.items()}


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
        browser = Browser(
            [
                (n.lower().encode(), v.encode("latin-1", "replace"))
                for n, v in request.headers
            ]
        )
    return Caller(g.get("key"), g.get("sent_id"), opted_out, prefetched, browser)
