"""Sources of webhooks, as every backend keeps them.

Owns the row of a source, with its secrets, and the protocol; see interface.py. Unlike
API keys, secrets are kept as they are: a signature can't be checked with a hash.
"""

from typing import Literal, Protocol

import msgspec

from bandit_svc.domain.plain_values import Payload

SourceKind = Literal["standard-webhooks", "segment", "cloudevents", "stripe"]


class SecretRow(msgspec.Struct, frozen=True):
    """A secret of a source, or its write key.

    Attributes:
        id: the beginning of its SHA-256, which may be shown.
        text: as the sender has it; never shown again.
        expires_at_ms: from when it is refused; None for never.
    """

    id: str
    text: str
    created_at_ms: int
    expires_at_ms: int | None = None

    def is_expired(self, now_ms: int) -> bool:
        """Return whether its time is over."""
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms


class SourceRow(msgspec.Struct, frozen=True):
    """A source of rewards and events.

    Attributes:
        secrets: newest first; any that is not expired is good.
        mapping: what becomes of its events, as it was given; None for none.
        browser: its write key is public, and may do what a publishable key may.
        test_mode: events of its sender's test mode count as others do.
    """

    name: str
    kind: SourceKind
    created_at_ms: int
    secrets: tuple[SecretRow, ...]
    mapping: Payload | None = None
    browser: bool = False
    test_mode: bool = False

    def valid_secrets(self, now_ms: int) -> list[str]:
        """Return the secrets that are good now, newest first."""
        return [one.text for one in self.secrets if not one.is_expired(now_ms)]


class Sources(Protocol):
    """The sources of webhooks; a change is seen by every process at once."""

    def add(self, row: SourceRow) -> None:
        """Keep a new source.

        Raises:
            Conflict: there is one of that name.
        """

    def all(self) -> list[SourceRow]:
        """Return every source, by name."""

    def get(self, name: str) -> SourceRow:
        """Return one source.

        Raises:
            NotFound: there is none of that name.
        """

    def replace(self, row: SourceRow) -> None:
        """Keep a source as it is now.

        Raises:
            NotFound: there is none of that name.
        """

    def remove(self, name: str) -> None:
        """Forget a source with its secrets.

        Raises:
            NotFound: there is none of that name.
        """
