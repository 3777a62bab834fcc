"""Bound a mean from stretches of a log that are bounded one by one.

Owns how the risk is shared among stretches. Many means are searched together, since a
report has hundreds.
"""

from collections.abc import Sequence

from bandit_svc.ope.interval import UNBOUNDED, Interval
from bandit_svc.ope.sequences.two_sided import TwoSided, intervals

FIRST_RISK = 0.9
"""The share of the risk that the first stretch gets; each later one gets this share
of what is left, so that all together keep the promise."""


def pooled_intervals(
    groups: Sequence[Sequence[TwoSided]], confidences: Sequence[float]
) -> list[Interval]:
    """Bound each group's mean over all its stretches.

    Each stretch begins at a moment that the past decides, and its own sequence holds
    from there on; the weighted mean of the ends holds if all of them do.

    Args:
        groups: the stretches of each mean; nothing bounds the mean of none.
        confidences: one for each group.
    """
    # What is left of the risk when a stretch begins is 1 - FIRST_RISK of what was.
    kept = 1 - FIRST_RISK
    each = [
        1 - FIRST_RISK * (1 - confidence) * kept**i
        for some, confidence in zip(groups, confidences, strict=True)
        for i in range(len(some))
    ]
    ends = iter(intervals([s for some in groups for s in some], each))
    found = []
    for some in groups:
        if not some:
            found.append(UNBOUNDED)
            continue
        total, lower, upper = sum(s.n for s in some), 0.0, 0.0
        for sequence, interval in zip(some, ends, strict=False):
            # The mean over all stretches is the mean of theirs, weighted by counts; a
            # union bound over the stretches makes the weighted ends valid.
            lower += sequence.n / total * float(interval.lower or 0.0)
            upper += sequence.n / total * float(interval.upper or 0.0)
        found.append(Interval(lower, upper))
    return found
