"""Persons, as a decision sees them.

Owns the one read of a unit's state that a decision makes, only where the experiment or
a link asks for it. Thread-safe.
"""

from collections.abc import Mapping

import msgspec

from bandit_svc.domain.people.feature import UnitFeature
from bandit_svc.domain.people.trail import Scalar
from bandit_svc.domain.people.unit_state import UnitState, linked, unit_features
from bandit_svc.errors import Unavailable
from bandit_svc.storage.units import Units

LOOK_EVERY_MS = 100
"""How often a process asks whether states must be read."""


class Person(msgspec.Struct, frozen=True):
    """Who a decision is made for.

    Attributes:
        unit_id: the oldest id of the person, which decides the group.
        features: those declared, without those of which no event counts.
        unread: what is known of the unit could not be read.
        denied: consent is, by any of the ids.
        state: what is known of the person, where it was read.
    """

    unit_id: str
    features: Mapping[str, Scalar] = {}
    unread: bool = False
    denied: bool = False
    state: UnitState | None = None


class Persons:
    """One a process."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self._must_be_read = False
        self._looked_ms: int | None = None

    def of(
        self,
        unit_id: str,
        declared: Mapping[str, UnitFeature],
        now_ms: int,
        links: tuple[str, ...] = (),
        *,
        wanted: bool = False,
    ) -> Person:
        """Return the person of an id, with the declared features at a time.

        Where the state can't be read, the choice is made without it: the page must not
        fail for it.

        Args:
            unit_id: that the request names.
            declared: the features.
            now_ms: the time.
            links: other ids of the person, that the request names too. Where nothing
                is known of any, the first of them is the oldest.
            wanted: the state is read whatever else asks for it.
        """
        try:
            is_read = declared or links or wanted or self.are_read(now_ms)
            if not is_read:
                return Person(unit_id)
            state = self._state((*links, unit_id))
        except Unavailable:
            return Person(unit_id, unread=True)
        if state is None:
            return Person((*links, unit_id)[0])
        if state.consent == "denied":
            return Person(state.unit_id, denied=True, state=state)
        if not declared:
            return Person(state.unit_id, state=state)
        features = unit_features(state, declared, now_ms)
        return Person(state.unit_id, features, state=state)

    def _state(self, ids: tuple[str, ...]) -> UnitState | None:
        """Return the state of ids that are one person; None if nothing is known."""
        if len(ids) == 1:
            return self.units.state(ids[0])
        found = [state for state in map(self.units.state, ids) if state is not None]
        known = {state.unit_id: state for state in found}
        if len(known) < 2:  # noqa: PLR2004 - nothing to link
            return next(iter(known.values()), None)
        return linked(sorted(known.values(), key=lambda state: state.first_ms))

    def are_read(self, now_ms: int) -> bool:
        """Return whether states must be read, as of at most 100 ms ago.

        So it is too where nobody can say: whoever reads one then learns that.
        """
        looked_ms = self._looked_ms
        if looked_ms is None or not 0 <= now_ms - looked_ms < LOOK_EVERY_MS:
            try:
                self._must_be_read = self.units.must_be_read()
            except Unavailable:
                return True
            self._looked_ms = now_ms
        return self._must_be_read
