"""The mean reward of each variant over time.

Owns the points of that chart, from the sums by time that the join keeps.
"""

from collections import defaultdict
from itertools import groupby
from typing import Any

from bandit_svc.domain.experiment import TREATMENT, Experiment
from bandit_svc.services.values import timestamp
from bandit_svc.storage.interface import Storage

Json = dict[str, Any]


def variant_means(storage: Storage, experiment: Experiment) -> list[Json]:
    """Give the mean reward of each variant up to each stretch of time.

    Of the treatment's matured decisions. The means of variants are not comparable
    with one another: the policy shows each where it expects it to do well.
    """
    counts: defaultdict[str, int] = defaultdict(int)
    totals: defaultdict[str, float] = defaultdict(float)
    points = []
    rows = storage.breakdowns.history(experiment.number)
    shown = (r for r in rows if r.group == TREATMENT and r.variant)
    for ends_at_ms, stretch in groupby(shown, key=lambda row: row.ends_at_ms):
        for row in stretch:
            counts[row.variant] += row.n
            totals[row.variant] += row.total
        means = {variant: totals[variant] / n for variant, n in counts.items()}
        points.append(
            {"at": timestamp(ends_at_ms), "means": means, "counts": dict(counts)}
        )
    return points
