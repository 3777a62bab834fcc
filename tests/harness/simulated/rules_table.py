"""A caller whose own system follows a table of rules, with some noise.

The rules name one variant for each device and segment. Its reward is `high` where the
variant is the best one of its cell, else `low`. With `noise` a variant is drawn at
random instead, with all of them alike.
"""

import itertools
import random
from collections.abc import Mapping
from typing import NamedTuple

from bandit_svc.services.serving.decide import Decided
from tests.harness.service import Service

KEYS = ("a", "b", "c")
DEVICES = ("mobile", "desktop", "tablet")
SEGMENTS = ("new", "old", "vip")
Cell = tuple[str, str]


class Played(NamedTuple):
    """One round: what was decided, and the expected reward of the likeliest variant."""

    decided: Decided
    policy_value: float
    agrees: bool


class RulesTable:
    """The world; `best` may be changed, as may `rules`.

    Attributes:
        given: whether the caller knows its chances.
        told: what it says of a chance, if not the chance itself.
        visits: decisions of one unit.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        noise: float = 0.04,
        low: float = 0.1,
        high: float = 0.4,
        given: bool = True,
        visits: int = 1,
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a seeded test
        cells = list(itertools.product(DEVICES, SEGMENTS))
        shuffled = [KEYS[i % len(KEYS)] for i in range(len(cells))]
        self.random.shuffle(shuffled)
        self.rules: dict[Cell, str] = dict(zip(cells, shuffled, strict=True))
        self.best: Mapping[Cell, str] = dict(self.rules)
        self.noise, self.low, self.high = noise, low, high
        self.given, self.visits = given, visits
        self.told: float | None = None
        self._unit, self._left, self._luck = 0, 0, 0.0
        self._cell: Cell = cells[0]

    def value(self, cell: Cell, key: str) -> float:
        """Return the expected reward of a variant."""
        return self.high if key == self.best[cell] else self.low

    def chance(self, cell: Cell, key: str) -> float:
        """Return the chance with which the caller shows a variant."""
        even = self.noise / len(KEYS)
        return even + (1 - self.noise) * (key == self.rules[cell])

    def play(self, service: Service, count: int, *, live: bool = False) -> list[Played]:
        """Play rounds; windows stay open until the service matures."""
        return [self._round(service, live=live) for _ in range(count)]

    def _round(self, service: Service, *, live: bool) -> Played:
        service.now_ms += 5
        if not self._left:
            self._unit, self._left = self._unit + 1, self.visits
            self._cell = self.random.choice(list(self.rules))
            self._luck = self.random.random()
        self._left -= 1
        cell = self._cell
        device, segment = cell
        context = {
            "device": device,
            "segment": segment,
            "hour": self.random.randrange(24),
        }
        key = self.rules[cell]
        if self.random.random() < self.noise:
            key = self.random.choice(KEYS)
        chance = self.told or self.chance(cell, key)
        decided = service.decide(
            service.workers[self._unit % 2],
            unit_id=f"u{self._unit}",
            context=context,
            shown=None if live else key,
            shown_propensity=chance if self.given and not live else None,
        )
        decision = decided.decision
        # Units that come back are alike in their luck.
        luck = self.random.random() if self.visits == 1 else self._luck
        if luck < self.value(cell, decision.variant):
            service.reward(decided)
        pmf = decision.treatment_pmf or ()
        values = [self.value(cell, key) for key in decision.variants]
        expected = sum(p * v for p, v in zip(pmf, values, strict=True))
        likeliest = decision.variants[max(range(len(pmf)), key=pmf.__getitem__)]
        return Played(decided, expected, likeliest == decision.variant)
