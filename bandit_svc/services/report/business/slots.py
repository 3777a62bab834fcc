"""What each slot of an experiment's pages earned.

Owns the rows. A page is one decision in every other number of the report; here its
slots are counted apart, with what was reported for each.
"""

from collections.abc import Iterable

import msgspec

from bandit_svc.domain.experiment import BASELINE, TREATMENT
from bandit_svc.storage.slots.tallies import SlotTally

MOST_NAMED = 10


class SlotVariant(msgspec.Struct, frozen=True):
    """A variant in a slot of the treatment's pages; `share` is of these."""

    variant: str
    n: int
    share: float
    mean: float


class SlotRow(msgspec.Struct, frozen=True):
    """One slot of the joined pages.

    Attributes:
        slot: its number from the top; 0 for what was reported for the whole page.
        shown: pages of the treatment that had the slot.
        mean: reward of the slot on these.
        baseline_shown, baseline_mean: the same in the holdout.
        value: the mean less that of the holdout's slot; null while one is not known.
        variants: those that stood there most often, at most ten.
    """

    slot: int
    shown: int
    mean: float | None
    baseline_shown: int
    baseline_mean: float | None
    value: float | None
    variants: tuple[SlotVariant, ...]


def slot_rows(tallies: Iterable[SlotTally]) -> tuple[SlotRow, ...]:
    """Return a row for each slot, from the top; none without pages."""
    of_slot: dict[int, list[SlotTally]] = {}
    for tally in tallies:
        of_slot.setdefault(tally.slot, []).append(tally)
    return tuple(_row(slot, of_slot[slot]) for slot in sorted(of_slot))


def _row(slot: int, tallies: list[SlotTally]) -> SlotRow:
    treated = [tally for tally in tallies if tally.group == TREATMENT]
    shown, mean = _mean(treated)
    baseline_shown, baseline_mean = _mean(
        [tally for tally in tallies if tally.group == BASELINE]
    )
    value = None
    if mean is not None and baseline_mean is not None:
        value = mean - baseline_mean
    often = sorted(treated, key=lambda one: (-one.n, one.variant))[:MOST_NAMED]
    variants = tuple(
        SlotVariant(one.variant, one.n, one.n / shown, one.total / one.n)
        for one in often
        if slot
    )
    return SlotRow(slot, shown, mean, baseline_shown, baseline_mean, value, variants)


def _mean(tallies: list[SlotTally]) -> tuple[int, float | None]:
    n = sum(tally.n for tally in tallies)
    return n, sum(tally.total for tally in tallies) / n if n else None
