"""The sources of webhooks as one version of the catalog has them.

Owns the finding of a source by its name, or by its write key.
"""

import hashlib
from collections.abc import Iterable

from bandit_svc.storage.doors.sources import SecretRow, SourceRow


class SourceRing:
    """The sources of one moment. Thread-safe."""

    def __init__(self, rows: Iterable[SourceRow]) -> None:
        self._by_name = {row.name: row for row in rows}
        self._by_write_key = {
            _digest(secret.text): (row, secret)
            for row in self._by_name.values()
            if row.kind == "segment"
            for secret in row.secrets
        }
        self._names = sorted(self._by_name)

    def named(self, name: str) -> SourceRow | None:
        """Return a source, or None."""
        return self._by_name.get(name)

    def with_write_key(
        self, write_key: str, now_ms: int
    ) -> tuple[SourceRow, SecretRow] | None:
        """Return the source that a write key is of, and the key; None if it is none."""
        found = self._by_write_key.get(_digest(write_key))
        return None if found is None or found[1].is_expired(now_ms) else found

    def first(self, count: int) -> list[str]:
        """Return the names of the first sources, by name."""
        return self._names[:count]


def _digest(write_key: str) -> bytes:
    """Return what is looked up: how long that takes tells nothing of the key."""
    return hashlib.sha256(write_key.encode("utf-8", "surrogatepass")).digest()
