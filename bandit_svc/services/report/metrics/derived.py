"""Compute the derived metrics of a report.

Owns the report's `derived_metrics`. A ratio is weighed as the uplift is, along each
unit's history. Totals a unit and retentions compare the groups alone: weights that
change while a unit comes back made totals a unit ever wrong in up to 9 % of 500 runs. A
ratio over decisions is the mean of its numerator, bounded as that metric is.
"""

from collections.abc import Callable
from typing import NamedTuple, assert_never

import numpy as np

from bandit_svc.domain.metric import Derived, PerUnit, Ratio, Retention
from bandit_svc.ope.interval import UNBOUNDED
from bandit_svc.ope.metrics.ratio import (
    EACH,
    RatioSides,
    group_ratio,
    ratio_difference,
    ratio_shortage,
    ratio_sides,
)
from bandit_svc.ope.metrics.ratio import Ratio as Division
from bandit_svc.ope.metrics.retention import retention_totals
from bandit_svc.ope.uplift import by_unit
from bandit_svc.ope.uplift.by_unit import Band, Possible, Shortage
from bandit_svc.ope.uplift.columns import BASELINE, RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.services.learning.parts.returns import Returns
from bandit_svc.services.learning.uplift_rows import Layout
from bandit_svc.services.report.metrics.chance import chance_to_beat, unknown_chance
from bandit_svc.services.report.metrics.claims import Tested
from bandit_svc.services.report.metrics.derived_words import (
    Words,
    needs_more,
    without_any,
    words_of,
)
from bandit_svc.services.report.metrics.rows import DerivedGroup, DerivedRow
from bandit_svc.services.report.uplift import GROUPS, NO_RATIO, Compared
from bandit_svc.services.values import CONFIDENCE, estimated

_SHARE = Possible(0.0, 1.0)
_SIDES = range(len(GROUPS))
_NOT_SUMMED = "it is being computed from the log, from its first decision on"


class Computed(NamedTuple):
    """A derived metric, and what the claims test of it."""

    row: DerivedRow
    tested: Tested


class _Value(NamedTuple):
    """One group's value."""

    band: Band
    units: int


class _Found(NamedTuple):
    """A metric of two groups.

    Attributes:
        groups: the value of each.
        band: returns the difference at a confidence.
        relative: the difference as a share of the baseline's.
        tightest_at: the count at which the boundary is tightest.
        n: the count at which it is taken.
        missing: what an interval lacks.
        squared_error: of the difference, by unit.
        baseline: the baseline's value.
    """

    groups: tuple[_Value, ...]
    band: Callable[[float], Band]
    relative: Band
    tightest_at: float
    n: float
    missing: Shortage | None
    squared_error: float
    baseline: float


def derived_metrics(compared: Compared) -> list[Computed]:
    """Return each derived metric of the definition, in order."""
    computed: list[Computed] = []
    returns, retentions = compared.returns, 0
    declared = Layout.of(compared.experiment.definition)
    for one in compared.experiment.definition.derived_metrics:
        reason = compared.nothing if compared.behind > 0 else ""
        waiting, found = 0, None
        if not reason and compared.layout != declared:
            reason = _NOT_SUMMED
        if isinstance(one, Retention):
            waiting = returns.waiting(retentions)
            if not reason:
                found = _retention(returns, retentions)
            retentions += 1
        elif not compared.has_both:
            reason = reason or compared.nothing
        elif not reason:
            found = _divided(compared, one)
        row = _row(one, found, reason, waiting)
        tested = Tested(one.name, None, 0.0)
        if found and row.difference.estimate is not None:
            tested = Tested(one.name, found.band, found.n, found.tightest_at)
        computed.append(Computed(row, tested))
    return computed


