"""API keys and ended sessions, as every backend keeps them.

Owns the row of a key and two protocols; see interface.py. A key itself is never kept,
only its SHA-256.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

Scope = Literal["secret", "publishable", "metrics"]


class KeyRow(msgspec.Struct, frozen=True):
    """An API key as kept.

    Attributes:
        experiments: keys of the experiments that it may be used for; empty for all.
        origins: of the pages that may send it, as browsers write them; empty for all.
        expires_at_ms: from when it is refused; None for never.
        last_used_at_ms: the last request that it was accepted for, to the minute.
    """

    id: str
    scope: Scope
    sha256: str
    created_at_ms: int
    revoked_at_ms: int | None = None
    experiments: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    expires_at_ms: int | None = None
    last_used_at_ms: int | None = None

    def is_expired(self, now_ms: int) -> bool:
        """Return whether its time is over."""
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms


class Keys(Protocol):
    """API keys, as hashes."""

    def add(self, row: KeyRow) -> None:
        """Keep a new key."""

    def all(self) -> list[KeyRow]:
        """Return every key, revoked ones too, oldest first."""

    def get(self, key_id: str) -> KeyRow | None:
        """Return one key, revoked or not, or None."""

    def revoke(self, key_id: str, now_ms: int) -> None:
        """End a key; it stays in the list.

        Raises:
            NotFound: there is no key of that id.
        """

    def used(self, at_ms: Mapping[str, int]) -> None:
        """Keep when keys were used last, by id; an earlier time changes nothing.

        The version of definitions and keys stays as it is.
        """


class EndedSessions(Protocol):
    """Sessions that were ended before their time."""

    def end(self, session: str, expires_at_ms: int, now_ms: int) -> None:
        """Keep that a session has ended; forget those whose time is over.

        Args:
            session: a text that names it, and lets nobody in.
            expires_at_ms: when it would have ended by itself.
            now_ms: the agreed time.
        """

    def has(self, session: str) -> bool:
        """Return whether a session has ended before its time."""
