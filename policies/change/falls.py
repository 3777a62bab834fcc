"""Detect that rewards have fallen below their predictions.

Owns the test. A policy that follows a change too late is one that expects too much of
what it chooses, so that a fall is what a change looks like to it. Where everything
rises there is nothing to lose.

    wealth     W_l <- max(W_l, 1) * exp(l x - l^2 (x^2 / 6 + 1 / 3)),  l of STAKES
    a fall     the mean of the W_l reaches NEEDED

x is -(e + TOLERANCE), and e a reward less its prediction, in deviations of the noise.
Each W_l is a bet that x is above 0. While it isn't, the bet loses on average whatever
the shape of the rewards, if their variance is 1 (Delyon 2009); so the examples until a
false alarm are at least NEEDED on average (Shin, Ramdas and Rinaldo 2023, e-detectors).
Predictions may be too high by TOLERANCE: those of chosen actions are a little, since
what was overrated is chosen.
"""

import math

import msgspec

STAKES = (0.05, 0.1, 0.2, 0.4)
TOLERANCE = 0.05
NEEDED = 1e4

WARM_UP_COUNT = 300
"""Examples from a beginning until the predictions are worth a test."""


class Falls(msgspec.Struct):
    """The wealths, and the examples since the test began and since they were all 1.

    Attributes:
        wealths: of each of STAKES.
        count: examples since the beginning or the last fall.
        rising: examples since no wealth was above 1.
    """

    wealths: list[float] = msgspec.field(default_factory=lambda: [1.0] * len(STAKES))
    count: int = 0
    rising: int = 0

    def add(self, error: float) -> bool:
        """Take in an error and return whether rewards have fallen.

        Args:
            error: a reward less its prediction from before it was known, in deviations
                of the noise.
        """
        self.count += 1
        if self.count <= WARM_UP_COUNT:
            return False
        gap = -(error + TOLERANCE)
        spread = gap * gap / 6.0 + 1.0 / 3.0
        self.wealths = [
            max(wealth, 1.0) * math.exp(stake * gap - stake * stake * spread)
            for stake, wealth in zip(STAKES, self.wealths, strict=True)
        ]
        self.rising = self.rising + 1 if max(self.wealths) > 1.0 else 0
        return sum(self.wealths) >= NEEDED * len(STAKES)
