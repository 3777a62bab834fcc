"""How often the intervals of pages hold what another policy is truly worth.

Owns the logs: six rows in three slots, shown at random, by viewers who come once. The
target policy prefers what a viewer has a taste for; its value is enumerated.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.slates.pages import Pages
from bandit_svc.ope.slates.values import CASCADE, slate_values
from simulators.worlds.home_page import TASTES, HomePage, Visit, uniform

PLACE = HomePage(
    ("trending", "documentaries", "nature", "series", "sport", "comedy"), 3
)
LOGS, PAGES = 100, 1_000
ONE_LOOK = 1.96
PREFERRED = 2.5
"""How much likelier than the others a row is that the viewer has a taste for."""


class Coverage(NamedTuple):
    """Of how many logs the interval held the truth."""

    held: int
    logs: int
    truth: float

    def __str__(self) -> str:
        return (
            f"Intervals of a policy by tastes, cascade, {PAGES:,} pages at random: "
            f"{self.held} of {self.logs} logs hold its true value, {self.truth:.4f}."
        )


def by_tastes(
    visit: Visit, above: tuple[str, ...], left: tuple[str, ...]
) -> Sequence[float]:
    """Prefer rows that the viewer has a taste for at this hour."""
    del above
    tastes = TASTES[visit.viewer, visit.part]
    weights = np.array([PREFERRED if row in tastes else 1.0 for row in left])
    return list(weights / weights.sum())


def coverage(seed: int, logs: int = LOGS) -> Coverage:
    """Draw logs, and count the intervals that hold the truth."""
    truth, held = PLACE.mean_value(by_tastes), 0
    for log in range(logs):
        pages = logged(PAGES, np.random.default_rng([seed, log]))
        interval = slate_values(pages, ONE_LOOK)[CASCADE].value.interval
        low, high = interval.lower, interval.upper
        held += low is not None and high is not None and low <= truth <= high
    return Coverage(held, logs, truth)


def logged(pages: int, rng: np.random.Generator) -> Pages:
    """Draw pages that were shown at random, with the target's ratios."""
    slots = PLACE.slots
    ratios, rewards = np.ones((pages, slots)), np.zeros((pages, slots))
    for page in range(pages):
        visit = PLACE.draw_visit(rng)
        slate = PLACE.draw_slate(visit, uniform, rng)
        for slot in range(slots):
            above = slate[:slot]
            left = tuple(row for row in PLACE.rows if row not in above)
            target = by_tastes(visit, above, left)[left.index(slate[slot])]
            ratios[page, slot] = target * len(left)
        played = PLACE.draw_play(visit, slate, rng)
        if played is not None:
            rewards[page, played] = 1.0
    return Pages.of(
        np.repeat(np.arange(pages), slots),
        np.tile(np.arange(slots), pages),
        rewards.ravel(),
        ratios.ravel(),
    )
