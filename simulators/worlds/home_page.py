"""A page of rows that are looked at from above, by viewers whose tastes change by hour.

Owns the chances of this world and the true value of a policy of slates in it, by
enumeration. A viewer looks at the first row, plays something or goes on to the next
one. So a row earns less below one that is played, and a row below one that is like it
earns half. A row that was on top at the last visit, and not played, has tired the
viewer: what a policy shows today changes what it earns tomorrow.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from policies.base import Context
from simulators.environment import FloatArray

ROWS = (
    "continue",
    "trending",
    "documentaries",
    "nature",
    "series",
    "kids",
    "sport",
    "comedy",
)
CONTINUE = "continue"
"""The row that may be shown only while something is unfinished."""
ALIKE = {
    "documentaries": "nature",
    "nature": "documentaries",
    "series": "comedy",
    "comedy": "series",
}
"""Rows that offer much of the same."""

VIEWERS = ("documentary", "series", "family", "sport")
PARTS = ("morning", "evening")
UNFINISHED = 0.5
"""The share of visits with something unfinished."""

BASE = {
    "continue": 0.30,
    "trending": 0.14,
    "documentaries": 0.04,
    "nature": 0.04,
    "series": 0.06,
    "kids": 0.02,
    "sport": 0.03,
    "comedy": 0.05,
}
"""The chance that a row is played by a viewer who looks at it."""
TASTES: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("documentary", "evening"): {"documentaries": 0.45, "nature": 0.22},
    ("documentary", "morning"): {"trending": 0.30, "comedy": 0.20},
    ("series", "evening"): {"series": 0.40, "comedy": 0.15},
    ("series", "morning"): {"trending": 0.25, "series": 0.12},
    ("family", "morning"): {"kids": 0.45, "comedy": 0.12},
    ("family", "evening"): {"series": 0.20, "nature": 0.20},
    ("sport", "evening"): {"sport": 0.45, "trending": 0.15},
    ("sport", "morning"): {"sport": 0.20, "trending": 0.30},
}
"""The chances that differ from BASE."""
GOES_ON = 0.85
"""The chance that a viewer who does not play a row looks at the next one."""
BELOW_ALIKE = 0.5
TIRED = 0.4
"""What a row's chance is multiplied by below one like it, and where it has tired."""

Pmf = Callable[["Visit", tuple[str, ...], tuple[str, ...]], Sequence[float]]
"""A policy: the chances of the rows that are left, given the rows above."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known when a page is put together.

    Attributes:
        viewer: one of VIEWERS.
        part: one of PARTS, of the day.
        unfinished: `continue` may be shown.
        tired: the row that has tired the viewer, or None.
    """

    viewer: str
    part: str
    unfinished: bool
    tired: str | None = None

    def eligible(self, rows: Sequence[str]) -> tuple[str, ...]:
        """Return the rows that may be shown, in their order."""
        return tuple(row for row in rows if row != CONTINUE or self.unfinished)

    def context(self) -> Context:
        """Return the context of a request for this page."""
        return {
            "viewer": self.viewer,
            "part": self.part,
            # Tastes change by the hour, and are learned sooner by the two together.
            "moment": f"{self.viewer} {self.part}",
            "unfinished": self.unfinished,
            "tired": self.tired or "nothing",
        }


