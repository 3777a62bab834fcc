"""Which keys were used since the store was told last.

Owns what waits in memory: a request only notes the id of its key. The store is told by
the caller's background, with the time of that, so that a use is known to the minute.
"""

from bandit_svc.domain.times import has_passed
from bandit_svc.storage.keys import Keys

KEPT_EVERY_MS = 60_000


class KeyUses:
    """Those of one process. Thread-safe."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._noted: set[str] = set()
        self._kept_at_ms: int | None = None
        self.note = self._noted.add
        """Note the id of a key that was accepted."""

    def keep(self, now_ms: int) -> None:
        """Store the noted uses; what it can't take now waits for the next call.

        Raises:
            Unavailable: the store can't be written now.
        """
        self._kept_at_ms = now_ms
        used = dict.fromkeys(list(self._noted), now_ms)
        if used:
            self._keys.used(used)
            self._noted.difference_update(used)

    def keep_if_due(self, now_ms: int) -> None:
        """Store the uses at the first call, and once a minute.

        Raises:
            Unavailable: the store can't be written now.
        """
        if has_passed(KEPT_EVERY_MS, self._kept_at_ms, now_ms):
            self.keep(now_ms)
