"""Bet on a mean from below, so that the winnings bound it at every look.

Owns the capital process that betting.py makes sequences of. For values y >= 0 whose
mean, given the past, is m, and a bet of size k > 0,

    product over rounds of (1 + k y) / (1 + k m)

is a nonnegative martingale that starts at 1: each factor is 1 + b (y - m) with
b = k / (1 + k m), a bet that can't lose everything. So is its average over sizes
under any prior, and by Ville's inequality that average ever reaches 1 / a with a
chance of at most a. A mean for which it did is refuted: it is too small.

Why in this form, and not with bets that adapt: the sum of log(1 + k y) does not
depend on m. Hence

* a state is one number a bet and a count; states of two streams add;
* the capital falls as m grows, so what is not refuted is an interval;
* if the mean changes from round to round (m_1, m_2 ...), the product over rounds of
  1 + k m_t is at most (1 + k mean(m_t))^n, since the logarithm is concave. So the
  mean of the means is covered too, for policies that learn.

References:
    Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by
    betting", JRSS-B 86(1), section 4; Orabona and Jun (2024), "Tight concentrations
    and confidence sequences from the regret of universal portfolio", IEEE Trans. Inf.
    Theory 70(1), for why a mixture is about as good as the best bet in hindsight.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import FloatArray

OPTIMISED_COUNT = 10_000
"""The number of rounds for which the likeliest bet is the best one."""
LOG_STEP = 0.5
LOG_REACH = 5.0
"""Bets go from exp(-5) to exp(5) of the likeliest, in steps of exp(0.5).

The best size is proportional to 1 / sqrt(rounds times variance), so that reaches from
1/22,000 to 22,000 times the expected product of the two.
"""
TAIL = 1.5
"""The prior of a bet falls with (1 + distance)^-TAIL in logarithms of size: heavy, so
that a variance misjudged by a factor of 50 costs no more than two nats."""
MOST_STEPS = 200
PRECISION = 1e-13
"""Of an end, as a share of the range; reached in at most 13 steps where measured."""
TYPICAL_LOG = 2 * math.log(2 / 0.05)


@dataclass(frozen=True, slots=True)
class Bets:
    """Sizes, prior, and what to add to the unknown mean; all (J,).

    Attributes:
        size: bets per unit of y.
        log_prior: logarithms of chances that sum to 1.
        offset: the mean of y is the unknown plus this.
    """

    size: FloatArray
    log_prior: FloatArray
    offset: FloatArray

    @classmethod
    def around(cls, typical_variance: float, offset: float = 0.0) -> "Bets":
        """Spread bets around the best one for a variance at OPTIMISED_COUNT rounds."""
        distance = np.arange(-LOG_REACH, LOG_REACH + LOG_STEP / 2, LOG_STEP)
        best = math.sqrt(TYPICAL_LOG / (OPTIMISED_COUNT * typical_variance))
        prior = (1 + np.abs(distance)) ** -TAIL
        return cls(
            size=best * np.exp(distance),
            log_prior=np.log(prior / prior.sum()),
            offset=np.full(distance.size, offset),
        )

    @classmethod
    def joined(cls, parts: Sequence[tuple[float, "Bets"]]) -> "Bets":
        """Give the mixture of several, each with its chance."""
        return cls(
            size=np.concatenate([bets.size for _, bets in parts]),
            log_prior=np.concatenate(
                [bets.log_prior + math.log(chance) for chance, bets in parts]
            ),
            offset=np.concatenate([bets.offset for _, bets in parts]),
        )

    def logs(self, values: FloatArray) -> FloatArray:
        """Give log(1 + size * y) for values (..., J) or (..., 1), shape (..., J)."""
        return np.log1p(self.size * values)

    def log_capital(
        self, sums: FloatArray, n: FloatArray, mean: FloatArray
    ) -> FloatArray:
        """Give the logarithm of the capital against each mean.

        Args:
            sums: (L, J), sums of `logs` at L looks.
            n: (L,), rounds at these looks.
            mean: (L,), the mean to bet against at each.
        """
        return self._log_capital(sums, n, mean)[0]

    def refuted_below(
        self,
        sums: FloatArray,
        n: FloatArray,
        largest: float,
        risk: FloatArray | float,
    ) -> FloatArray:
        """Give the mean up to which all are refuted at each look, shape (L,).

        By Newton's method from 0 upwards: the logarithm of the capital is convex in
        the mean, so each step ends at a mean that is refuted as well.

        Args:
            sums: as above.
            n: as above.
            largest: the largest mean that is possible; it comes back if everything
                is refuted, and 0 if nothing is.
            risk: the chance of ever refuting the true mean, of each look or of all.
        """
        threshold = -np.log(risk)
        low = np.zeros(n.size)
        for _ in range(MOST_STEPS):
            capital, fall = self._log_capital(sums, n, low)
            step = np.maximum(capital - threshold, 0.0) / np.maximum(fall, 1e-300)
            further = np.minimum(low + step, largest)
            done = bool(np.all(further - low <= PRECISION * largest))
            low = further
            if done:
                break
        return low

    def _log_capital(
        self, sums: FloatArray, n: FloatArray, mean: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """The logarithm, and how fast it falls as the mean grows; (L,) each."""
        shifted = mean[:, None] + self.offset
        growth = 1 + self.size * shifted
        logs = self.log_prior + sums - n[:, None] * np.log1p(self.size * shifted)
        top = logs.max(axis=1, keepdims=True)
        shares = np.exp(logs - top)
        total = shares.sum(axis=1)
        fall = n * (shares * (self.size / growth)).sum(axis=1) / total
        return np.log(total) + top[:, 0], fall
