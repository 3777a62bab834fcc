"""With learn_on first_reward the report has no number that can't be right."""

import pytest

from bandit_svc.prose.report_csv import report_rows
from bandit_svc.prose.report_html.page import report_html
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.first_reward import REASON
from bandit_svc.services.report.report import Report
from bandit_svc.services.report.who_gets_what import variant_means, who_gets_what
from bandit_svc.services.values import UNKNOWN
from tests.harness.service import Service

METRIC = {"name": "calls", "minimum": 0, "maximum": 1, "margin": 0.1}


@pytest.fixture
def biased(service: Service) -> Report:
    """Return the report while windows are open, so that only successes have joined."""
    service.create(
        holdout=0.4,
        covariate={"key": "age", "minimum": 0, "maximum": 1},
        metrics=[METRIC],
        reward={"window_seconds": 1800, "learn_on": "first_reward"},
    )
    for index in range(600):
        context = {"device": "a" if index % 2 else "b", "age": 0.5}
        decided = service.decide(unit_id=f"u{index}", context=context)
        if index % 4 == 0:
            service.reward(decided)
    service.mature()
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def test_no_mean_no_share_and_no_difference_is_shown(biased: Report) -> None:
    absolute, relative = biased.uplift.absolute, biased.uplift.relative

    # Without the rule both groups would have a mean of 1.
    assert biased.decisions.joined == 150
    assert {row.mean for row in biased.groups} == {None}
    assert {row.mean for row in biased.metrics} == {None}
    assert {(v.share, v.mean, v.ips.estimate) for v in biased.variants} == {
        (None, None, None)
    }
    assert (absolute.estimate, absolute.interval, absolute.reason) == (
        *(None, UNKNOWN),
        REASON,
    )
    assert (relative.estimate, relative.reason) == (None, REASON)
    assert (biased.history, biased.segments) == ((), ())


def test_the_adjusted_uplift_and_guardrails_are_unknown(biased: Report) -> None:
    adjusted = biased.uplift.adjusted
    guardrails = [row.guardrail for row in biased.metrics if row.guardrail]

    assert adjusted
    assert (adjusted.estimate, adjusted.interval, adjusted.reason) == (
        *(None, UNKNOWN),
        REASON,
    )
    assert {(g.status, g.difference.estimate) for g in guardrails} == {
        ("undecided", None)
    }


def test_every_policy_is_refused_with_the_reason(biased: Report) -> None:
    estimates = {e.estimate for row in biased.policies for e in row.estimates.values()}

    assert estimates == {None}
    assert all("first_reward" in (row.refused or "") for row in biased.policies)


def test_counts_stay(biased: Report) -> None:
    assert sum(row.n for row in biased.groups) == 150
    assert sum(row.n for row in biased.variants) == biased.groups[0].n


def test_the_verdict_names_the_setting_and_claims_nothing(biased: Report) -> None:
    assert biased.verdict == f"The groups can't be compared: {REASON}."


def test_html_and_csv_show_the_reason_and_no_mean(biased: Report) -> None:
    page = report_html(biased)
    rows = list(report_rows(biased))

    assert REASON.split(",")[0] in page
    assert "1.0000" not in page
    assert {value for _, _, measure, value in rows if measure == "mean"} <= {None, ""}


def test_the_pages_parts_of_the_log_show_nothing(
    service: Service, biased: Report
) -> None:
    experiment = service.storage.experiments.get("hero")

    assert biased.decisions.joined
    assert who_gets_what(service.storage, experiment).n == 0
    assert variant_means(service.storage, experiment) == []
