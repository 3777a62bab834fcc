"""Where a service is, and what each request to it begins with.

Owns the reading of the service's url, the fixed headers, and the rules of TLS. Opens
nothing.
"""

import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

USER_AGENT = "bandit-svc-client"


class Address:
    """One service.

    Args:
        url: "http://host[:port]" or "https://host[:port]", with a path where a proxy
            has one in front of every route.
        key: sent with each request; None for none.

    Raises:
        TypeError: the url or the key is not a string.
        ValueError: the url is not one of HTTP, or the key has characters that no
            header can hold.
    """

    def __init__(self, url: str, key: str | None) -> None:
        if not isinstance(url, str):
            raise TypeError(f"the service's url is a {type(url).__name__}, no string")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                "the service's url must be http://host[:port] or https://host[:port]"
            )
        _check_key(key)
        self.host: str = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        # Reading the certificates takes milliseconds: no call should wait for it.
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.shown = f"{parts.scheme}://{self.host}:{self.port}"
        """For log lines: neither a password nor a path is in it."""
        self._prefix = parts.path.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"Host: {host}" + (f":{parts.port}" if parts.port else ""),
            "Accept: application/json, application/problem+json",
            "Accept-Encoding: identity",
            f"User-Agent: {USER_AGENT}",
        ]
        if key is not None:
            lines.append(f"Authorization: Bearer {key}")
        self._fixed = "".join(f"{line}\r\n" for line in lines)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the bytes of a request.

        Args:
            method: of HTTP.
            path: already quoted.
            body: JSON; None for none.
            headers: more of them, already in the characters of a header.
        """
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._fixed}"
        for name, value in (headers or {}).items():
            head += f"{name}: {value}\r\n"
        if body is None:
            if method != "GET":
                head += "Content-Length: 0\r\n"
            return f"{head}\r\n".encode("latin-1")
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode("latin-1") + body


def _check_key(key: str | None) -> None:
    if key is None:
        return
    if not isinstance(key, str):
        raise TypeError(f"the key is a {type(key).__name__}; it must be a string")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(
            "the key has a space, a line end or a character that is not ASCII; give it "
            "as `bandit-svc keys create` printed it"
        )
