"""What this process has shown just now, of which the learner may not know yet.

Owns the memory that keeps a person who comes again within a second from being shown
more than a cap allows; other processes know it when the learner does. Thread-safe.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from bandit_svc.domain.people.trail import Entry

REMEMBERED = 20_000
"""Trails of persons; the one that was added to the longest ago is dropped."""
REMEMBERED_MS = 600_000
"""The learner knows of an exposure within a second; where it stands still, what comes
beyond a cap is counted when it goes on."""
_MOST_TIMES = 32

_Key = tuple[str, str]


class RecentExposures:
    """One a process."""

    def __init__(self) -> None:
        self._times: OrderedDict[_Key, tuple[int, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, unit_id: str, trail: str, at_ms: int) -> None:
        """Remember that a person was shown what the caps of a trail count."""
        key = unit_id, trail
        with self._lock:
            self._times[key] = (*self._times.get(key, ()), at_ms)[-_MOST_TIMES:]
            self._times.move_to_end(key)
            if len(self._times) > REMEMBERED:
                self._times.popitem(last=False)

    def unknown(
        self,
        unit_id: str,
        trail: str,
        known: Sequence[Entry],
        from_ms: int,
        now_ms: int,
    ) -> int:
        """Return how many exposures since a time the learner does not know yet."""
        times = self._times.get((unit_id, trail))
        if not times:
            return 0
        since_ms = max(from_ms, now_ms - REMEMBERED_MS)
        return sum(
            at_ms >= since_ms
            and not any(entry.from_ms <= at_ms <= entry.at_ms for entry in known)
            for at_ms in times
        )
