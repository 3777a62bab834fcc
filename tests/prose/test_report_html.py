"""The page: one file, every number of the report, nothing that a name can break."""

import re
import xml.etree.ElementTree as ET

import pytest
from msgspec.structs import replace

from bandit_svc.prose.report_html.page import figures, report_html
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report
from bandit_svc.services.values import Estimated
from tests.harness.reports import policy_row
from tests.harness.service import Service

HOSTILE = '"><script>alert(1)</script>'


def report_of(service: Service) -> Report:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


@pytest.fixture
def earned(service: Service) -> Report:
    """A report with every part, after 600 decisions."""
    metric = {"name": "calls", "minimum": 0, "maximum": 1, "margin": 0.2}
    service.create(holdout=0.4, metrics=[metric])
    for _ in range(3):
        for decided in service.rounds(200):
            service.reward(decided, 1.0, metric="calls")
        service.mature()
    report = report_of(service)
    good = {"ips": Estimated(0.25, (0.2, 0.3))}
    rows = (
        policy_row("uniform", estimates=good),
        policy_row("fixed:c", refused="only 3 decisions speak for it"),
    )
    return replace(report, policies=rows)


def drawings(page: str) -> list[ET.Element]:
    found = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    return [ET.fromstring(svg) for svg in found]  # noqa: S314 - our own drawings


def test_the_verdict_is_on_top_and_every_part_has_a_chart_with_a_table(
    earned: Report,
) -> None:
    page = report_html(earned, "The picture on top.")
    top = page.index(earned.verdict)

    assert top < page.index("<section>")
    assert "The picture on top." in page[:top]
    # Uplift, means, shares, segments, policies, models, guardrail, latency, rewards;
    # in two widths.
    assert len(drawings(page)) == 2 * 9
    assert page.count("<details>") == 9


def test_the_file_needs_nothing_else(earned: Report) -> None:
    page = report_html(earned)

    assert "<script" not in page
    assert re.findall(r"(?:src|href)=|url\(|@import", page) == []


def test_sample_sizes_and_refusals_are_said(earned: Report) -> None:
    page = report_html(earned)
    treatment, baseline = earned.groups

    assert f"{treatment.n} decisions of the bandit for {treatment.units}" in page
    assert f"{baseline.n} of the baseline for {baseline.units}" in page
    assert "only 3 decisions speak for it" in page
    assert "uniform" in page
    assert "0.2500" in page


def test_no_number_has_more_digits_than_one_reads(earned: Report) -> None:
    body = report_html(earned).split("</style>")[1]
    visible = re.sub(r"<[^>]*>", " ", body)

    assert re.findall(r"\d\.\d{5,}", visible) == []
    for word in ("None", "nan", "inf "):
        assert word not in visible


def test_hostile_names_are_text_everywhere(earned: Report) -> None:
    first, *segments = earned.segments
    sample_ratio, *checks = earned.health
    hostile = replace(
        earned,
        experiment=HOSTILE,
        verdict=HOSTILE,
        segments=(replace(first, key=HOSTILE, value=HOSTILE), *segments),
        metrics=tuple(replace(row, metric=HOSTILE) for row in earned.metrics),
        policies=(
            replace(earned.policies[0], policy=HOSTILE),
            replace(earned.policies[1], refused=HOSTILE),
        ),
        health=(replace(sample_ratio, detail=HOSTILE), *checks),
        history=tuple(replace(p, shares={HOSTILE: 1.0}) for p in earned.history),
    )
    page = report_html(hostile, HOSTILE)

    assert "<script" not in page
    assert len(drawings(page)) == 2 * 9
    assert "&lt;script&gt;" in page


def test_many_variants_share_the_last_band(earned: Report) -> None:
    shares = {f"v{i}": 0.1 for i in range(10)}
    history = tuple(replace(point, shares=shares) for point in earned.history)
    page = report_html(replace(earned, history=history))

    # Six of 10 % have a band of their own; four are together.
    assert "other variants" in page
    assert "v6" not in page
    assert "40.0 %" in page


def test_a_report_of_nothing_is_a_page_without_charts(service: Service) -> None:
    service.create()
    page = report_html(report_of(service))

    assert "No request for a decision has come yet" in page
    assert drawings(page) == []
    assert "None" not in page


def test_one_joined_decision_is_drawn(service: Service) -> None:
    service.create(holdout=0.0)
    service.reward(service.decide())
    service.mature()

    assert drawings(report_html(report_of(service)))


def test_rewards_over_time_and_the_adjusted_uplift_are_shown(
    service: Service,
) -> None:
    spend = {"key": "spend", "minimum": 0, "maximum": 10}
    service.create(holdout=0.5, covariate=spend, policy={"kind": "uniform"})
    for i in range(120):
        service.now_ms += 50
        decided = service.decide(context={"spend": i % 11})
        if i % 4 == 0:
            service.reward(decided)
    service.mature()
    report = report_of(service)
    figure = figures(report)["rewarded"]
    page = report_html(report)

    assert figure.head == ("Up to (UTC)", "Decisions", "Got a reward")
    assert sum(int(row[1]) for row in figure.rows) == 120
    assert "Do rewards keep coming?" in page
    assert "With what spend had said of each visitor" in page
