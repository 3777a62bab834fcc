"""Forget what is known of units that were not seen for long.

Owns the sweep: once a day the states are looked through for old ones, then the stored
decisions in slices, since a unit that comes back is seen by its decisions too. A
process that is killed begins its sweep again.
"""

from typing import Final

from bandit_svc.domain.limits import DAY_MS
from bandit_svc.domain.times import has_passed
from bandit_svc.storage.privacy import Privacy
from bandit_svc.storage.units import Units

SLICE: Final = 2_000
"""Decisions of a step, so that a tick takes no longer for it."""
MOST_AT_ONCE: Final = 10_000
"""Persons of a sweep; the others are forgotten by the next one."""


class Retention:
    """The sweep of one learner."""

    def __init__(self, units: Units, privacy: Privacy, keep_ms: int) -> None:
        """Begin with nothing in memory.

        Args:
            units: the states.
            privacy: of the same store.
            keep_ms: how long after a unit was last seen; 0 for ever.
        """
        self._units = units
        self._privacy = privacy
        self._keep_ms = keep_ms
        self._begun_ms: int | None = None
        self._row_id = 0
        self._persons: dict[str, tuple[str, ...]] = {}
        """All ids of those that may be forgotten, by each of their ids."""

    def step(self, now_ms: int) -> int:
        """Go one slice on; return how many persons were forgotten.

        Those that have denied consent are kept: their denial must hold, and nobody
        knows when they were seen.
        """
        if not self._keep_ms:
            return 0
        oldest_ms = now_ms - self._keep_ms
        if not self._persons:
            if not has_passed(DAY_MS, self._begun_ms, now_ms):
                return 0
            self._begun_ms, self._row_id = now_ms, 0
            found = self._units.last_seen_before(oldest_ms, MOST_AT_ONCE)
            self._persons = {id_: one.ids for one in found for id_ in one.ids}
            if not found:
                return 0
        slice_ = self._privacy.seen_after(self._row_id, oldest_ms, SLICE)
        self._row_id = slice_.row_id
        for id_ in slice_.ids & self._persons.keys():
            for other in self._persons.get(id_, ()):
                self._persons.pop(other, None)
        if not slice_.is_last:
            return 0
        persons = set(self._persons.values())
        ids = list(self._persons)
        self._persons = {}
        self._privacy.forget_facts(ids)
        self._units.forget(ids)
        return len(persons)