def _row(one: Derived, found: _Found | None, reason: str, waiting: int) -> DerivedRow:
    words = words_of(one)
    unknown = estimated(None, reason=reason)
    if found is None:
        empty = (DerivedGroup(g, 0, None, unknown.interval, reason) for g in GROUPS)
        groups = tuple(empty)
    else:
        missing = "" if found.missing is None else needs_more(found.missing, words)
        groups = tuple(
            _group(side, found.groups[side], words, missing) for side in _SIDES
        )
        lacking = [group.reason for group in groups if group.mean is None]
        reason = lacking[0] or "" if lacking else missing
        unknown = estimated(None, reason=reason)
    difference = relative = unknown
    chance = unknown_chance(reason)
    if found is not None and all(group.mean is not None for group in groups):
        now, ratio = found.band(CONFIDENCE).now, found.relative.now
        difference = estimated(now.estimate, now.interval, reason=reason)
        known = None not in (ratio.interval.lower, ratio.interval.upper)
        ends = ratio.interval if known else UNBOUNDED
        relative = estimated(ratio.estimate, ends, reason=reason or NO_RATIO)
        chance = chance_to_beat(
            difference,
            found.squared_error,
            found.baseline,
            higher_is_better=one.direction == "higher",
        )
    return DerivedRow(
        metric=one.name,
        kind=words.kind,
        of=words.of,
        direction=one.direction,
        groups=(groups[0], groups[1]),
        difference=difference,
        relative=relative,
        chance_to_beat=chance,
        waiting=waiting,
        detail=words.detail,
    )


def _group(side: int, value: _Value, words: Words, missing: str) -> DerivedGroup:
    now = value.band.now
    reason = missing if now.estimate is not None else without_any(words, side)
    one = estimated(now.estimate, now.interval, reason=reason)
    return DerivedGroup(
        GROUPS[side], value.units, one.estimate, one.interval, one.reason
    )


def _divided(compared: Compared, one: Ratio | PerUnit) -> _Found:
    division = compared.layout.ratio(one)
    match one:
        case PerUnit():
            return _ratio(compared, division, RANDOMISED)
        case Ratio():
            if division.denominator == EACH:
                possible = _possible(compared, division.numerator)
                return _mean(compared.totals, possible, TRAJECTORY)
            return _ratio(compared, division, TRAJECTORY)
        case _:
            assert_never(one)


def _ratio(compared: Compared, division: Division, weighting: int) -> _Found:
    totals, at = compared.totals, compared.possible.tightest_at
    alone = ratio_sides(totals, RANDOMISED, division)
    two = ratio_sides(totals, weighting, division)
    return _Found(
        groups=tuple(
            _Value(group_ratio(alone, side, CONFIDENCE), _units(totals, alone, side))
            for side in _SIDES
        ),
        band=lambda confidence: ratio_difference(
            two, weighting, confidence, tightest_at=at
        ),
        relative=ratio_difference(
            two, weighting, CONFIDENCE, relative=True, tightest_at=at
        ),
        tightest_at=at,
        n=float(totals.decisions.sum()),
        missing=ratio_shortage(two),
        squared_error=float(two.difference_raw),
        baseline=float(two.ratios[BASELINE]),
    )


def _units(totals: Totals, alone: RatioSides, side: int) -> int:
    """Return the units with a denominator, as many as they are worth at most."""
    return int(min(float(alone.units[side]), float(totals.units_seen[side])) + 0.5)


def _mean(totals: Totals, possible: Possible, weighting: int) -> _Found:
    """Return a mean a decision or a unit, with the interval of its range."""
    two = sides(totals, weighting, possible.value)
    error = float(np.maximum(two.difference_raw(), two.difference_iid()))
    means = (
        by_unit.mean(totals, RANDOMISED, side, CONFIDENCE, possible) for side in _SIDES
    )
    seen = totals.units_seen
    return _Found(
        groups=tuple(_Value(mean, int(n)) for mean, n in zip(means, seen, strict=True)),
        band=lambda confidence: by_unit.absolute(
            totals, weighting, confidence, possible
        ),
        relative=by_unit.relative(totals, weighting, CONFIDENCE, possible),
        tightest_at=possible.tightest_at,
        n=float(totals.decisions.sum()),
        missing=by_unit.shortage(totals, possible),
        squared_error=error,
        baseline=float(two.means[BASELINE]),
    )


def _possible(compared: Compared, value: int) -> Possible:
    """Return the declared range of the reward or a metric."""
    for metric in compared.experiment.definition.metrics:
        if compared.layout.value(metric.name) == value:
            return compared.layout.possible_of(metric.minimum, metric.maximum, value)
    return compared.possible


def _retention(returns: Returns, place: int) -> _Found:
    return _mean(retention_totals(returns.over(place)), _SHARE, RANDOMISED)
