"""Report the uplift in parts of the traffic.

Owns the report's `segments`: which of them are shown, and the correction for
looking at many.

The correction is e-BH (ope.sequences.discoveries): of the segments whose interval
excludes 0, at most a share of 1 - CONFIDENCE is expected to be without a difference, at
whatever look, and however segments depend on one another. It needs about half the
data of Bonferroni's correction over all segments that could ever be shown. What it
promises is a share: Bonferroni's promised that with the same chance none was false.

Their variance has the design effect of all decisions (parts.py). The segments that
count are those shown, without the rare values together, and their
number follows the contexts alone, never the rewards.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bandit_svc.domain.experiment import BASELINE, TREATMENT, Group
from bandit_svc.domain.segment import FOLDED, LEAST_SHOWN
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.sides import MINIMAL_UNITS
from bandit_svc.services.report.parts import differences
from bandit_svc.services.report.report import Segment, SegmentGroup, SegmentRule
from bandit_svc.services.report.uplift import Compared
from bandit_svc.services.values import CONFIDENCE, Estimated, Possible, estimated
from bandit_svc.storage.interface import Storage

OTHER = "other"
RISK = 1 - CONFIDENCE
_TOO_FEW = (
    f"each group needs {MINIMAL_COUNT} matured decisions of the segment, and the worth "
    f"of {MINIMAL_UNITS} units that come equally often"
)
_FOLDED = "rare values together are not tested"

_Groups = dict[Group, Moments]


class _Shown(NamedTuple):
    """One value of a key with its sums; FOLDED for all rare values together."""

    key: str
    value: str
    groups: _Groups


def segments(
    storage: Storage, compared: Compared
) -> tuple[tuple[Segment, ...], SegmentRule]:
    """Return each shown value of each context key that splits the traffic; the rule.

    Keys stay in the order of their first decision; values with the most decisions come
    first.
    """
    by_key: defaultdict[str, defaultdict[str, _Groups]] = defaultdict(
        lambda: defaultdict(lambda: {TREATMENT: Moments(), BASELINE: Moments()})
    )
    for row in storage.breakdowns.segments(compared.experiment.number):
        mine = Moments(row.n, row.total, row.total_squares)
        by_key[row.key][row.value][row.group] = mine
    tested: list[_Shown] = []
    rest: list[_Shown] = []
    for key, values in by_key.items():
        shown = {v: g for v, g in values.items() if v != FOLDED and _is_shown(g)}
        if len(shown) > 1:
            ordered = sorted(shown.items(), key=lambda item: -_n(item[1]))
            tested += [_Shown(key, value, groups) for value, groups in ordered]
            rest += _others(key, [g for v, g in values.items() if v not in shown])
    rows, rule = _compared(compared, tested)
    folded = [_row(one, estimated(None, reason=_FOLDED), found=False) for one in rest]
    keys = list(by_key)
    return tuple(sorted([*rows, *folded], key=lambda row: keys.index(row.key))), rule


def segment_rule(tested: int, discovered: int) -> SegmentRule:
    """Return the rule for a number of segments, as a report tells it."""
    confidence = 1 - RISK * max(discovered, 1) / max(tested, 1)
    return SegmentRule(
        confidence,
        tested,
        discovered,
        f"Of the segments that are decided, at most {RISK * 100:.0f} % are expected to "
        f"be without a difference, at every look (e-BH over {tested} segments; each "
        f"interval is at {confidence * 100:.4g} %). Values with fewer than "
        f"{LEAST_SHOWN} decisions are counted under “other”.",
    )


def _compared(
    compared: Compared, tested: Sequence[_Shown]
) -> tuple[list[Segment], SegmentRule]:
    possible = compared.possible
    width = possible.width
    treatment, baseline = (
        [one.groups[group] for one in tested] for group in (TREATMENT, BASELINE)
    )
    parts = differences(treatment, baseline, RISK, compared.totals, possible)
    if len(compared.totals.chances) > 1:
        # Their sums don't say which decision was made at which chance of its group.
        parts = replace(parts, shown=np.zeros_like(parts.shown))
    reason = _reason(compared)
    discovered = parts.discovered(RISK)
    half = parts.half_width(float(parts.confidence(RISK)))
    rows = []
    for index, one in enumerate(tested):
        known = all(one.groups[group].n for group in (TREATMENT, BASELINE))
        difference = float(parts.difference[index]) if known else None
        ends = (float(parts.difference[index] + s * half[index]) for s in (-1, 1))
        lower, upper = (_known(min(max(end, -width), width)) for end in ends)
        uplift = estimated(
            difference, Interval(lower, upper), Possible(-width, width), reason
        )
        rows.append(_row(one, uplift, found=bool(discovered[index])))
    return rows, segment_rule(len(tested), int(discovered.sum()))


def _known(end: float) -> float | None:
    return end if math.isfinite(end) else None


def _reason(compared: Compared) -> str:
    if len(compared.totals.chances) > 1:
        return (
            "the holdout was changed, so that the groups of a segment are not of the "
            "same time"
        )
    return _TOO_FEW


def _row(one: _Shown, uplift: Estimated, *, found: bool) -> Segment:
    return Segment(
        key=one.key,
        value=one.value or OTHER,
        folded=one.value == FOLDED,
        groups=_groups(one.groups),
        uplift=uplift,
        significant=found,
    )


def _others(key: str, folded: list[_Groups]) -> list[_Shown]:
    """Return all that is not shown as one row; a mixture is not tested."""
    groups: _Groups = {TREATMENT: Moments(), BASELINE: Moments()}
    for one in folded:
        for group, moments in one.items():
            groups[group] = groups[group].merge(moments)
    return [_Shown(key, FOLDED, groups)] if _n(groups) else []


def _groups(groups: Mapping[Group, Moments]) -> tuple[SegmentGroup, ...]:
    return tuple(
        SegmentGroup(group, m.n, m.mean if m.n else None) for group, m in groups.items()
    )


def _n(groups: Mapping[Group, Moments]) -> int:
    return sum(moments.n for moments in groups.values())


def _is_shown(groups: Mapping[Group, Moments]) -> bool:
    return _n(groups) >= LEAST_SHOWN
