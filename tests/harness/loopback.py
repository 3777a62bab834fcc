"""HTTP over loopback to a process that may be starting, stopping or dead.

Owns requests that return None where no good answer came, so that a test polls them.
"""

import http.client
import json
import socket
import urllib.error
import urllib.request
from typing import Any

from tests.harness.waiting import GENEROUS_S


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get_text(url: str) -> str | None:
    """GET an address; return the text, or None where no good answer came."""
    return _send(urllib.request.Request(url))  # noqa: S310 - loopback


def get_json(url: str) -> Any:
    """GET an address; return its JSON, or None where no good answer came."""
    text = get_text(url)
    return None if text is None else json.loads(text)


def post_json(url: str, body: object) -> Any:
    """POST JSON; return the answer's JSON, or None where no good answer came."""
    sent = json.dumps(body).encode()
    text = _send(urllib.request.Request(url, sent, method="POST"))  # noqa: S310 - loopback
    return None if text is None else json.loads(text or "null")


def delete_json(url: str) -> Any:
    """DELETE; return the answer's JSON, or None where no good answer came."""
    text = _send(urllib.request.Request(url, method="DELETE"))  # noqa: S310 - loopback
    return None if text is None else json.loads(text or "null")


def _send(request: urllib.request.Request) -> str | None:
    try:
        with urllib.request.urlopen(request, timeout=GENEROUS_S) as answer:  # noqa: S310 - loopback
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except (OSError, http.client.HTTPException):
        return None
