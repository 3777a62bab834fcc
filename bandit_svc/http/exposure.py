"""What is answered on which address, and to whom without a key.

Owns the second address, `--admin-port`: with it, metrics, pages and the description of
the interface are answered there alone. The way in is told by the socket that took the
connection, which no header changes.
"""

from ipaddress import ip_address

from flask import Flask, Request, request
from werkzeug.exceptions import NotFound

from bandit_svc.settings import Settings

DESCRIBED = frozenset({"ops.show_metrics", "openapi.document", "pages.docs"})
"""Endpoints without a key for callers on this machine and on the admin address."""
PAGES = "pages."
_FORWARDED = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED")
DIRECT_PEER = "bandit_svc.direct_peer"
"""In the environ of WSGI: the address of the peer, whatever a proxy says."""


def register(app: Flask, settings: Settings) -> None:
    """Answer 404 on the first address for what is on the second one alone.

    Call it before the check of keys is registered.
    """
    if not settings.admin_port:
        return

    def check() -> None:
        endpoint = request.endpoint or ""
        behind = endpoint in DESCRIBED or endpoint.startswith(PAGES)
        if behind and not _on_admin_address(request, settings):
            raise NotFound

    app.before_request(check)


def is_near(incoming: Request, settings: Settings) -> bool:
    """Return whether a caller may read what the service tells of itself.

    It is on this machine and no proxy has forwarded the request, or it has come by the
    admin address.
    """
    if _on_admin_address(incoming, settings):
        return True
    environ = incoming.environ
    if any(name.startswith(_FORWARDED) for name in environ):
        return False
    peer = str(environ.get(DIRECT_PEER) or environ.get("REMOTE_ADDR"))
    try:
        return ip_address(peer).is_loopback
    except ValueError:
        return False


def _on_admin_address(incoming: Request, settings: Settings) -> bool:
    port = settings.admin_port
    return port > 0 and incoming.environ.get("SERVER_PORT") == str(port)
