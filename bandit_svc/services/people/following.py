"""Facts applied to the states of units, up to the newest.

Owns the learner's step for units: facts in the order of their receipt, states and
position in one transaction, so that a kill repeats work and counts nothing twice.
"""

from collections import Counter

import msgspec

from bandit_svc.domain.times import Deadline
from bandit_svc.services.people.order.late_facts import (
    ReadStates,
    anew,
    in_order,
    named,
)
from bandit_svc.services.people.unit_states import UnitStates
from bandit_svc.storage.units import UnitFacts, Units

FACTS_AT_ONCE = 1_000


class Followed(msgspec.Struct):
    """The work of one call; `more` is true if facts may be left.

    `forgotten` are the persons whose state has become too old; `overshoot` are
    exposures that came though a cap was full, by programme and the words of the cap.
    """

    facts: int = 0
    links_refused: int = 0
    forgotten: int = 0
    overshoot: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    more: bool = False


def follow(
    facts: UnitFacts,
    units: Units,
    time_is_up: Deadline = lambda: False,
    last: int | None = None,
) -> Followed:
    """Apply the facts behind the states' position, until the time is up.

    Args:
        facts: all of them.
        units: their states.
        time_is_up: asked after each round of 1,000 facts.
        last: the position of the last fact to apply; the newest if None.
    """
    done = Followed()
    position = units.position()
    while True:
        rows = facts.after(position, FACTS_AT_ONCE)
        if last is not None:
            rows = [row for row in rows if row.position <= last]
        if not rows:
            return done
        before = ReadStates(units)
        late = anew(facts, before, rows, position)
        states = UnitStates(before)
        for row in in_order(rows):
            if not late.ids or late.ids.isdisjoint(named(row.fact)):
                states.apply(row)
        after, position = position, rows[-1].position
        touched = (*states.touched(), *late.states)
        overshoot = Counter(states.overshoot)
        overshoot.update(late.overshoot)
        if not units.save(touched, after, position, overshoot):
            # They were replaced meanwhile; the next call begins where they are now.
            done.more = True
            return done
        done.facts += len(rows)
        done.links_refused += states.links_refused + late.links_refused
        done.overshoot += overshoot
        if time_is_up():
            done.more = True
            return done
