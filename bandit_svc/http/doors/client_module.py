"""Routes of the JavaScript client, a module that pages of any origin load.

Owns its addresses. `/client.js` is the newest one, and `/client/VERSION.js` has the
same bytes for good, so that a page may name its hash.
"""

import base64
import gzip
import hashlib
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from flask import Blueprint, Flask, Response, request

from bandit_svc.errors import NotFound

ENDPOINTS = frozenset({"client_module.newest", "client_module.of_version"})
_DAY_S = 86_400
_YEAR_S = 365 * _DAY_S
_SHORT_S = 600
_MEDIA_TYPE = "text/javascript; charset=utf-8"
_VERSION = re.compile(rb'export const VERSION = "([0-9.]+)";')


class ClientModule(NamedTuple):
    """One version of the module.

    Attributes:
        integrity: its hash, as the attribute `integrity` of a page has it.
    """

    version: str
    content: bytes
    compressed: bytes
    integrity: str


def register(app: Flask) -> None:
    """Add the routes; they need nothing of the worker."""
    routes = Blueprint("client_module", __name__)

    @routes.get("/client.js")
    def newest() -> Response:
        return _answer(newest_module(), f"public, max-age={_SHORT_S}")

    @routes.get("/client/<release>.js")
    def of_version(release: str) -> Response:
        module = modules().get(release)
        if module is None:
            raise NotFound(
                "the client has no such version; there is " + ", ".join(modules())
            )
        return _answer(module, f"public, max-age={_YEAR_S}, immutable")

    app.register_blueprint(routes)


def newest_module() -> ClientModule:
    """Return the module that /client.js is."""
    return list(modules().values())[-1]


@cache
def modules() -> dict[str, ClientModule]:
    """Return each version of the module by its name, the newest last."""
    folder = files("bandit_svc.client") / "js"
    found = [_read(file) for file in _files(folder)]
    found.sort(key=lambda one: [int(part) for part in one.version.split(".")])
    return {one.version: one for one in found}


def _files(folder: Traversable) -> list[Traversable]:
    former = folder / "former"
    kept = list(former.iterdir()) if former.is_dir() else []
    return [file for file in kept if file.name.endswith(".js")] + [folder / "client.js"]


def _read(file: Traversable) -> ClientModule:
    content = file.read_bytes()
    version = _VERSION.search(content)
    if version is None:
        raise ValueError(f"{file.name} has no VERSION; it must export one")
    digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
    # Without a time, so that all workers answer the same bytes.
    compressed = gzip.compress(content, 9, mtime=0)
    return ClientModule(version[1].decode(), content, compressed, f"sha384-{digest}")


def _answer(module: ClientModule, kept: str) -> Response:
    compresses = request.accept_encodings.quality("gzip") > 0
    body = module.compressed if compresses else module.content
    response = Response(body, content_type=_MEDIA_TYPE)
    headers = response.headers
    if compresses:
        headers["Content-Encoding"] = "gzip"
    headers["Cache-Control"] = kept
    headers["Vary"] = "Accept-Encoding"
    headers["Access-Control-Allow-Origin"] = "*"
    # For pages that ask for isolation.
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.set_etag(hashlib.sha256(body).hexdigest()[:20])
    response.make_conditional(request)
    return response
