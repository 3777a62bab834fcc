"""The limit of gunicorn's own asgi worker: read the body, parse it, return fixed bytes.

Decides nothing, checks no key, stores nothing, and accepts any path.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.speed.contestants.raw_wsgi import ANSWER

Message = dict[str, Any]
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(ANSWER)),
]


async def application(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Parse and answer."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    json.loads(body)
    start = {"type": "http.response.start", "status": 201, "headers": _HEADERS}
    await send(start)
    await send({"type": "http.response.body", "body": ANSWER})
