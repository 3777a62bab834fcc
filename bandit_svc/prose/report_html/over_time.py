"""The charts over time: uplift, means of the groups, shares of variants and rewards.

Owns how the report's history becomes charts and tables.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from bandit_svc.charts.over_time import Series, line_chart, share_chart
from bandit_svc.charts.svg import SERIES
from bandit_svc.domain.numbers import amount, count, percent
from bandit_svc.domain.times import to_the_second
from bandit_svc.prose.report_html.figure import (
    Figure,
    figure,
    short,
    span,
    thinned,
    with_sign,
)
from bandit_svc.services.report.history import OTHER
from bandit_svc.services.report.report import HistoryPoint
from bandit_svc.services.report.who_gets_what import MeansPoint

MOST_MOMENTS = 40
"""Moments of the chart of shares; more would show chance and no trend."""


def uplift(points: Sequence[HistoryPoint]) -> Figure:
    """Draw the uplift with its band, from points that have both."""
    at_s = [_seconds(p) for p in points]
    bands = [
        (lower, upper)
        for lower, upper in (p.uplift.interval for p in points)
        if lower is not None and upper is not None
    ]
    series = [Series("uplift", [p.uplift.estimate for p in points], bands)]
    title, y_title = "Uplift over time with its interval", "Extra reward a decision"
    return figure(
        lambda width: line_chart(at_s, series, title, y_title, with_sign, width),
        ("Up to (UTC)", "Decisions", "Uplift", "Interval"),
        [
            (
                _moment(p),
                count(p.joined),
                amount(p.uplift.estimate, signed=True),
                span(p.uplift.interval, signed=True),
            )
            for p in thinned(points)
        ],
    )


def means(points: Sequence[HistoryPoint]) -> Figure:
    """Draw the mean reward of both groups."""
    at_s = [_seconds(p) for p in points]
    series = [
        Series("bandit", [p.treatment for p in points]),
        Series("baseline", [p.baseline for p in points]),
    ]
    title, y_title = "Mean reward of both groups", "Reward a decision"
    return figure(
        lambda width: line_chart(at_s, series, title, y_title, short, width),
        ("Up to (UTC)", "Decisions", "Bandit", "Baseline"),
        [
            (
                _moment(p),
                count(p.joined),
                amount(p.treatment),
                amount(p.baseline),
            )
            for p in thinned(points)
        ],
    )


def shares(points: Sequence[HistoryPoint]) -> Figure:
    """Stack the shares of the variants; the rarest are one band."""
    counts = [
        {variant: share * p.shown for variant, share in p.shares.items()}
        for p in points
    ]
    named, names = _bands(counts)
    stretches = [counts[a:b] for a, b in _cuts(len(points))]
    ends = [points[b - 1] for _, b in _cuts(len(points))]
    stacked = [_shares_of(one, named, len(names)) for one in stretches]
    shown = [sum(sum(one.values()) for one in stretch) for stretch in stretches]
    series = [Series(n, [row[i] for row in stacked]) for i, n in enumerate(names)]
    at_s = [_seconds(p) for p in ends]
    title = "How often the bandit shows each variant"
    y_title = "Share of the bandit's decisions"
    rows = [
        (_moment(end), count(round(n)), *map(percent, row))
        for end, n, row in zip(ends, shown, stacked, strict=True)
    ]
    return figure(
        lambda width: share_chart(at_s, series, title, y_title, _percent, width),
        ("Up to (UTC)", "Decisions", *names),
        thinned(rows),
    )


def variant_means(points: Sequence[MeansPoint]) -> Figure:
    """Draw the mean reward of the variants that were shown most."""
    last = points[-1].counts
    names = sorted(last, key=lambda variant: -last[variant])[:SERIES]
    shown = thinned(points, MOST_MOMENTS)
    series = [Series(n, [p.means.get(n) for p in shown]) for n in names]
    at_s = [_seconds(p) for p in shown]
    title, y_title = "Mean reward where each variant was shown", "Reward a decision"
    return figure(
        lambda width: line_chart(at_s, series, title, y_title, short, width),
        ("Up to (UTC)", *names),
        [
            (_moment(p), *(amount(p.means.get(n)) for n in names))
            for p in thinned(points)
        ],
    )


def rewarded(points: Sequence[HistoryPoint]) -> Figure:
    """Draw the share of decisions that got a reward, stretch by stretch."""
    stretches = [points[a:b] for a, b in _cuts(len(points))]
    matured = [sum(p.matured for p in stretch) for stretch in stretches]
    got = [sum(p.rewarded * p.matured for p in s) for s in stretches]
    values = [one / n for one, n in zip(got, matured, strict=True)]
    at_s = [_seconds(stretch[-1]) for stretch in stretches]
    title, y_title = "Decisions that got a reward", "Share of the decisions"
    rows = [
        (_moment(stretch[-1]), count(n), percent(value))
        for stretch, n, value in zip(stretches, matured, values, strict=True)
    ]
    series = [Series("got a reward", values)]
    return figure(
        lambda width: line_chart(at_s, series, title, y_title, _fine_percent, width),
        ("Up to (UTC)", "Decisions", "Got a reward"),
        thinned(rows),
    )


def _bands(counts: Sequence[dict[str, float]]) -> tuple[list[str], list[str]]:
    """Return the variants that get a band, and the names of all bands."""
    totals: defaultdict[str, float] = defaultdict(float)
    for one in counts:
        for variant, n in one.items():
            totals[variant] += n
    largest = sorted(totals, key=lambda v: (v == OTHER, -totals[v]))
    if len(largest) <= SERIES and OTHER not in totals:
        return largest, largest
    named = [variant for variant in largest[: SERIES - 1] if variant != OTHER]
    return named, [*named, "other variants"]


def _cuts(points: int) -> list[tuple[int, int]]:
    """Cut the points into at most MOST_MOMENTS even runs, the first one the odd one."""
    step = -(-points // MOST_MOMENTS)
    ends = list(range(points, 0, -step))[::-1]
    return list(zip([0, *ends], ends, strict=False))


def _shares_of(
    stretch: list[dict[str, float]], named: Sequence[str], bands: int
) -> list[float]:
    shown = sum(sum(one.values()) for one in stretch)
    each = [sum(one.get(v, 0.0) for one in stretch) / shown for v in named]
    return each if bands == len(named) else [*each, max(0.0, 1 - sum(each))]


def _seconds(point: HistoryPoint | MeansPoint) -> float:
    return datetime.fromisoformat(point.at).timestamp()


def _moment(point: HistoryPoint | MeansPoint) -> str:
    return to_the_second(point.at)


def _percent(value: float) -> str:
    return f"{value:.0%}".replace("%", " %")


def _fine_percent(value: float) -> str:
    return f"{value:.3g}" if value == 0 else f"{value * 100:.3g} %"
