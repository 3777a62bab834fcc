"""Return the chance that a difference is above 0, under a prior.

Owns the Bayesian number beside an interval. With a normal prior of mean 0 and standard
deviation s on the difference, and an estimate d whose standard error is e, the
posterior is normal, and

    P(difference > 0) = Phi(d s / (e sqrt(s² + e²))).

It is the answer for one look. Who stops as soon as it passes 95 % is wrong more often
than in 5 % of the cases without a difference: it is no replacement for the interval,
which holds at every look.
"""

import math


def chance_above(difference: float, squared_error: float, scale: float) -> float | None:
    """Return P(difference > 0); None without a variance or a prior.

    Args:
        difference: the estimate.
        squared_error: its squared standard error.
        scale: the prior's standard deviation, in the unit of the difference.
    """
    if not (squared_error > 0 and scale > 0):
        return None
    error = math.sqrt(squared_error)
    z = difference * scale / (error * math.sqrt(scale**2 + squared_error))
    return 0.5 * math.erfc(-z / math.sqrt(2))
