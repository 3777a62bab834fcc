"""How far from the usual a reward counts, so that an absurd one can't turn a policy.

Owns the middle of the last rewards and the usual distance from it. Where most rewards
are equal, such as 0 for a visitor who buys nothing, the usual distance is that of the
others: the median order. Medians of the last values: up to half of them may be
absurd. Where rare rewards are much larger than frequent ones, the running deviation
knows of them and lets them count. All is a function of the learned rewards in order.
"""

import math
from bisect import bisect_left, insort

import msgspec

from policies.moments import Moments

LAST = 31
"""Rewards, and distances that are not 0, that the medians are of."""

FIRST = 5
"""Distances until the usual one is known; up to two may be absurd."""

REACH = 5.0
"""In usual distances from the middle. A reward further out counts as this far, if it is
further out than DEVIATIONS too."""

DEVIATIONS = 10.0
"""In running deviations, which know of rewards as rare as one in DEVIATIONS ** 2."""


class Window(msgspec.Struct, array_like=True):
    """The last values, in their order and by size."""

    last: list[float] = msgspec.field(default_factory=list)
    ordered: list[float] = msgspec.field(default_factory=list)

    def add(self, value: float) -> None:
        """Add a value; the oldest of more than LAST goes."""
        self.last.append(value)
        insort(self.ordered, value)
        if len(self.last) > LAST:
            gone = self.last.pop(0)
            del self.ordered[bisect_left(self.ordered, gone)]

    @property
    def middle(self) -> float:
        """The median; the lower one of two."""
        return self.ordered[(len(self.ordered) - 1) // 2]


class Typical(msgspec.Struct, array_like=True):
    """The windows of rewards and of their distances that are not 0.

    Attributes:
        moments: of the rewards as far as they count.
        known: the number of distances so far, at most FIRST.
        least, largest: of the rewards until FIRST distances are known.
    """

    rewards: Window = msgspec.field(default_factory=Window)
    distances: Window = msgspec.field(default_factory=Window)
    moments: Moments = msgspec.field(default_factory=Moments)
    known: int = 0
    least: float = math.inf
    largest: float = -math.inf

    def bounded(self, reward: float) -> float:
        """Return a reward, cut where it is absurdly far from the last ones."""
        if self.known < FIRST:
            return reward
        middle, usual = self.rewards.middle, self.distances.middle
        most = max(REACH * usual, DEVIATIONS * self.moments.deviation)
        return min(max(reward, middle - most), middle + most)

    def learn(self, reward: float) -> bool:
        """Take in a reward, and return whether those before it were absurd.

        The first few distances can't be cut, since nothing is known to compare them
        with. With the last of them it is known whether one was absurd; whoever learned
        from it had better begin again.
        """
        self.moments.learn(self.bounded(reward), DEVIATIONS)
        self.rewards.add(reward)
        middle = self.rewards.middle
        distance = abs(reward - middle)
        if distance > 0.0:
            self.distances.add(distance)
        if self.known >= FIRST:
            return False
        self.least = min(self.least, reward)
        self.largest = max(self.largest, reward)
        self.known += distance > 0.0
        if self.known < FIRST:
            return False
        limit = REACH * REACH * self.distances.middle
        absurd = max(middle - self.least, self.largest - middle) > limit
        if absurd:
            self.moments = Moments()
        return absurd
