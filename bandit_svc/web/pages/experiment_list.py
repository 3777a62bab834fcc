"""The page `/`: every experiment at a glance.

Owns the list, its filter and its order.
"""

from collections.abc import Iterable, Iterator

from flask import Blueprint, request

from bandit_svc.charts.interval import Interval, shared_reach
from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.headline import Summary, headline_of, summary
from bandit_svc.storage.overview import Headline
from bandit_svc.web.page_context import PageContext, render

MOST_REPORTS = 20
"""How many reports one view makes, of experiments that the learner has not reported."""


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add the page."""

    @routes.get("/")
    def experiments() -> str:
        wanted = request.args.get("q", "").strip()
        found = _summaries(page_context, page_context.storage.experiments.all())
        shown = [s for s in found if wanted.lower() in s.experiment.lower()]
        uplifts = list(_relative_uplifts(shown))
        return render(
            "experiments.html",
            summaries=sorted(shown, key=lambda s: s.status == "archived"),
            reach=shared_reach(uplifts) if uplifts else None,
            Interval=Interval,
            total=len(found),
            wanted=wanted,
        )


def _summaries(
    page_context: PageContext, experiments: list[Experiment]
) -> list[Summary]:
    now_ms = page_context.now_ms()
    rows = {row.number: row for row in page_context.storage.overview.summaries(now_ms)}
    rates = page_context.storage.overview.rates(now_ms)
    found = []
    reports_left = MOST_REPORTS
    for experiment in experiments:
        row = rows[experiment.number]
        headline = row.headline
        if headline is None and reports_left:
            reports_left -= 1
            headline = _headline(page_context, experiment, now_ms)
        rate = rates.get(experiment.number, 0.0)
        found.append(summary(experiment, row, headline, rate, now_ms))
    return found


def _relative_uplifts(summaries: Iterable[Summary]) -> Iterator[Interval]:
    """Yield the relative uplifts that have bounds; the bars share their scale."""
    for one in summaries:
        if one.uplift is None or one.uplift.relative.estimate is None:
            continue
        lower, upper = one.uplift.relative.interval
        if lower is not None and upper is not None:
            yield Interval(one.uplift.relative.estimate, lower, upper)


def _headline(
    page_context: PageContext, experiment: Experiment, now_ms: int
) -> Headline:
    report = build_report(page_context.storage, experiment, now_ms)
    return headline_of(report, experiment.number, now_ms)
