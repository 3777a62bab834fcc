"""The learner's metrics: gauges from the report, counters from what was ingested."""

import math
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from prometheus_client import REGISTRY

from bandit_svc.learner.loop import Tick
from bandit_svc.learner.reporting import (
    OUTCOMES,
    Reporting,
    set_gauges,
    set_policy_values,
)
from bandit_svc.services.ingest import Ingested
from bandit_svc.settings import Settings
from bandit_svc.storage.rows import COUNTERS
from bandit_svc.wiring import Backends


def report_of(key: str, **uplift: Any) -> dict[str, Any]:
    absolute = {"estimate": 0.2, "interval": [0.1, 0.3]}
    relative = {"estimate": 2.0, "interval": [None, None]}
    return {
        "experiment": key,
        "decisions": {"pending": 7},
        "model": {"version": 3, "age_seconds": 1.5, "lag_seconds": 0.25},
        "groups": [
            {"group": "treatment", "mean": 0.3},
            {"group": "baseline", "mean": None},
        ],
        "uplift": {"absolute": absolute, "relative": relative, **uplift},
    }


def policy_row(policy: str, estimate: float | None) -> dict[str, Any]:
    return {"policy": policy, "estimates": {"ips": {"estimate": estimate}}}


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
    nothing = {"estimate": None, "interval": [None, None]}
    set_gauges(report_of("g3", absolute=nothing))
    shown = value("bandit_uplift", experiment="g3", kind="absolute")

    assert shown is not None
    assert math.isnan(shown)


def test_every_counter_of_rewards_has_an_outcome() -> None:
    assert set(OUTCOMES) == {name for name in COUNTERS if name.startswith("rewards_")}


def test_ingested_rewards_and_fallbacks_are_counted_under_the_experiment(
    settings: Settings, initialise: Callable[[], None]
) -> None:
    def counted(outcome: str) -> float:
        labels = {"experiment": "hero", "outcome": outcome}
        return value("bandit_rewards_total", **labels) or 0.0

    initialise()
    before = [counted(outcome) for outcome in ("accepted", "duplicate")]
    counts = {
        (1, "rewards_accepted"): 3,
        (1, "rewards_duplicate"): 2,
        (1, "rewards_conflict"): 1,
        (1, "decisions_fallback"): 4,
        (99, "rewards_accepted"): 5,
    }
    with closing(Backends(settings)) as backends:
        reporting = Reporting(backends.storage, backends.reader)
        reporting.count(Tick(ingested=Ingested(counts=counts), joined=0))
    after = [counted(outcome) for outcome in ("accepted", "duplicate")]

    assert [b - a for a, b in zip(before, after, strict=True)] == [3, 3]
    assert value("bandit_fallback_decisions_total", experiment="hero") == 4


def test_refreshing_sets_the_gauges_of_every_experiment_of_the_store(
    settings: Settings, initialise: Callable[[], None]
) -> None:
    initialise()
    with closing(Backends(settings)) as backends:
        Reporting(backends.storage, backends.reader).refresh(now_ms=1_000)

    assert value("bandit_model_version", experiment="hero") == 0
    assert value("bandit_event_log_backlog_bytes") == 0


def test_it_refreshes_at_most_once_a_second(
    settings: Settings,
    initialise: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    initialise()
    seen: list[float] = []
    clock_s = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock_s[0])
    monkeypatch.setattr("bandit_svc.metrics.BACKLOG.set", seen.append)
    with closing(Backends(settings)) as backends:
        reporting = Reporting(backends.storage, backends.reader)
        for clock_s[0] in (100.0, 100.5, 100.9, 101.0):
            reporting.refresh(now_ms=1_000)

    assert len(seen) == 2


def test_a_store_that_can_not_be_read_stops_no_learning(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Backends(settings)) as backends:
        Reporting(backends.storage, backends.reader).refresh(now_ms=1_000)

    assert "the metrics could not be refreshed" in caplog.text


def test_what_other_policies_would_have_earned_is_a_gauge_each() -> None:
    report = {
        "experiment": "p1",
        "policies": [policy_row("uniform", 0.25), policy_row("fixed:a", None)],
    }
    labels = set_policy_values(report)
    uniform = {"experiment": "p1", "policy": "uniform", "estimator": "ips"}

    assert value("bandit_policy_value", **uniform) == 0.25
    assert math.isnan(
        value("bandit_policy_value", **uniform | {"policy": "fixed:a"}) or 0.0
    )
    assert labels == {("p1", "uniform", "ips"), ("p1", "fixed:a", "ips")}
