"""Report the uplift in parts of the traffic.

Owns the report's `segments`: which of them are shown, and the correction for
looking at many.

The correction is e-BH (ope.sequences.discoveries): of the segments whose interval
excludes 0, at most a share of 1 - CONFIDENCE is expected to be without a difference, at
whatever look, and however segments depend on one another. It needs about half the
data of Bonferroni's correction over all segments that could ever be shown. What it
promises is a share: Bonferroni's promised that with the same chance none was false.

Each segment has its own design effect: its units may be more alike, or come more
often, than all of them. Where the holdout was changed, decisions weigh by the chance of
their group, so that the groups of a segment are of the same time. The segments that
count are those shown, without the rare values together, and their number follows the
contexts alone, never the rewards.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.numbers import count
from bandit_svc.domain.segment import FOLDED, LEAST_SHOWN
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.parts.differences import part_differences
from bandit_svc.ope.parts.packed import MOST_PARTS
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.services.learning.parts.kept import SEGMENT, UNCOMPARED, PartKind
from bandit_svc.services.report.parts import part_shortage
from bandit_svc.services.report.report import Segment, SegmentGroup, SegmentRule
from bandit_svc.services.report.uplift import GROUPS, Compared
from bandit_svc.services.values import CONFIDENCE, Estimated, Possible, estimated

OTHER = "other"
RISK = 1 - CONFIDENCE
_FOLDED = "rare values together are not tested"


class _Shown(NamedTuple):
    """One value of a key; FOLDED for all rare values together.

    Attributes:
        groups: of the report.
        place: of its sums; -1 for several values together.
    """

    key: str
    value: str
    groups: tuple[SegmentGroup, ...]
    place: int

    @property
    def n(self) -> int:
        """Decisions of both groups."""
        return sum(group.n for group in self.groups)


def segments(compared: Compared) -> tuple[tuple[Segment, ...], SegmentRule]:
    """Return each shown value of each context key that splits the traffic; the rule.

    Keys stay in the order of their first decision; values with the most decisions come
    first. Where some decisions can be compared, only those count.
    """
    by_key: defaultdict[str, list[_Shown]] = defaultdict(list)
    kept = compared.parts
    parts = kept.of_kind(SEGMENT) or kept.of_kind(UNCOMPARED)
    totals = kept.part_sums.totals([place for place, _ in parts])
    for index, (place, part) in enumerate(parts):
        groups = _groups(totals.at(index), part.kind)
        by_key[part.key].append(_Shown(part.key, part.value, groups, place))
    tested: list[_Shown] = []
    rest: list[_Shown] = []
    for key, values in by_key.items():
        shown = [v for v in values if v.value != FOLDED and v.n >= LEAST_SHOWN]
        if len(shown) > 1:
            tested += sorted(shown, key=lambda one: -one.n)
            rest += _others(key, [v for v in values if v not in shown])
    rows, rule = _compared(compared, tested)
    folded = [_row(one, estimated(None, reason=_FOLDED), found=False) for one in rest]
    keys = list(by_key)
    return tuple(sorted([*rows, *folded], key=lambda row: keys.index(row.key))), rule


def segment_rule(tested: int, discovered: int, left_out: int = 0) -> SegmentRule:
    """Return the rule for a number of segments, as a report tells it.

    Args:
        left_out: decisions that segments lack, counted once a segment.
    """
    confidence = 1 - RISK * max(discovered, 1) / max(tested, 1)
    return SegmentRule(
        confidence,
        tested,
        discovered,
        f"Of the segments that are decided, at most {RISK * 100:.0f} % are expected to "
        f"be without a difference, at every look (e-BH over {tested} segments; each "
        f"interval is at {confidence * 100:.4g} %). Values with fewer than "
        f"{LEAST_SHOWN} decisions are counted under “other”.{_lacking(left_out)}",
        left_out,
    )


def _lacking(left_out: int) -> str:
    if not left_out:
        return ""
    return (
        f" A unit counts in the first {MOST_PARTS} segments and variants that it comes "
        f"to; its decisions in further ones are left out there ({count(left_out)} "
        "times)."
    )


def _compared(
    compared: Compared, tested: Sequence[_Shown]
) -> tuple[list[Segment], SegmentRule]:
    possible = compared.possible
    width = possible.width
    kept = compared.parts
    totals = kept.part_sums.totals([one.place for one in tested])
    parts = part_differences(totals, TRAJECTORY, RISK, possible)
    discovered = parts.discovered(RISK)
    half = parts.half_width(float(parts.confidence(RISK)))
    rows = []
    for index, one in enumerate(tested):
        mine = totals.at(index)
        known = bool(mine.decisions.min() > 0) and compared.behind <= 0
        difference = float(parts.difference[index]) if known else None
        ends = (float(parts.difference[index] + s * half[index]) for s in (-1, 1))
        lower, upper = (_known(min(max(end, -width), width)) for end in ends)
        uplift = estimated(
            difference,
            Interval(lower, upper),
            Possible(-width, width),
            part_shortage(mine, possible) if known else _nothing(compared),
        )
        found = bool(discovered[index]) and known
        rows.append(_row(one, uplift, found=found))
    count_found = sum(row.significant for row in rows)
    return rows, segment_rule(len(tested), count_found, kept.left_out)


def _nothing(compared: Compared) -> str:
    if compared.behind > 0 or compared.experiment.definition.holdout <= 0:
        return compared.nothing
    return "no decision of both groups within the segment has matured yet"


def _known(end: float) -> float | None:
    return end if math.isfinite(end) else None


def _row(one: _Shown, uplift: Estimated, *, found: bool) -> Segment:
    return Segment(
        key=one.key,
        value=one.value or OTHER,
        folded=one.value == FOLDED,
        groups=one.groups,
        uplift=uplift,
        significant=found,
    )


def _others(key: str, folded: list[_Shown]) -> list[_Shown]:
    """Return all that is not shown as one row; a mixture is not tested."""
    if len(folded) <= 1:
        return [one._replace(value=FOLDED, place=-1) for one in folded if one.n]
    groups = [
        SegmentGroup(
            group,
            n=sum(one.n for one in mine),
            # A unit may have been in several of them.
            units=None,
            mean=_mean([(one.mean, one.n) for one in mine]),
        )
        for group, *mine in zip(GROUPS, *(one.groups for one in folded), strict=True)
    ]
    return [_Shown(key, FOLDED, tuple(groups), -1)]


def _mean(rows: list[tuple[float | None, int]]) -> float | None:
    known = [(mean, n) for mean, n in rows if mean is not None]
    n = sum(n for _, n in known)
    return sum(mean * n for mean, n in known) / n if n else None


def _groups(totals: Totals, kind: PartKind) -> tuple[SegmentGroup, ...]:
    # Weighed as the uplift, so that it is what the means differ by.
    means = sides(totals, TRAJECTORY if kind == SEGMENT else RANDOMISED).means
    return tuple(
        SegmentGroup(
            group,
            n=int(totals.decisions[side]),
            units=int(totals.units_seen[side]),
            mean=_known(float(means[side])),
        )
        for side, group in enumerate(GROUPS)
    )
