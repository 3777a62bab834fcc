"""Report an experiment up to each of some moments.

Owns the report's `history`, from sums by time of exposure: at most 200 points
whatever the experiment's age, and never a look at the log.
"""

from collections import defaultdict
from itertools import groupby

from bandit_svc.domain.experiment import BASELINE, TREATMENT, Experiment
from bandit_svc.domain.times import timestamp
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.uplift import absolute_uplift
from bandit_svc.services.report.report import HistoryPoint
from bandit_svc.services.values import CONFIDENCE, Possible, estimated
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import HistoryRow

OTHER = "(other)"
"""Stands for all variants that the history does not keep by name."""


def history(
    storage: Storage, experiment: Experiment, now_ms: int
) -> tuple[HistoryPoint, ...]:
    """Return one point for each stretch of time that had joined decisions.

    Means and uplift are of all that was exposed up to the point, with the interval
    that holds at all points at once; the last one is the report's own. `shares` are
    those of the treatment's decisions within the stretch, `shown` how many they are;
    `rewarded` is the share of its `matured` decisions that got a reward.
    """
    reward = experiment.definition.reward
    bounds = (CONFIDENCE, reward.minimum, reward.upper)
    width = reward.width
    sums = {TREATMENT: Moments(), BASELINE: Moments()}
    points: list[HistoryPoint] = []
    rows = storage.breakdowns.history(experiment.number)
    for ends_at_ms, group in groupby(rows, key=lambda row: row.ends_at_ms):
        stretch = list(group)
        for row in stretch:
            mine = Moments(row.n, row.total, row.total_squares)
            sums[row.group] = sums[row.group].merge(mine)
        treatment, baseline = sums[TREATMENT], sums[BASELINE]
        matured = sum(row.n for row in stretch)
        shown = sum(row.n for row in stretch if row.group == TREATMENT)
        uplift = absolute_uplift(treatment, baseline, *bounds)
        points.append(
            HistoryPoint(
                at=timestamp(min(ends_at_ms, now_ms)),
                joined=treatment.n + baseline.n,
                uplift=estimated(
                    uplift.estimate, uplift.interval, Possible(-width, width)
                ),
                treatment=treatment.mean if treatment.n else None,
                baseline=baseline.mean if baseline.n else None,
                shown=shown,
                shares=_shares(stretch, shown),
                matured=matured,
                rewarded=sum(row.rewarded for row in stretch) / matured,
            )
        )
    return tuple(points)


def _shares(stretch: list[HistoryRow], shown: int) -> dict[str, float]:
    counts: defaultdict[str, int] = defaultdict(int)
    for row in stretch:
        if row.group == TREATMENT:
            counts[row.variant or OTHER] += row.n
    return {variant: n / shown for variant, n in counts.items()}
