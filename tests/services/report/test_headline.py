"""A summary: the headline of the last report beside live counts."""

from typing import Any

import pytest

from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.headline import STALE_S, Health, headline_of, summary
from bandit_svc.storage.overview import Headline
from tests.harness.service import Service


def summarised(
    service: Service,
    checks: list[tuple[str, str]],
    age_s: float,
    counts: dict[str, int] | None = None,
) -> Health:
    """Return the health of a running experiment whose last report had these checks.

    Args:
        counts: how many had which status; a store of an earlier version has none.
    """
    service.create()
    health = [{"check": c, "status": s, "detail": f"{c}!"} for c, s in checks]
    content: dict[str, Any] = {"verdict": "Wait.", "uplift": None, "health": health}
    if counts is not None:
        content["counts"] = counts
    now_ms = service.now_ms
    headline = Headline(1, round(now_ms - age_s * 1000), content)
    (row,) = service.storage.overview.summaries(now_ms)
    experiment = service.storage.experiments.get("hero")
    return summary(experiment, row, headline, 3.5, now_ms).health


@pytest.mark.parametrize(
    ("checks", "light", "text"),
    [
        ([], "ok", "all checks are ok"),
        ([("late_rewards", "warn")], "warn", "late rewards"),
        ([("a", "warn"), ("b", "fail"), ("c", "fail")], "fail", "b, c"),
        ([(c, "warn") for c in "abcd"], "warn", "a, b and 2 more"),
    ],
)
def test_the_light_is_that_of_the_worst_check(
    service: Service, checks: list[tuple[str, str]], light: str, text: str
) -> None:
    health = summarised(service, checks, age_s=1.0)

    assert (health.light, health.text) == (light, text)


@pytest.mark.parametrize(
    ("checks", "counts", "light", "text"),
    [
        ([], {"ok": 13}, "ok", "all checks are ok"),
        ([], {"ok": 5, "early": 8}, "early", "5 ok, 8 too early"),
        ([("learner", "warn")], {"warn": 1, "early": 12}, "warn", "learner"),
    ],
)
def test_checks_that_are_too_early_are_counted_and_are_not_green(
    service: Service,
    checks: list[tuple[str, str]],
    counts: dict[str, int],
    light: str,
    text: str,
) -> None:
    health = summarised(service, checks, 1.0, counts)

    assert (health.light, health.text) == (light, text)


def test_a_report_that_is_old_says_nothing_of_now(service: Service) -> None:
    health = summarised(service, [("learner", "warn")], age_s=STALE_S + 1)

    assert health.light == "fail"
    assert [c.check for c in health.checks] == ["learner"]
    assert "look whether the learner runs" in health.checks[0].detail


def test_a_headline_is_the_report_without_what_is_fine(service: Service) -> None:
    service.create(holdout=0.5)
    service.rounds(100)
    service.mature()
    experiment = service.storage.experiments.get("hero")
    report = build_report(service.storage, experiment, service.now_ms)
    headline = headline_of(report, experiment.number, service.now_ms)
    service.storage.overview.keep([headline])
    (row,) = service.storage.overview.summaries(service.now_ms)
    found = summary(experiment, row, row.headline, 0.0, service.now_ms)

    assert found.verdict == report.verdict
    assert found.uplift is not None
    assert found.uplift.absolute == report.uplift.absolute
    assert found.uplift.relative == report.uplift.relative
    assert (found.decisions, found.pending) == (100, 0)
    assert found.model.version == report.model.version


def test_what_waits_is_counted_without_looking_at_it(service: Service) -> None:
    service.create()
    service.rounds(30)
    service.mature()
    service.rounds(7)
    service.mature_only()
    service.rounds(5)
    service.learner.tick()
    (row,) = service.storage.overview.summaries(service.now_ms)
    experiment = service.storage.experiments.get("hero")
    found = summary(experiment, row, None, 0.0, service.now_ms)
    totals = service.storage.facts.totals(1)

    assert (found.decisions, found.pending) == (42, totals.pending)
    assert found.health.light == "unknown"