@dataclass(frozen=True)
class HomePage:
    """The world: which rows there are, and how many places for them."""

    rows: tuple[str, ...] = ROWS
    slots: int = 5

    def draw_visit(self, rng: np.random.Generator, tired: str | None = None) -> Visit:
        """Draw a visit of a new viewer."""
        viewer = VIEWERS[rng.integers(len(VIEWERS))]
        return self.next_visit(viewer, tired, rng)

    def next_visit(
        self, viewer: str, tired: str | None, rng: np.random.Generator
    ) -> Visit:
        """Draw a visit of a known viewer."""
        part = PARTS[rng.integers(len(PARTS))]
        return Visit(viewer, part, bool(rng.random() < UNFINISHED), tired)

    def looked_at(self, visit: Visit, slate: Sequence[str]) -> FloatArray:
        """Return the chance that each row of a slate is looked at, shape (slots,)."""
        plays = self._plays(visit, slate)
        goes_on = np.cumprod((1.0 - plays) * GOES_ON)
        return np.concatenate(([1.0], goes_on[:-1]))

    def played(self, visit: Visit, slate: Sequence[str]) -> FloatArray:
        """Return the chance that each row of a slate is played, shape (slots,)."""
        return self.looked_at(visit, slate) * self._plays(visit, slate)

    def draw_play(
        self, visit: Visit, slate: Sequence[str], rng: np.random.Generator
    ) -> int | None:
        """Draw which slot is played, from 0; None for none."""
        chances = self.played(visit, slate).cumsum()
        at = int(np.searchsorted(chances, rng.random(), side="right"))
        return at if at < len(slate) else None

    def slates(self, visit: Visit, pmf: Pmf) -> Iterator[tuple[tuple[str, ...], float]]:
        """Yield each slate that a policy can show at a visit, with its chance."""
        yield from self._below(visit, pmf, (), 1.0)

    def value(self, visit: Visit, pmf: Pmf) -> float:
        """Return the true chance of a play at a visit, by enumeration."""
        return sum(
            chance * float(self.played(visit, slate).sum())
            for slate, chance in self.slates(visit, pmf)
        )

    def best(self, visit: Visit) -> tuple[tuple[str, ...], float]:
        """Return the slate that is best at this visit, and its chance of a play."""
        slates = itertools.permutations(visit.eligible(self.rows), self.slots)
        worth = {slate: float(self.played(visit, slate).sum()) for slate in slates}
        slate = max(worth, key=worth.__getitem__)
        return slate, worth[slate]

    def mean_value(self, pmf: Pmf, visits: int = 1) -> float:
        """Return the true mean value of a policy over the first visits of a viewer.

        It is exact: the chances of what tires a viewer are carried from visit to visit.
        """
        return float(
            np.mean([self._mean_of(viewer, pmf, visits) for viewer in VIEWERS])
        )

    def played_mean(
        self, pmf: Pmf, viewers: int, visits: int, rng: np.random.Generator
    ) -> float:
        """Play a policy; return the share of pages of which something was played."""
        plays = 0
        for _ in range(viewers):
            visit = self.draw_visit(rng)
            for _ in range(visits):
                slate = self.draw_slate(visit, pmf, rng)
                played = self.draw_play(visit, slate, rng)
                plays += played is not None
                visit = self.next_visit(visit.viewer, next_tired(slate, played), rng)
        return plays / (viewers * visits)

    def draw_slate(
        self, visit: Visit, pmf: Pmf, rng: np.random.Generator
    ) -> tuple[str, ...]:
        """Draw a page, slot by slot."""
        slate: tuple[str, ...] = ()
        while len(slate) < self.slots:
            left = tuple(row for row in visit.eligible(self.rows) if row not in slate)
            chances = np.cumsum(pmf(visit, slate, left))
            at = int(np.searchsorted(chances, rng.random(), side="right"))
            slate = (*slate, left[min(at, len(left) - 1)])
        return slate

    def _mean_of(self, viewer: str, pmf: Pmf, visits: int) -> float:
        shares: dict[str | None, float] = {None: 1.0}
        known: dict[str | None, tuple[float, dict[str | None, float]]] = {}
        total = 0.0
        for _ in range(visits):
            after: dict[str | None, float] = {}
            for tired, share in shares.items():
                if tired not in known:
                    known[tired] = self._step(viewer, tired, pmf)
                value, leads_to = known[tired]
                total += share * value
                for row, chance in leads_to.items():
                    after[row] = after.get(row, 0.0) + share * chance
            shares = after
        return total / visits

    def _step(
        self, viewer: str, tired: str | None, pmf: Pmf
    ) -> tuple[float, dict[str | None, float]]:
        """Return the mean value of a visit, and the chances of what tires next."""
        value, leads_to = 0.0, dict[str | None, float]()
        for part, unfinished in itertools.product(PARTS, (True, False)):
            share = (UNFINISHED if unfinished else 1.0 - UNFINISHED) / len(PARTS)
            visit = Visit(viewer, part, unfinished, tired)
            for slate, chance in self.slates(visit, pmf):
                plays = self.played(visit, slate)
                weight = share * chance
                value += weight * float(plays.sum())
                for row, leads in ((slate[0], 1.0 - plays[0]), (None, plays[0])):
                    leads_to[row] = leads_to.get(row, 0.0) + weight * float(leads)
        return value, leads_to

    def _below(
        self, visit: Visit, pmf: Pmf, above: tuple[str, ...], chance: float
    ) -> Iterator[tuple[tuple[str, ...], float]]:
        if len(above) == self.slots:
            yield above, chance
            return
        left = tuple(row for row in visit.eligible(self.rows) if row not in above)
        for row, share in zip(left, pmf(visit, above, left), strict=True):
            if share > 0.0:
                yield from self._below(visit, pmf, (*above, row), chance * share)

    def _plays(self, visit: Visit, slate: Sequence[str]) -> FloatArray:
        """Return the chance that each row is played by who looks at it."""
        return np.array([self._attracts(visit, slate, k) for k in range(len(slate))])

    def _attracts(self, visit: Visit, slate: Sequence[str], slot: int) -> float:
        row = slate[slot]
        tastes = TASTES[visit.viewer, visit.part]
        chance = tastes.get(row, BASE[row])
        if ALIKE.get(row) in slate[:slot]:
            chance *= BELOW_ALIKE
        return chance * TIRED if row == visit.tired else chance


def uniform(
    visit: Visit, above: tuple[str, ...], left: tuple[str, ...]
) -> Sequence[float]:
    """Choose among the rows that are left with equal chances."""
    del visit, above
    return [1.0 / len(left)] * len(left)


def next_tired(slate: Sequence[str], played: int | None) -> str | None:
    """Return the row that has tired a viewer after a visit."""
    return None if played == 0 else slate[0]
