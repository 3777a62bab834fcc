"""States of units while facts are applied to them.

Owns what a fact does to the states of all the ids that it names. Each state is read
once and kept until all facts of a round are applied.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from bandit_svc.domain.people.unit_fact import UnitChange, UnitExposure
from bandit_svc.domain.people.unit_state import (
    MOST_IDS,
    UnitState,
    changed,
    linked,
    new_state,
    with_event,
    with_shown,
    without_trails,
)
from bandit_svc.domain.programmes.counted import exposures
from bandit_svc.storage.units import UnitFactRow


class KnownStates(Protocol):
    """The states before a round."""

    def state(self, unit_id: str) -> UnitState | None:
        """Return the state of a person by any of their ids; None if there is none."""


class UnitStates:
    """The states that a round of facts touches.

    Attributes:
        links_refused: links that were not made, since a person would have had over six
            ids: a device or an address that many people share.
    """

    def __init__(self, units: KnownStates) -> None:
        self._units = units
        self._states: dict[str, UnitState] = {}
        self._oldest: dict[str, str] = {}
        self.links_refused = 0
        self.overshoot: Counter[tuple[str, str]] = Counter()

    def apply(self, row: UnitFactRow) -> None:
        """Apply one fact."""
        fact = row.fact
        if not fact.unit_id:
            # Erased; see domain/people/erasing.py.
            return
        if isinstance(fact, UnitChange):
            if fact.links:
                self._link(fact, row.first_ms)
            state = changed(self._of(fact.unit_id, fact.at_ms), fact)
            self._keep(without_trails(state) if state.consent == "denied" else state)
            return
        state = self._of(fact.unit_id, fact.at_ms)
        if state.consent == "denied":
            return
        if isinstance(fact, UnitExposure):
            self._keep(self._shown(state, fact))
            return
        self._keep(with_event(state, fact))

    def touched(self) -> Iterable[UnitState]:
        """Return the states as they are now, one a person."""
        return self._states.values()

    def _shown(self, state: UnitState, exposure: UnitExposure) -> UnitState:
        """Return the state after an exposure; count the caps that were full."""
        for cap in exposure.caps:
            trail = state.trails.get(cap.trail, ())
            # Of two that came at once the one that is known first was within it.
            if exposures(trail, exposure.at_ms - cap.per_ms + 1) >= cap.max:
                self.overshoot[cap.programme, cap.words] += 1
        return with_shown(state, exposure)

    def _link(self, change: UnitChange, first_ms: Mapping[str, int]) -> None:
        """Make one person of the ids of a change."""
        # Where nothing is known of any, the first of the links is the oldest.
        ids = (*change.links, change.unit_id)
        persons: dict[str, UnitState] = {}
        known_from: dict[str, int | None] = {}
        for id_ in ids:
            state = self._known(id_)
            begun = [at for at in (first_ms.get(id_),) if at is not None]
            if state is not None:
                begun.append(state.first_ms)
            else:
                state = new_state(id_, change.at_ms)
            oldest = persons.setdefault(state.unit_id, state).unit_id
            earlier = known_from.get(oldest)
            begun += [earlier] if earlier is not None else []
            known_from[oldest] = min(begun, default=None)
        if sum(len(state.ids) for state in persons.values()) > MOST_IDS:
            self.links_refused += len(change.links)
            return
        by_age = sorted(
            persons,
            key=lambda id_: (known_from[id_] is None, known_from[id_] or 0),
        )
        states = [
            msgspec.structs.replace(
                persons[id_], first_ms=known_from[id_] or change.at_ms
            )
            for id_ in by_age
        ]
        for id_ in by_age:
            self._states.pop(id_, None)
        self._keep(linked(states))

    def _of(self, unit_id: str, at_ms: int) -> UnitState:
        return self._known(unit_id) or new_state(unit_id, at_ms)

    def _known(self, unit_id: str) -> UnitState | None:
        oldest = self._oldest.get(unit_id)
        if oldest is not None:
            return self._states[oldest]
        state = self._units.state(unit_id)
        if state is not None:
            # It may have been read, or linked, under another id of this round.
            known = self._oldest.get(state.unit_id)
            if known is not None:
                return self._states[known]
        return state

    def _keep(self, state: UnitState) -> None:
        self._states[state.unit_id] = state
        for id_ in state.ids:
            self._oldest[id_] = state.unit_id
