"""What a list of all experiments shows of each.

Owns the headline of a report, which the learner keeps whenever it has made one, and
the summary that is read from it and from a few live counts. A list costs a few
queries however much was logged, and makes no report.
"""

from collections.abc import Mapping
from typing import Any, Literal

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import duration
from bandit_svc.storage.overview import Headline, SummaryRow

Json = dict[str, Any]
Light = Literal["ok", "warn", "fail", "unknown"]

STALE_S = 120.0
"""The learner makes reports every few seconds; without news for this long it stands."""
_PARTS = ("verdict", "health", "uplift", "status")
_WORST: tuple[Light, ...] = ("fail", "warn")


def headline_of(report: Mapping[str, Any], number: int, as_of_ms: int) -> Headline:
    """Pick what a list shows out of a report."""
    content = {name: report[name] for name in _PARTS}
    # What is fine needs no sentence in a list.
    content["health"] = [c for c in report["health"] if c["status"] != "ok"]
    return Headline(number, as_of_ms, content)


def summary(
    experiment: Experiment,
    row: SummaryRow,
    headline: Headline | None,
    per_minute: float,
    now_ms: int,
) -> Json:
    """Give what is shown of one experiment.

    Args:
        row: the live counts.
        headline: of its newest report; None if there is none yet.
        per_minute: decisions a minute, now.
    """
    content = {} if headline is None else headline.content
    counts = row.counts
    decisions = sum(counts.get(f"decisions_{g}", 0) for g in ("treatment", "baseline"))
    model_at_ms = row.model_at_ms
    return {
        "experiment": experiment.key,
        "description": experiment.definition.description,
        "status": experiment.definition.status,
        "decisions": decisions,
        # Every exposed decision is either joined or waits for its window to close.
        "pending": max(0, decisions - row.joined),
        "per_minute": per_minute,
        "uplift": content.get("uplift"),
        "verdict": content.get("verdict"),
        "health": _health(experiment, headline, now_ms),
        "model": {
            "version": row.model_version,
            "age_seconds": None
            if model_at_ms is None
            else max(0, now_ms - model_at_ms) / 1000,
        },
    }


def _health(experiment: Experiment, headline: Headline | None, now_ms: int) -> Json:
    """Give one light for all checks, and the sentences of those that are not fine."""
    if headline is None:
        return {"light": "unknown", "text": "not checked yet", "checks": []}
    checks = headline.content["health"]
    silent_s = (now_ms - headline.as_of_ms) / 1000
    if silent_s > STALE_S and experiment.definition.status != "archived":
        detail = (
            f"the last report is {duration(silent_s)} old, so nothing is known of "
            "now; look whether the learner runs"
        )
        silent = {"check": "learner", "status": "fail", "detail": detail}
        checks = [silent, *(c for c in checks if c["check"] != "learner")]
    for light in _WORST:
        found = [c for c in checks if c["status"] == light]
        if found:
            names = ", ".join(c["check"].replace("_", " ") for c in found[:2])
            more = f" and {len(found) - 2} more" if len(found) > 2 else ""  # noqa: PLR2004 - the two named
            return {"light": light, "text": names + more, "checks": checks}
    return {"light": "ok", "text": "all checks are fine", "checks": []}
