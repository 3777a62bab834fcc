"""The learner's metrics: gauges from the report, counters from what was ingested."""

import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from bandit_svc import metrics
from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.learner.gauges import (
    Rest,
    set_gauges,
    set_policy_values,
    set_statuses,
)
from bandit_svc.learner.loop import Tick
from bandit_svc.learner.reporting import OUTCOMES, Reporting
from bandit_svc.services.checks.check import Status
from bandit_svc.services.checks.stored_log import SAMPLE_RATIO
from bandit_svc.services.evaluation.checks import PROPENSITY_AUDIT
from bandit_svc.services.learning.ingest import Ingested
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.report.report import (
    Guardrail,
    GuardrailStatus,
    MetricRow,
    Report,
)
from bandit_svc.services.values import UNKNOWN, Estimated, PolicyRow
from bandit_svc.settings import Settings
from bandit_svc.storage.counters import COUNTERS
from bandit_svc.storage.rows import FoundDamages
from bandit_svc.wiring import Backends
from tests.harness.reports import MODEL, UPLIFT, policy_row, report_of


def valued(policy: str, estimate: float | None) -> PolicyRow:
    return policy_row(policy, estimates={"ips": Estimated(estimate, UNKNOWN)})


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_each_gauge_takes_its_number_from_the_report() -> None:
    set_gauges(report_of("g1"))

    assert value("bandit_pending_decisions", experiment="g1") == 7
    assert value("bandit_model_version", experiment="g1") == 3
    assert value("bandit_model_age_seconds", experiment="g1") == 1.5
    assert value("bandit_learner_lag_seconds", experiment="g1") == 0.25
    assert value("bandit_reward_mean", experiment="g1", group="treatment") == 0.3
    assert value("bandit_uplift", experiment="g1", kind="relative") == 2.0
    bound = {"experiment": "g1", "kind": "absolute"}
    assert value("bandit_uplift_bound", **bound, side="lower") == 0.1
    assert value("bandit_uplift_bound", **bound, side="upper") == 0.3


def test_what_is_not_known_is_not_a_number_rather_than_zero() -> None:
    set_gauges(report_of("g2"))
    unknown = [
        value("bandit_reward_mean", experiment="g2", group="baseline"),
        value("bandit_uplift_bound", experiment="g2", kind="relative", side="lower"),
    ]

    assert all(v is not None and math.isnan(v) for v in unknown)


def test_a_value_that_becomes_unknown_does_not_linger() -> None:
    set_gauges(report_of("g3"))
    nothing = replace(UPLIFT, absolute=Estimated(None, UNKNOWN))
    set_gauges(report_of("g3", uplift=nothing))
    shown = value("bandit_uplift", experiment="g3", kind="absolute")

    assert shown is not None
    assert math.isnan(shown)


def test_every_counter_of_rewards_has_an_outcome() -> None:
    assert set(OUTCOMES) == {name for name in COUNTERS if name.startswith("rewards_")}


def test_ingested_rewards_are_counted_under_the_experiment(
    settings: Settings, initialise: Callable[[], None]
) -> None:
    def counted(outcome: str) -> float:
        labels = {"experiment": "hero", "outcome": outcome}
        return value("bandit_rewards_total", **labels) or 0.0

    initialise()
    outcomes = ("accepted", "duplicate", "conflict", "clipped", "refused")
    before = [counted(outcome) for outcome in outcomes]
    counts = {
        (1, "rewards_accepted"): 3,
        (1, "rewards_duplicate"): 2,
        (1, "rewards_conflict"): 1,
        (1, "rewards_clipped_treatment"): 5,
        (1, "rewards_refused_orphan"): 6,
        (1, "decisions_fallback"): 4,
        (99, "rewards_accepted"): 5,
    }
    with closing(Backends(settings)) as backends:
        reporting = Reporting(backends.storage, backends.reader)
        cut = {(1, "rewards_clipped_baseline"): 2}
        reporting.count(Tick(Ingested(0, counts=counts), joined=1, joined_counts=cut))
    after = [counted(outcome) for outcome in outcomes]

    assert [b - a for a, b in zip(before, after, strict=True)] == [3, 2, 1, 7, 6]
    # The worker that fell back has counted it already.
    assert not value("bandit_fallback_decisions_total", experiment="hero")


def test_refreshing_sets_the_gauges_of_every_experiment_of_the_store(
    settings: Settings, initialise: Callable[[], None]
) -> None:
    initialise()
    with closing(Backends(settings)) as backends:
        Reporting(backends.storage, backends.reader).refresh(now_ms=1_000)

    assert value("bandit_model_version", experiment="hero") == 0
    assert value("bandit_event_log_backlog_bytes") == 0


def test_damage_of_the_log_is_degraded_until_it_is_acknowledged(
    settings: Settings, initialise: Callable[[], None]
) -> None:
    initialise()
    shown = []
    with closing(Backends(settings)) as backends:
        found = FoundDamages([Damage("p", 2, 94, 1, 40, "changed")], 100)
        backends.storage.facts.ingest([], {}, found)
        for _ in range(2):
            Reporting(backends.storage, backends.reader).refresh(now_ms=1_000)
            shown.append(value("bandit_degraded", reason="damage"))
            backends.storage.damages.acknowledge(1, 200)

    assert shown == [1, 0]


class CountingReader(FileReader):
    """A reader of the log that counts how often its backlog is looked at."""

    looks = 0

    def backlog_bytes(self, cursors: dict[str, Cursor]) -> int:
        self.looks += 1
        return super().backlog_bytes(cursors)


