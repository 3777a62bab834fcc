"""The limit of gunicorn: read the body, parse it, return fixed bytes.

Decides nothing, checks no key, stores nothing, and accepts any path.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ANSWER = (
    b'{"decision_id":"0123456789012345678901234567890123456789","experiment":"bench",'
    b'"variant":"hero-0","payload":null,"propensity":0.2,"group":"treatment",'
    b'"model_version":1,"expires_at":"2026-01-01T00:00:00.000Z"}'
)
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(ANSWER)))]


def application(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Parse and answer."""
    json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("201 Created", _HEADERS)
    return [ANSWER]
