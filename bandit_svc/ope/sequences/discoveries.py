"""Find which of many differences are real, at every look.

Owns e-values of asymptotic sequences and the e-BH rule. An e-value of a hypothesis is
a number whose mean is at most 1 if the hypothesis holds, whenever one stops; large
values refute it. Of m hypotheses, e-BH refutes the k with the largest e-values, for
the largest k of which each is at least m / (alpha k). The expected share of false ones
among those refuted (the false discovery rate) is then at most alpha, whatever depends
on what (Wang and Ramdas 2022, Theorem 2). Benjamini and Hochberg's rule does the
same with p-values of one moment that was chosen beforehand; under continuous looks it
guarantees nothing.

The e-value is that of the mixture whose boundary asymptotic.py uses, for a hypothesis
of difference 0:

    e = (1 + n rho²)^(-1/2) exp(rho² S² / (2 (1 + n rho²))),   S² = n d² / se²,

with one rho for all levels. An interval at confidence 1 - alpha k / m excludes 0
exactly if e is at least m / (alpha k), so that the intervals shown agree with what is
refuted; they miss the truth for at most a share alpha of those selected (the false
coverage rate; Xu, Wang and Ramdas 2022).

When it is invalid: m counts the hypotheses at a look. Where their number grows from m1
to m2 while one waits for the best look, the rate can reach alpha (1 + log(m2 / m1)).
E-values are asymptotic, as the sequence is.

References:
    Wang and Ramdas (2022), "False discovery rate control with e-values", JRSS B 84(3).
    Xu, Wang and Ramdas (2022), "Post-selection inference for e-value based confidence
    intervals", arXiv 2203.12572. Robbins (1970), "Statistical methods related to the
    law of the iterated logarithm", Annals of Mathematical Statistics 41(5).
"""

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.sequences.asymptotic import MEASURED_CONFIDENCE, mixture_rate

TUNED_FOR = MEASURED_CONFIDENCE
"""The confidence for which rho is chosen, whatever the level of an interval."""


def log_e_value(
    difference: FloatArray, squared_error: FloatArray, n: FloatArray
) -> FloatArray:
    """Return the logarithm of the e-value against a difference of 0.

    Args:
        difference: the estimate; any shape.
        squared_error: its squared standard error, above 0.
        n: the count at which the boundary of its interval is taken, above 0.
    """
    rate = mixture_rate(TUNED_FOR)
    growth = 1 + n * rate
    squared = n * difference**2 / squared_error
    return np.asarray(rate * squared / (2 * growth) - np.log(growth) / 2)


def count_discoveries(log_e_values: FloatArray, risk: float) -> IntArray:
    """Return how many of the hypotheses along the last axis e-BH refutes.

    Those with the largest e-values.

    Args:
        log_e_values: (..., m).
        risk: alpha, the largest expected share of false ones among them.
    """
    m = log_e_values.shape[-1]
    ranked = -np.sort(-log_e_values, axis=-1)
    rank = np.arange(1, m + 1)
    enough = ranked >= np.log(m / (risk * rank))
    return np.asarray(np.where(enough, rank, 0).max(axis=-1, initial=0))
