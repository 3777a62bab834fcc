"""Joined pages as the joined decisions that their slots are.

Owns how a page is read by whatever takes joined decisions one by one: policies learn
from its slots, and estimates weigh them. Each slot is a decision in the joined order at
the place of its page. Sums of the uplift take whole pages instead.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.slots.places import slot_decisions
from bandit_svc.domain.slots.rewards import earned_reward, learned_reward
from bandit_svc.storage.rows import JoinedRow


def by_slot(
    rows: Sequence[JoinedRow], definition_at: Callable[[int], Definition | None]
) -> list[JoinedRow]:
    """Return joined decisions with the slots of a page in its place.

    Args:
        rows: in the joined order.
        definition_at: the definition of a revision; its pages are left out where it is
            not known.
    """
    if all(row.decision.slots is None for row in rows):
        return list(rows)
    found: list[JoinedRow] = []
    for row in rows:
        if row.decision.slots is None:
            found.append(row)
            continue
        definition = definition_at(row.decision.revision)
        if definition is None or row.slots is None:
            continue
        found += [
            replace(
                row,
                decision=slot,
                reward=learned_reward(row.slots, number, definition.reward),
                # What was pinned, or left alone, was no choice.
                learnable=row.learnable and len(slot.variants) > 1,
                place=number,
            )
            for number, slot in enumerate(slot_decisions(row.decision), 1)
        ]
    return found


def part_of_page(row: JoinedRow) -> float:
    """Return what a row adds to its page; of one that is no slot, its reward."""
    return row.reward if row.slots is None else earned_reward(row.slots, row.place)
