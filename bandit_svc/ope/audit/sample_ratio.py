"""Detect that units are not in the groups in the shares that were asked for.

Owns the sample ratio test. A mismatch means that assignment, logging or joining
loses one group more than the other; every uplift is then biased.
"""

import math
from collections.abc import Iterable

PRIOR_COUNT = 100.0
"""The weight of the expected share in the alternative, in decisions.

The alternative draws the true share from a Beta distribution around the expected
one, worth this many decisions. Larger finds small mismatches sooner and large ones
later. At 100 and an expected 10 %, a true 11 % is found after 11,300 decisions and
a true 15 % after 540 (medians of 200 runs, threshold 0.01).
"""


def sample_ratio_p_value(count: int, other_count: int, expected_share: float) -> float:
    """Test the share of a group against the expected one, valid at every look.

    The inverse of the Bayes factor of a Beta-binomial mixture against the expected
    share h: with a = PRIOR_COUNT h and b = PRIOR_COUNT (1 - h),

        BF = B(a + count, b + other) / B(a, b) / (h^count (1 - h)^other).

    BF is a nonnegative martingale of mean 1 if the share is right, so by Ville's
    inequality the chance that 1 / BF is ever at most alpha is at most alpha.

    Args:
        count: decisions in the group, at least 0.
        other_count: decisions outside of it, at least 0.
        expected_share: of the group, in [0, 1].

    Returns:
        A p-value in [0, 1]: near 0 is a mismatch; 1 with no data. It may rise again
        later; the smallest one seen counts (`smallest_p_value`).

    References:
        Lindon and Malek (2022), "Anytime-valid inference for multinomial count
        data", NeurIPS 35: their Dirichlet-multinomial test with two categories.
    """
    if expected_share in (0.0, 1.0):
        impossible = count if expected_share == 0 else other_count
        return 0.0 if impossible else 1.0
    a = PRIOR_COUNT * expected_share
    b = PRIOR_COUNT - a
    # The Beta-binomial marginal likelihood over the binomial one at h (Lindon and Malek
    # 2022); the binomial coefficients cancel.
    log_bayes_factor = (
        _log_beta(a + count, b + other_count)
        - _log_beta(a, b)
        - count * math.log(expected_share)
        - other_count * math.log1p(-expected_share)
    )
    return math.exp(min(0.0, -log_bayes_factor))


def smallest_p_value(looks: Iterable[tuple[int, int]], expected_share: float) -> float:
    """Return the smallest p-value of several looks at (count, other_count).

    It never rises again, and is below a with a probability of at most a if the share is
    right. Count each unit once: the decisions of one unit share its group, so they are
    not independent draws.
    """
    tests = (sample_ratio_p_value(*counts, expected_share) for counts in looks)
    return min(tests, default=1.0)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
