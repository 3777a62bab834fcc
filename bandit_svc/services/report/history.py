"""Report an experiment up to each of some moments.

Owns the report's `history`, from sums by time of exposure and the looks at the uplift
that were kept: at most 200 points whatever the experiment's age, and never a look at
the log.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

from bandit_svc.domain.experiment import TREATMENT
from bandit_svc.domain.times import timestamp
from bandit_svc.ope.interval import Interval
from bandit_svc.services.report.report import HistoryPoint
from bandit_svc.services.report.uplift import (
    GROUPS,
    Compared,
    group_mean,
    uplift_now,
)
from bandit_svc.services.values import NOT_ESTIMATED, Estimated, Possible, estimated
from bandit_svc.storage.rows import HistoryRow

OTHER = "(other)"
"""Stands for all variants that the history does not keep by name."""


def history(
    rows: Sequence[HistoryRow], compared: Compared, now_ms: int
) -> tuple[HistoryPoint, ...]:
    """Return one point for each stretch of time that had joined decisions.

    Means and uplift are of all that was exposed up to the point, as they were then,
    with the interval that holds at all points at once; the last one is the report's
    own. `shares` are those of the treatment's decisions within the stretch, `shown` how
    many they are; `rewarded` is the share of its `matured` decisions that got a reward.
    """
    joined = 0
    points: list[HistoryPoint] = []
    course = _Course(compared)
    for ends_at_ms, group in groupby(rows, key=lambda row: row.ends_at_ms):
        stretch = list(group)
        matured = sum(row.n for row in stretch)
        shown = sum(row.n for row in stretch if row.group == TREATMENT)
        joined += matured
        uplift, treatment, baseline = course.until(ends_at_ms)
        points.append(
            HistoryPoint(
                at=timestamp(min(ends_at_ms, now_ms)),
                joined=joined,
                uplift=uplift,
                treatment=treatment,
                baseline=baseline,
                shown=shown,
                shares=_shares(stretch, shown),
                matured=matured,
                rewarded=sum(row.rewarded for row in stretch) / matured,
            )
        )
    return tuple(points)


class _Course:
    """The uplift and the groups' means, from one moment to later ones."""

    def __init__(self, compared: Compared) -> None:
        self._compared = compared
        self._looks = compared.looks.all() if compared.has_both else []
        self._passed = 0

    def until(self, ends_at_ms: int) -> tuple[Estimated, float | None, float | None]:
        """Return the uplift, the treatment's mean and the baseline's before a moment.

        Moments are passed in their order.
        """
        if ends_at_ms > self._compared.looks.newest_ms:
            treated, held = (group_mean(self._compared, group) for group in GROUPS)
            return uplift_now(self._compared), treated.estimate, held.estimate
        while (
            self._passed < len(self._looks)
            and self._looks[self._passed].exposed_at_ms < ends_at_ms
        ):
            self._passed += 1
        if not self._passed:
            return NOT_ESTIMATED, None, None
        look = self._looks[self._passed - 1]
        estimate, lower, upper, treatment, baseline = map(_known, look[1:])
        width = self._compared.possible.width
        uplift = estimated(estimate, Interval(lower, upper), Possible(-width, width))
        return uplift, treatment, baseline


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _shares(stretch: list[HistoryRow], shown: int) -> dict[str, float]:
    counts: defaultdict[str, int] = defaultdict(int)
    for row in stretch:
        if row.group == TREATMENT:
            counts[row.variant or OTHER] += row.n
    return {variant: n / shown for variant, n in counts.items()}
