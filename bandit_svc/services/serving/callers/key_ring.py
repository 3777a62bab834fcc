"""The API keys as one version of the catalog has them.

Owns the finding of a key's row. The store has only the SHA-256 of a key. A key that was
found is remembered with its row, in memory alone, because hashing costs half of what a
request's key check does. Only valid keys are remembered, so that callers can't fill the
memory. A revocation makes a new ring, which remembers nothing.
"""

import hashlib
from collections.abc import Iterable

from bandit_svc.storage.keys import KeyRow


class KeyRing:
    """The valid keys of one moment. Thread-safe."""

    def __init__(self, rows: Iterable[KeyRow]) -> None:
        self._by_hash = {row.sha256: row for row in rows if row.revoked_at_ms is None}
        self._secret = [row for row in self._by_hash.values() if row.scope == "secret"]
        self._found: dict[str, KeyRow] = {}

    def find(self, secret: str) -> KeyRow | None:
        """Return the row of a key, or None."""
        row = self._found.get(secret)
        if row is None:
            digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass"))
            row = self._by_hash.get(digest.hexdigest())
            if row is not None:
                self._found[secret] = row
        return row

    def secret_keys(self, now_ms: int) -> list[str]:
        """Return the ids of the secret keys that are good at a time."""
        return [row.id for row in self._secret if not row.is_expired(now_ms)]
