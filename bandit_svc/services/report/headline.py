"""Summarise each experiment for a list of all of them.

Owns the headline of a report, which the learner keeps whenever it has made one, and
the summary that is read from it and from a few live counts. A list costs a few
queries however much was logged, and makes no report.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from bandit_svc.domain.experiment import Experiment, Status
from bandit_svc.domain.numbers import counted, duration
from bandit_svc.services.checks import check as checks
from bandit_svc.services.checks.loop import LEARNER
from bandit_svc.services.report.report import Report
from bandit_svc.services.values import Estimated
from bandit_svc.storage.overview import Headline, SummaryRow

Light = checks.Status | Literal["unknown"]

STALE_S = 120.0
"""The learner reports every few seconds; after this long, nothing is known of now."""


class Finding(msgspec.Struct, frozen=True):
    """A check of the last report that warns or fails."""

    check: str
    status: checks.Status
    detail: str

    @property
    def words(self) -> str:
        """Its name for people."""
        return self.check.replace("_", " ")


class UpliftHeadline(msgspec.Struct, frozen=True):
    """The uplift of the last report."""

    absolute: Estimated
    relative: Estimated


class _Kept(msgspec.Struct):
    """The kept part of a report; older versions have kept no counts."""

    verdict: str = ""
    uplift: UpliftHeadline | None = None
    health: tuple[Finding, ...] = ()
    counts: dict[checks.Status, int] = {}


class Health(msgspec.Struct, frozen=True):
    """All checks in one light, with those that are to be looked at."""

    light: Light
    text: str
    checks: tuple[Finding, ...] = ()


class ModelAge(msgspec.Struct, frozen=True):
    """The newest model; version 0 if there is none."""

    version: int
    age_seconds: float | None


class Summary(msgspec.Struct, frozen=True):
    """One line of the list."""

    experiment: str
    description: str
    status: Status
    decisions: int
    pending: int
    per_minute: float
    uplift: UpliftHeadline | None
    verdict: str
    health: Health
    model: ModelAge


def headline_of(report: Report, number: int, as_of_ms: int) -> Headline:
    """Return what a list shows of a report."""
    found = [c for c in report.health if c.status in {"warn", "fail"}]
    kept = _Kept(
        report.verdict,
        UpliftHeadline(report.uplift.absolute, report.uplift.relative),
        tuple(Finding(c.name, c.status, c.detail) for c in found),
        {
            status: len(checks.with_status(report.health, status))
            for status in checks.WORDS
        },
    )
    return Headline(number, as_of_ms, msgspec.to_builtins(kept))


def summary(
    experiment: Experiment,
    row: SummaryRow,
    headline: Headline | None,
    per_minute: float,
    now_ms: int,
) -> Summary:
    """Return what is shown of one experiment.

    Args:
        row: the live counts.
        headline: of its newest report; None if there is none yet.
        per_minute: decisions a minute, now.
    """
    kept = _Kept() if headline is None else _kept(headline.content)
    counts = row.counts
    decisions = sum(counts.get(f"decisions_{g}", 0) for g in ("treatment", "baseline"))
    model_at_ms = row.model_at_ms
    return Summary(
        experiment=experiment.key,
        description=experiment.definition.description,
        status=experiment.definition.status,
        decisions=decisions,
        # Every exposed decision is either joined or waits for its window to close.
        pending=max(0, decisions - row.joined),
        per_minute=per_minute,
        uplift=kept.uplift,
        verdict=kept.verdict,
        health=_health(experiment, headline, kept, now_ms),
        model=ModelAge(
            row.model_version,
            None if model_at_ms is None else max(0, now_ms - model_at_ms) / 1000,
        ),
    )


def _kept(content: Mapping[str, object]) -> _Kept:
    return msgspec.convert(content, _Kept)


def _health(
    experiment: Experiment, headline: Headline | None, kept: _Kept, now_ms: int
) -> Health:
    """Return one light for all checks: that of the worst."""
    if headline is None:
        return Health("unknown", "not checked yet")
    found = kept.health
    silent_s = (now_ms - headline.as_of_ms) / 1000
    if silent_s > STALE_S and experiment.definition.status != "archived":
        detail = (
            f"the last report is {duration(silent_s)} old, so nothing is known of "
            "now; look whether the learner runs"
        )
        others = (one for one in found if one.check != LEARNER.name)
        found = (Finding(LEARNER.name, "fail", detail), *others)
    worst: tuple[checks.Status, ...] = ("fail", "warn")
    for light in worst:
        names = [one.words for one in found if one.status == light]
        if names:
            rest = len(names) - _NAMED
            more = f" and {counted(rest, 'more', 'more')}" if rest > 0 else ""
            return Health(light, ", ".join(names[:_NAMED]) + more, found)
    if kept.counts.get("early"):
        return Health("early", checks.tally_of(kept.counts))
    return Health("ok", "all checks are ok")


_NAMED = 2
"""Checks that a line has room for."""
