"""A report as one HTML file for a person who did not build the service.

Owns what the page shows and in which order; the words that stay are in
templates/report.html, the drawings are bandit_svc.charts'. The file needs nothing
else: no script, no font, no other file.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from bandit_svc.domain.numbers import amount, count, duration, percent
from bandit_svc.prose.report_html import compared, over_time
from bandit_svc.prose.report_html.figure import Figure, Json

CHECKS = {
    "sample_ratio": "Visitors are split between the groups as asked",
    "repeat_visits": "Decisions are nearly independent",
    "late_rewards": "Rewards arrive in time",
    "orphan_rewards": "Every reward has its decision",
    "ambiguous_decisions": "Every decision showed one variant",
    "fallback_decisions": "The bandit could always decide",
    "learner": "The bandit keeps up with learning",
    "missing_rewards": "Rewards keep coming",
    "context_drift": "Visitors are described as before",
    "calibration": "Things are shown as often as their logged chance says",
    "learn_on": "Rewards are complete before they count",
    "propensity_audit": "The logged chances can be the true ones",
    "scorecard": "What the log says of the baseline, the holdout bears out",
}
"""What a check makes sure of, for those who don't know its name."""


def report_html(report: Json, description: str = "") -> str:
    """Give the whole page.

    Args:
        report: as services.report.build builds it.
        description: what the experiment is about, in its owner's words.
    """
    template = _environment().get_template("report.html")
    page = template.render(
        report=report,
        description=description,
        outcome=outcome_of(report),
        figures=figures(report),
        checks=CHECKS,
    )
    # What stands before the doctype are the template's own settings.
    return page.lstrip()


def figures(report: Json) -> dict[str, Figure]:
    """Give the charts that there are data for, by name."""
    made: dict[str, Figure] = {}
    history = report.get("history") or []
    known = [point for point in history if point["uplift"]["estimate"] is not None]
    if known:
        made["uplift"] = over_time.uplift(known)
        made["means"] = over_time.means(known)
    shown = [point for point in history if point["shown"]]
    if shown:
        made["shares"] = over_time.shares(shown)
    if any(point["rewarded"] for point in history):
        made["rewarded"] = over_time.rewarded(history)
    if report.get("segments"):
        made["segments"] = compared.segments(report["segments"])
    if any(row["n"] for row in report["policies"]):
        made["policies"] = compared.policies(report)
    if report["latency"]["histogram"]:
        made["latency"] = compared.latency(report["latency"])
    for row in report["metrics"]:
        guardrail = row["guardrail"]
        if guardrail and guardrail["difference"]["estimate"] is not None:
            made[f"guardrail/{row['metric']}"] = compared.guardrail(row)
    return made


def outcome_of(report: Mapping[str, Any]) -> str:
    """Say how the verdict is coloured: good, bad, or open."""
    if any(check["status"] == "fail" for check in report["health"]):
        return "bad"
    absolute = report["uplift"]["absolute"]
    if absolute["estimate"] is None:
        return "open"
    lower, upper = absolute["interval"]
    return "good" if lower > 0 else "bad" if upper < 0 else "open"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("bandit_svc.prose.report_html", "templates"),
                PackageLoader("bandit_svc.charts", ""),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for write in (amount, count, duration, percent):
        environment.filters[write.__name__] = write
    return environment
