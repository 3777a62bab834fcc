"""Sessions of people in browsers: signed text that a cookie carries.

Owns the content of a session (the id of a key and an end) and its signature. Pure: the
clock, the randomness and the service's secret are passed in. Nothing is stored, and no
cookie contains the key itself; the caller checks that the key is still valid and that
the session has not been ended.
"""

import base64
import hashlib
import hmac
from typing import NamedTuple

SESSION_MS = 12 * 3_600_000
_MAC_BYTES = 20
_PARTS = 4
_LONGEST = 200


class Session(NamedTuple):
    """A session whose signature is right and which has not ended."""

    key_id: str
    expires_at_ms: int
    text: str
    """The content of the cookie; form tokens are derived from it."""

    @property
    def name(self) -> str:
        """Return what names it where ended sessions are kept; it lets nobody in."""
        return self.text.rsplit(".", 1)[0]


class Sessions:
    """Issues and reads the sessions of one service, which share its secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, key_id: str, now_ms: int, nonce: bytes) -> str:
        """Return the cookie of a new session of twelve hours for the holder of a key.

        Args:
            nonce: random bytes, so that two sessions of a key differ.
        """
        body = f"{key_id}.{now_ms + SESSION_MS}.{_text(nonce)}"
        return f"{body}.{self._mac(body, b'session')}"

    def read(self, text: str, now_ms: int) -> Session | None:
        """Return a session that this service issued and that has not ended, or None."""
        parts = text.split(".")
        if len(parts) != _PARTS or len(text) > _LONGEST or not text.isascii():
            return None
        body, mac = text.rsplit(".", 1)
        if not hmac.compare_digest(mac, self._mac(body, b"session")):
            return None
        key_id, expires_at_ms = parts[0], int(parts[1])
        if now_ms >= expires_at_ms:
            return None
        return Session(key_id, expires_at_ms, text)

    def form_token(self, text: str) -> str:
        """Return the token that the forms of one session carry (CSRF)."""
        return self._mac(text, b"form")

    def is_form_token(self, text: str, given: str) -> bool:
        """Return whether a form came from a page of this session."""
        expected = self.form_token(text).encode()
        return hmac.compare_digest(expected, given.encode("utf-8", "replace"))

    def _mac(self, body: str, purpose: bytes) -> str:
        digest = hashlib.blake2b(
            body.encode(), digest_size=_MAC_BYTES, key=self._secret, person=purpose
        ).digest()
        return _text(digest)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
