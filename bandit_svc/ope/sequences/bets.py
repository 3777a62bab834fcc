"""Bet on a mean from below, so that the capital won bounds it at every look.

Owns the capital process that the sequences of this folder are made of. For values
y >= 0 whose mean, given the past, is m, and a bet of size k > 0,

    product over rounds of (1 + k y) / (1 + k m)

is a nonnegative martingale that starts at 1: each factor is 1 + b (y - m) with
b = k / (1 + k m), a bet that can't lose everything. So is its average over sizes
under any prior, and by Ville's inequality that average ever reaches 1 / a with a
probability of at most a. A mean for which it did is refuted: it is too small.

The bets do not adapt to the data, for a reason: the sum of log(1 + k y) does not
depend on m. Therefore

* a state is one number a bet and a count; states of two streams add;
* the capital falls as m grows, so what is not refuted is an interval;
* if the mean changes between rounds (m_1, m_2 ...), the product over rounds of
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
"""The number of rounds for which the bet of the largest prior is the best one."""
LOG_STEP = 0.5
LOG_REACH = 5.0
"""Bets range from exp(-5) to exp(5) times the central one, in steps of exp(0.5).

The best size is proportional to 1 / sqrt(rounds times variance), so they cover from
1/22,000 to 22,000 times the expected product of the two.
"""
TAIL = 1.5
"""The prior of a bet falls with (1 + distance)^-TAIL in logarithms of size: heavy, so
that a variance misjudged by a factor of 50 costs no more than two nats."""
MOST_STEPS = 200
PRECISION = 1e-13
"""Precision of an end, as a share of the range; at most 13 steps where measured."""
TYPICAL_LOG = 2 * math.log(2 / 0.05)
"""Twice the threshold of the log capital for one side at a confidence of 0.95."""


@dataclass(frozen=True, slots=True)
class Bets:
    """Sizes, prior, and what to add to the unknown mean; all (J,).

    Attributes:
        size: bets per unit of y.
        log_prior: logarithms of prior probabilities, which sum to 1.
        offset: the mean of y is the unknown plus this.
    """

    size: FloatArray
    log_prior: FloatArray
    offset: FloatArray

    @classmethod
    def around(cls, typical_variance: float, offset: float = 0.0) -> "Bets":
        """Spread bets around the best one for a variance at OPTIMISED_COUNT rounds."""
        distance = np.arange(-LOG_REACH, LOG_REACH + LOG_STEP / 2, LOG_STEP)
        # To second order in k, the end is L / (n k) + k variance / 2 from the mean, for
        # a threshold L of the log capital; least at k = sqrt(2 L / (n variance)).
        best = math.sqrt(TYPICAL_LOG / (OPTIMISED_COUNT * typical_variance))
        prior = (1 + np.abs(distance)) ** -TAIL
        return cls(
            size=best * np.exp(distance),
            log_prior=np.log(prior / prior.sum()),
            offset=np.full(distance.size, offset),
        )

    @classmethod
    def joined(cls, parts: Sequence[tuple[float, "Bets"]]) -> "Bets":
        """Return the mixture of several, each with its prior probability."""
        return cls(
            size=np.concatenate([bets.size for _, bets in parts]),
            log_prior=np.concatenate(
                [bets.log_prior + math.log(chance) for chance, bets in parts]
            ),
            offset=np.concatenate([bets.offset for _, bets in parts]),
        )

    def logs(self, values: FloatArray) -> FloatArray:
        """Return log(1 + size * y) for values (..., J) or (..., 1), shape (..., J)."""
        return np.log1p(self.size * values)

    def log_capital(
        self, sums: FloatArray, n: FloatArray, mean: FloatArray
    ) -> FloatArray:
        """Return the logarithm of the capital against each mean.

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
        """Return the mean up to which all are refuted at each look, shape (L,).

        By Newton's method from 0 upwards: the logarithm of the capital is convex in
        the mean, so each step ends at a mean that is refuted as well.

        Args:
            sums: (L, J), as for `log_capital`.
            n: (L,), as for `log_capital`.
            largest: the largest possible mean, returned if everything is refuted; 0
                is returned if nothing is.
            risk: the probability of ever refuting the true mean, in (0, 1); (L,) or
                one for all.
        """
        # Ville's inequality: the capital ever reaches 1 / risk with that probability.
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
        """Return the logarithm, and minus its derivative in the mean; (L,) each."""
        shifted = mean[:, None] + self.offset
        growth = 1 + self.size * shifted
        # log sum_j prior_j prod (1 + k_j y) / (1 + k_j m), by the log-sum-exp trick.
        logs = self.log_prior + sums - n[:, None] * np.log1p(self.size * shifted)
        top = logs.max(axis=1, keepdims=True)
        shares = np.exp(logs - top)
        total = shares.sum(axis=1)
        fall = n * (shares * (self.size / growth)).sum(axis=1) / total
        return np.log(total) + top[:, 0], fall
