"""What proxies tell of a request, from those that are declared.

Owns the trust: `X-Forwarded-*` of any other peer changes nothing. A declared proxy
tells the caller's address, its scheme, the host that it asked for, and the prefix that
was cut off the path (`X-Forwarded-Prefix`), which then begins every link of a page.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from bandit_svc.domain.callers.networks import Networks
from bandit_svc.http.exposure import DIRECT_PEER

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}")
_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class Proxies:
    """A WSGI application in front of another one.

    Args:
        networks: of the declared proxies.
        beyond: the application.
    """

    def __init__(self, networks: Networks, beyond: "WSGIApplication") -> None:
        self._networks = networks
        self._beyond = beyond

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Believe a declared proxy, and pass the request on."""
        peer = environ.get("REMOTE_ADDR", "")
        environ[DIRECT_PEER] = peer
        environ["SCRIPT_NAME"] = ""
        if self._networks and self._trusts(peer):
            self._believe(environ)
        return self._beyond(environ, start_response)

    def _trusts(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def _believe(self, environ: "WSGIEnvironment") -> None:
        # Each proxy appends the address of its peer, so the last one that is no proxy
        # of ours is the caller's.
        for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            caller = hop.strip()
            try:
                ip_address(caller)
            except ValueError:
                break
            environ["REMOTE_ADDR"] = caller
            if not self._trusts(caller):
                break
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").strip().lower()
        if scheme in {"http", "https"}:
            environ["wsgi.url_scheme"] = scheme
        host = environ.get("HTTP_X_FORWARDED_HOST", "").strip()
        if _HOST.fullmatch(host):
            environ["HTTP_HOST"] = host
        prefix = environ.get("HTTP_X_FORWARDED_PREFIX", "").strip().rstrip("/")
        if _PREFIX.fullmatch(prefix):
            environ["SCRIPT_NAME"] = prefix
