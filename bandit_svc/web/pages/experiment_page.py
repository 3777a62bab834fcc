"""The page of one experiment: uplift, groups, variants, and the checks of the report.

Owns the page and its parts that refresh themselves. Its figures are those of the HTML
report.
"""

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import TREATMENT, Experiment
from bandit_svc.http.incoming.query import parse_known
from bandit_svc.prose.report_csv import report_csv
from bandit_svc.prose.report_html import over_time
from bandit_svc.prose.report_html.page import (
    figures,
    history_note,
    outcome_of,
    unit_note,
)
from bandit_svc.services.checks.check import WORDS, tally
from bandit_svc.services.managing.revision_changes import revision_changes
from bandit_svc.services.managing.splits.listed import splits_of
from bandit_svc.services.report.deployed import always_shown
from bandit_svc.services.report.ranges.asked import RangeQuery
from bandit_svc.services.report.ranges.report_json import report_json
from bandit_svc.services.report.ranges.whole_or_range import whole_or_range
from bandit_svc.services.report.report import Report
from bandit_svc.services.report.who_gets_what import variant_means, who_gets_what
from bandit_svc.web.access.own_address import own
from bandit_svc.web.page_context import PageContext, render
from bandit_svc.web.pages.change_pages import change_notice
from bandit_svc.web.pretty_json import pretty
from bandit_svc.web.ranges import query_of, range_links
from bandit_svc.web.split_figures import split_figures
from bandit_svc.web.who_figure import who_figure

Json = dict[str, Any]
MOST_MODELS = 10


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add the page, its parts and its downloads."""
    experiments = page_context.storage.experiments

    @routes.get("/experiments/<key>")
    def experiment(key: str) -> str | AnyResponse:
        if key == "new" and key not in {e.key for e in experiments.all()}:
            return redirect(own("/new"), 303)
        found = experiments.get(key)
        shown = (
            _live(page_context, found)
            | _who(page_context, found)
            | _kept(page_context, found)
        )
        return render("experiment.html", **shown)

    @routes.get("/experiments/<key>/live")
    def experiment_live(key: str) -> str:
        shown = _live(page_context, experiments.get(key))
        return render_template("experiment_parts.html", **shown)

    @routes.get("/experiments/<key>/who")
    def experiment_who(key: str) -> str:
        shown = _who(page_context, experiments.get(key))
        return render_template("experiment_who.html", **shown)

    @routes.get("/experiments/<key>/report.json")
    def experiment_json(key: str) -> Response:
        report = _report(page_context, experiments.get(key))
        return Response(pretty(report_json(report)), mimetype="application/json")

    @routes.get("/experiments/<key>/report.csv")
    def experiment_csv(key: str) -> Response:
        report = _report(page_context, experiments.get(key))
        named = {"Content-Disposition": f'attachment; filename="{key}.csv"'}
        return Response(report_csv(report), mimetype="text/csv", headers=named)


def _report(page_context: PageContext, experiment: Experiment) -> Report:
    """Return the report of the range that the address names, of all without one."""
    asked = parse_known(request.args, RangeQuery)
    now_ms = page_context.now_ms()
    return whole_or_range(page_context.storage, experiment, asked, now_ms)


def _live(page_context: PageContext, experiment: Experiment) -> Json:
    """Return the values that change with every decision."""
    report = _report(page_context, experiment)
    drawn = figures(report)
    points = variant_means(page_context.storage, experiment)
    if points and report.made is None:
        drawn["variant_means"] = over_time.variant_means(points)
    return {
        "experiment": experiment,
        "report": report,
        "figures": drawn,
        "outcome": outcome_of(report),
        "history_note": history_note(report),
        "unit_note": unit_note(report),
        "always_shown": always_shown(report),
        "tally": tally(report.health),
        "words": WORDS,
        "payloads": {v.key: v.payload for v in experiment.definition.variants},
        "retired": {v.key for v in experiment.definition.variants if v.retired},
    }


def _who(page_context: PageContext, experiment: Experiment) -> Json:
    """Return the heat map of the context keys that the address names."""
    asked = request.args
    found = who_gets_what(
        page_context.storage, experiment, asked.get("rows"), asked.get("columns")
    )
    variants = _most_shown_first(page_context, experiment)
    variant = asked.get("variant")
    variant = variant if variant in variants else None
    drawn = who_figure(found, variants, variant) if found.n else None
    return {
        "experiment": experiment,
        "who": found,
        "who_figure": drawn,
        "variant": variant,
        "variants": variants,
    }


def _most_shown_first(page_context: PageContext, experiment: Experiment) -> list[str]:
    """Return the variants in the order of their colours in the charts over time."""
    shown = {
        tally.variant: tally.n
        for tally in page_context.storage.joins.tallies(experiment.number)
        if tally.group == TREATMENT and tally.metric == MAIN_METRIC
    }
    keys = [v.key for v in experiment.definition.variants]
    return sorted(keys, key=lambda key: -shown.get(key, 0))


def _kept(page_context: PageContext, experiment: Experiment) -> Json:
    """Return revisions and models, which change rarely."""
    metas = page_context.storage.model_versions.metas(experiment.number)
    revisions = page_context.storage.experiments.revisions(experiment.number)
    splits = splits_of(page_context.storage, experiment)
    listed = [*([splits.current] if splits.current else []), *splits.past]
    return {
        "splits": listed,
        "split_figures": split_figures(listed),
        "ranges": range_links(
            experiment.created_at_ms,
            page_context.now_ms(),
            parse_known(request.args, RangeQuery),
        ),
        "range_query": query_of(parse_known(request.args, RangeQuery)),
        "notice": change_notice(request.args, revisions, metas, page_context.now_ms()),
        "revisions": revision_changes(revisions),
        "method_changed_at_ms": page_context.storage.joins.method_changed_at_ms(
            experiment.number
        ),
        "models": metas[:MOST_MODELS],
        "models_kept": len(metas),
        "now_ms": page_context.now_ms(),
    }
