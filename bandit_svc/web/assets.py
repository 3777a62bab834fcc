"""The files that pages load: style sheets and scripts, ours and vendored.

Owns their addresses. An address contains a hash of the content, so that a browser may
cache the file for a year and still loads the file of a new release at once.
"""

import hashlib
import mimetypes
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from flask import Blueprint, Response, abort

from bandit_svc.web.access.own_address import own

_YEAR_S = 31_536_000
_DIGEST_LENGTH = 12
_SUFFIXES = (".css", ".js")


class _Asset(NamedTuple):
    content: bytes
    digest: str
    media_type: str


class Assets:
    """All style sheets and scripts, read once."""

    def __init__(self) -> None:
        found = {"charts.css": files("bandit_svc.charts") / "charts.css"}
        static = files("bandit_svc.web") / "static"
        for folder in (static, static / "vendor"):
            found |= {f.name: f for f in folder.iterdir() if f.name.endswith(_SUFFIXES)}
        self._assets = {name: _read(file) for name, file in found.items()}

    def url(self, name: str) -> str:
        """Return the address of a file.

        Raises:
            KeyError: no file has this name.
        """
        return own(f"/static/{self._assets[name].digest}/{name}")

    def register(self, routes: Blueprint) -> None:
        """Add the route of the files, and `asset(name)` for templates."""

        @routes.get("/static/<digest>/<name>", endpoint="static")
        def static(digest: str, name: str) -> Response:
            asset = self._assets.get(name)
            if asset is None:
                abort(404)
            # A page of another release may ask with another hash: it gets the file of
            # this release, and must not cache it.
            kept = digest == asset.digest
            response = Response(asset.content, mimetype=asset.media_type)
            response.headers["Cache-Control"] = (
                f"public, max-age={_YEAR_S}, immutable" if kept else "no-cache"
            )
            return response

        routes.add_app_template_global(self.url, "asset")


def _read(file: Traversable) -> _Asset:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST_LENGTH]
    return _Asset(content, digest, mimetypes.guess_type(file.name)[0] or "text/plain")