def test_it_refreshes_at_most_once_a_second(
    settings: Settings,
    initialise: Callable[[], None],
) -> None:
    initialise()
    clock_s = [100.0]
    reader = CountingReader(Path(settings.data) / "log")
    with closing(Backends(settings)) as backends:
        reporting = Reporting(backends.storage, reader, clock_s=lambda: clock_s[0])
        for clock_s[0] in (100.0, 100.5, 100.9, 101.0):
            reporting.refresh(now_ms=1_000)

    assert reader.looks == 2


def test_a_store_that_can_not_be_read_stops_no_learning(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Backends(settings)) as backends:
        Reporting(backends.storage, backends.reader).refresh(now_ms=1_000)

    assert "the metrics could not be refreshed" in caplog.text


def test_what_other_policies_would_have_earned_is_a_gauge_each() -> None:
    rows = (valued("uniform", 0.25), valued("fixed:a", None))
    labels = set_policy_values(report_of("p1", policies=rows))
    uniform = {"experiment": "p1", "policy": "uniform", "estimator": "ips"}

    assert value("bandit_policy_value", **uniform) == 0.25
    assert math.isnan(
        value("bandit_policy_value", **uniform | {"policy": "fixed:a"}) or 0.0
    )
    assert labels == {("p1", "uniform", "ips"), ("p1", "fixed:a", "ips")}


def status_report(
    key: str, audit: Status, guardrail: GuardrailStatus, **parts: object
) -> Report:
    judged = Guardrail(guardrail, "higher", 0.1, Estimated(0.0, UNKNOWN), "…")
    return report_of(
        key,
        health=(SAMPLE_RATIO.ok("…"), PROPENSITY_AUDIT.answer(audit, "…")),
        metrics=(
            MetricRow("returns", "treatment", 90, 9, 9.0, 0.1, judged),
            MetricRow("returns", "baseline", 10, 1, 1.0, 0.1, judged),
            MetricRow("undeclared", "treatment", 90, 9, 9.0, 0.1, None),
        ),
        **parts,
    )


@pytest.mark.parametrize(("status", "level"), [("ok", 0), ("warn", 1), ("fail", 2)])
def test_a_check_is_a_gauge_of_its_level(status: Status, level: int) -> None:
    set_statuses(status_report("h1", status, "ok"))

    assert value("bandit_health_status", experiment="h1", check="sample_ratio") == 0
    audit = {"experiment": "h1", "check": "propensity_audit"}
    assert value("bandit_health_status", **audit) == level


def test_a_check_that_is_too_early_exports_no_sample() -> None:
    labels = set_statuses(status_report("h3", "early", "ok"))
    early = {"experiment": "h3", "check": "propensity_audit"}

    assert value("bandit_health_status", **early) is None
    assert (metrics.HEALTH, ("h3", "propensity_audit")) not in labels
    assert (metrics.HEALTH, ("h3", "sample_ratio")) in labels


@pytest.mark.parametrize(
    ("status", "level"), [("ok", 0), ("undecided", 1), ("breached", 2)]
)
def test_a_declared_metric_is_a_gauge_and_one_of_a_request_is_not(
    status: GuardrailStatus, level: int
) -> None:
    set_statuses(status_report("h2", "ok", status))

    returns = {"experiment": "h2", "metric": "returns"}
    assert value("bandit_guardrail_status", **returns) == level
    undeclared = {"experiment": "h2", "metric": "undeclared"}
    assert value("bandit_guardrail_status", **undeclared) is None


def test_what_vanishes_from_the_reports_is_not_a_number_any_more(
    settings: Settings,
    initialise: Callable[[], None],
) -> None:
    initialise()
    clock_s = [100.0]
    learn_on = {"experiment": "hero", "check": "learn_on"}
    with closing(Backends(settings)) as backends:
        reporting = Reporting(
            backends.storage, backends.reader, clock_s=lambda: clock_s[0]
        )
        reporting.refresh(now_ms=1_000)
        shown = value("bandit_health_status", **learn_on)
        lifecycle.change(backends.storage, "hero", {"status": "archived"}, 2_000)
        clock_s[0] = 102.0
        reporting.refresh(now_ms=2_000)

    # Nobody acts on the checks of an experiment that is over.
    assert shown == 0
    assert math.isnan(value("bandit_health_status", **learn_on) or 0.0)


def test_experiments_beyond_the_cap_show_their_sum_and_the_worst_of_them() -> None:
    rest = Rest()
    rest.add(status_report("x1", "ok", "breached"))
    rest.add(
        status_report(
            "x2",
            "fail",
            "undecided",
            model=replace(MODEL, age_seconds=None, lag_seconds=90.0),
        )
    )
    rest.set_gauges()
    other = {"experiment": "(other)"}

    assert value("bandit_pending_decisions", **other) == 14
    assert value("bandit_learner_lag_seconds", **other) == 90.0
    assert value("bandit_model_age_seconds", **other) == 1.5
    assert value("bandit_health_status", **other, check="propensity_audit") == 2
    assert value("bandit_guardrail_status", **other, metric="(other)") == 2
    assert value("bandit_uplift", **other, kind="absolute") is None


def test_fixed_variants_beyond_the_cap_have_no_value_of_their_own() -> None:
    count = metrics.MAX_VARIANTS + 3
    fixed = [valued(f"fixed:v{number}", 0.1) for number in range(count)]
    rows = (valued("uniform", 0.2), *fixed, valued("named", 0.3))
    labels = set_policy_values(report_of("p2", policies=rows))

    assert len(labels) == metrics.MAX_VARIANTS + 2
    assert ("p2", "named", "ips") in labels
    assert ("p2", f"fixed:v{count - 1}", "ips") not in labels
