"""Facts that come after newer ones of the same person.

Owns which persons have such facts, and their states anew from all of their facts in
order. The event log has a partition for each worker, and one may lag; the state must be
the same as if none did.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from bandit_svc.domain.people.unit_fact import KeptFact, UnitChange, UnitExposure
from bandit_svc.domain.people.unit_state import UnitState
from bandit_svc.services.people.unit_states import UnitStates
from bandit_svc.storage.units import UnitFactRow, UnitFacts, Units

MOST_FACTS: Final = 200_000
"""Of one person; with more, late facts are applied as they come. A state made anew
costs some 20 us a fact."""


class ReadStates:
    """States as they were before a round of facts; each is read once."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._read: dict[str, UnitState | None] = {}

    def state(self, unit_id: str) -> UnitState | None:
        """Return the state of a person by any of their ids."""
        if unit_id not in self._read:
            self._read[unit_id] = self._units.state(unit_id)
        return self._read[unit_id]


class _Nothing:
    """Knows no state."""

    def state(self, unit_id: str) -> UnitState | None:
        del unit_id
        return None


class Anew(msgspec.Struct):
    """States that were made anew.

    Attributes:
        ids: of the persons, whose facts of the round are in it.
        states: one a person.
        links_refused: more than before, at least 0.
        overshoot: what to add to the counts, which may be less than 0.
    """

    ids: set[str]
    states: list[UnitState]
    links_refused: int = 0
    overshoot: dict[tuple[str, str], int] = {}


NOTHING_ANEW: Final = Anew(set(), [])


def in_order(rows: Iterable[UnitFactRow]) -> list[UnitFactRow]:
    """Return facts in the order of receipt; of one moment, by partition and place.

    A partition is read from its begin to its end, so that positions keep its order.
    """
    return sorted(rows, key=lambda row: (row.fact.at_ms, row.source, row.position))


def anew(
    facts: UnitFacts, before: ReadStates, rows: Sequence[UnitFactRow], after: int
) -> Anew:
    """Return the states of persons of whom a fact is late.

    Args:
        facts: all of them.
        before: the states as they are kept.
        rows: the facts of a round.
        after: the position that the kept states follow from.
    """
    late = _late_ids(before, rows)
    if not late:
        return NOTHING_ANEW
    last = max(row.position for row in rows)
    ids, found = _with_all_facts(facts, before, rows, late, last)
    if len(found) > MOST_FACTS:
        return NOTHING_ANEW
    new = _folded(found)
    refused, overshoot = new.links_refused, Counter(new.overshoot)
    if refused or any(isinstance(row.fact, UnitExposure) for row in found):
        old = _folded(row for row in found if row.position <= after)
        refused = max(0, refused - old.links_refused)
        overshoot.subtract(old.overshoot)
    return Anew(ids, list(new.touched()), refused, dict(overshoot))


def named(fact: KeptFact) -> tuple[str, ...]:
    """Return the ids that a fact names; none where it was erased."""
    if not fact.unit_id:
        return ()
    links = fact.links if isinstance(fact, UnitChange) else ()
    return (fact.unit_id, *links)


def _late_ids(before: ReadStates, rows: Sequence[UnitFactRow]) -> list[str]:
    """Return the ids of a round of whose person a newer fact may be in the state."""
    firsts: dict[str, int] = {}
    consents: set[str] = set()
    for row in rows:
        fact = row.fact
        at_ms = fact.at_ms
        for id_ in named(fact):
            first = firsts.get(id_)
            if first is None or at_ms < first:
                firsts[id_] = at_ms
        if isinstance(fact, UnitChange) and fact.consent is not None:
            consents.add(fact.unit_id)
    late: list[str] = []
    for id_, at_ms in firsts.items():
        state = before.state(id_)
        if state is None:
            continue
        # Of a person who denies consent, events leave no trace in the state.
        unsure = id_ in consents and state.consent == "denied"
        if at_ms <= state.last_ms or unsure:
            late.append(id_)
    return late


def _with_all_facts(
    facts: UnitFacts,
    before: ReadStates,
    rows: Sequence[UnitFactRow],
    late: Iterable[str],
    last: int,
) -> tuple[set[str], list[UnitFactRow]]:
    """Return the ids of the persons and of whom they are linked to, and their facts."""
    naming: defaultdict[str, list[UnitFactRow]] = defaultdict(list)
    for row in rows:
        for id_ in named(row.fact):
            naming[id_].append(row)
    ids: set[str] = set()
    found: dict[int, UnitFactRow] = {}
    waiting = list(late)
    while waiting and len(found) <= MOST_FACTS:
        id_ = waiting.pop()
        if id_ in ids:
            continue
        ids.add(id_)
        state = before.state(id_)
        waiting += () if state is None else state.ids
        own = facts.of_unit(id_, last)
        found |= {row.position: row for row in own}
        waiting += _all_named((*own, *naming[id_]))
    return ids, list(found.values())


def _all_named(rows: Iterable[UnitFactRow]) -> Iterator[str]:
    for row in rows:
        yield from named(row.fact)


def _folded(rows: Iterable[UnitFactRow]) -> UnitStates:
    states = UnitStates(_Nothing())
    for row in in_order(rows):
        states.apply(row)
    return states
