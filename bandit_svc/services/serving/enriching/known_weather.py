"""The weather that a process knows, and the places that it was asked for.

Owns the memory that a request reads: no request asks a source, or reads a file. What is
in it comes from `storage.weather`, behind the requests' back. Thread-safe.
"""

import threading
from collections.abc import Mapping

from bandit_svc.domain.enriching.skies import Observed, Place

MOST_ASKED = 1_000
"""Places that one process asks for in a day; more are not known."""


class KnownWeather:
    """One a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Mapping[Place, Observed] = {}
        self._asked: set[Place] = set()
        self._day = 0

    def of(self, place: Place) -> Observed | None:
        """Return the weather of a place, None where it is not known (yet)."""
        if place not in self._asked and len(self._asked) < MOST_ASKED:
            with self._lock:
                self._asked.add(place)
        return self._known.get(place)

    def learn(self, known: Mapping[Place, Observed]) -> None:
        """Know what a process has found out."""
        self._known = known

    def asked(self, day: int) -> frozenset[Place]:
        """Return the places that were asked for since the last call of another day."""
        with self._lock:
            found = frozenset(self._asked)
            if day != self._day:
                self._day, self._asked = day, set()
            return found
