"""Bound a mean from stretches of a log that are bounded one by one.

Owns how the risk of being wrong is shared among stretches. Many means are searched
together, since a report has hundreds.
"""

from collections.abc import Sequence

from bandit_svc.ope.interval import Interval
from bandit_svc.ope.two_sided import TwoSided, intervals

FIRST_RISK = 0.9
"""The share of the risk that the first stretch gets; each later one gets this share
of what is left, so that all together keep the promise."""


def pooled_intervals(
    groups: Sequence[Sequence[TwoSided]], confidence: float
) -> list[Interval]:
    """Bound each group's mean over all its stretches.

    Each stretch begins at a moment that the past decides, and its own sequence holds
    from there on; the weighted mean of the ends holds if all of them do.
    """
    # What is left of the risk when a stretch begins is 1 - FIRST_RISK of what was.
    risk, kept = FIRST_RISK * (1 - confidence), 1 - FIRST_RISK
    confidences = [1 - risk * kept**i for some in groups for i in range(len(some))]
    ends = iter(intervals([s for some in groups for s in some], confidences))
    found = []
    for some in groups:
        total, lower, upper = sum(s.n for s in some), 0.0, 0.0
        for sequence, interval in zip(some, ends, strict=False):
            lower += sequence.n / total * float(interval.lower or 0.0)
            upper += sequence.n / total * float(interval.upper or 0.0)
        found.append(Interval(lower, upper))
    return found
