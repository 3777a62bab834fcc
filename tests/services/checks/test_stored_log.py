"""Whether a report notices that its log can't be trusted."""

from typing import Any

import pytest

from bandit_svc.services.checks.check import Check
from bandit_svc.services.report.build import build_report
from tests.harness.service import Service

Json = dict[str, Any]
UNIFORM: Json = {"policy": {"kind": "uniform"}}
HOUR_MS = 3_600_000


def check(service: Service, name: str) -> Check:
    experiment = service.storage.experiments.get("hero")
    report = build_report(service.storage, experiment, service.now_ms)
    (found,) = (c for c in report.health if c.name == name)
    return found


def decide(service: Service, count: int, start: int = 0) -> None:
    for i in range(start, start + count):
        service.decide(unit_id=f"unit {i}")


def test_one_unit_with_very_many_decisions_is_no_mismatch(service: Service) -> None:
    service.create(holdout=0.3, **UNIFORM)
    decide(service, 100)
    for _ in range(600):
        service.decide(unit_id="a crawler")
    service.mature()
    ratio = check(service, "sample_ratio")

    assert ratio.status == "ok"
    assert "of 101 units are in the baseline group" in ratio.detail


def test_units_that_come_back_too_often_warn(service: Service) -> None:
    service.create(holdout=0.3, **UNIFORM)
    for _ in range(3):
        decide(service, 20)
    service.mature()
    thrice = check(service, "repeat_visits")
    decide(service, 20)
    service.mature()
    four_times = check(service, "repeat_visits")

    assert thrice.status == "ok"
    assert thrice.detail == "a unit has 3.0 decisions on average"
    assert four_times.status == "warn"
    assert "a unit has 4.0 decisions on average; " in four_times.detail


def test_deferred_decisions_count_once_they_are_exposed(service: Service) -> None:
    service.create(holdout=0.5, **UNIFORM)
    asked = [service.decide(unit_id=f"unit {i % 10}", defer=True) for i in range(400)]
    for decided in asked[:120]:
        service.activate(decided)
    service.mature()
    repeat = check(service, "repeat_visits")

    # 120 exposed decisions of 10 units; the 280 that were never shown don't count.
    assert repeat.status == "warn"
    assert "a unit has 12.0 decisions on average; " in repeat.detail


def test_a_group_that_is_lost_on_the_way_fails(service: Service) -> None:
    service.create(holdout=0.5, **UNIFORM)
    kept = 0
    for i in range(120):
        # A crash in the page of the baseline: nothing of it is ever activated.
        decided = service.decide(unit_id=f"unit {i}", defer=True)
        if decided.decision.group == "treatment":
            service.activate(decided)
            kept += 1
    service.mature()
    ratio = check(service, "sample_ratio")

    assert (ratio.status, ratio.numbers["p_value"] < 0.001) == ("fail", True)
    assert f"0.0 % of {kept} units" in ratio.detail


def test_a_changed_holdout_is_tested_with_the_units_that_came_after_it(
    service: Service,
) -> None:
    service.create(holdout=0.0, **UNIFORM)
    decide(service, 200)
    service.change(holdout=0.5)
    # The old units come back, half of them in the other group now.
    decide(service, 200)
    decide(service, 300, start=1_000)
    service.mature()
    ratio = check(service, "sample_ratio")

    assert ratio.status == "ok"
    assert "of 300 units first seen since revision 2" in ratio.detail


def test_a_reward_sender_that_goes_down_is_noticed(service: Service) -> None:
    service.create(holdout=0.0, **UNIFORM)
    start_ms = service.now_ms
    for part in range(8):
        service.now_ms = start_ms + part * HOUR_MS
        for i in range(150):
            decided = service.decide()
            if i % 3 == 0 and part < 6:
                service.reward(decided)
        service.mature()
    missing = check(service, "missing_rewards")

    assert missing.status == "fail"
    assert missing.numbers == {"before": pytest.approx(1 / 3), "after": 0}
    assert "0.0 % of the decisions got a reward, before 33.3 %" in missing.detail
    assert "is the reward sender down?" in missing.detail


def test_rewards_that_keep_coming_are_no_fall(service: Service) -> None:
    service.create(**UNIFORM)
    service.rounds(400)
    service.mature()

    assert check(service, "missing_rewards").status == "ok"


def test_a_context_key_that_goes_missing_is_named(service: Service) -> None:
    service.create(**UNIFORM)
    for i in range(1_000):
        service.decide(context={"app": f"v{i % 3}", "device": "mobile"})
    service.now_ms += HOUR_MS
    for _ in range(500):
        service.decide(context={"device": "mobile"})
    service.mature()
    drift = check(service, "context_drift")

    assert drift.status == "warn"
    assert "`app` is missing in 100.0 % of the decisions since" in drift.detail
    assert "before in 0.0 %" in drift.detail
    assert "device" not in drift.detail
    assert (drift.keys or {})["device"] == pytest.approx(0, abs=0.001)


def test_a_new_value_is_named(service: Service) -> None:
    service.create(**UNIFORM)
    for i in range(1_500):
        service.now_ms += 1
        service.decide(context={"app": "2.0" if i >= 1_000 else "1.0"})
    service.mature()

    assert "`app` has a new value '2.0'" in check(service, "context_drift").detail


def test_a_key_that_always_swings_is_left_in_peace(service: Service) -> None:
    service.create(**UNIFORM)
    for i in range(2_500):
        # Another hour every 250 decisions, four of them in a day.
        service.now_ms += 1
        service.decide(context={"hour": i // 250 % 4})
    service.mature()
    drift = check(service, "context_drift")

    assert drift.status == "ok"


def test_a_drift_needs_500_decisions_on_both_sides(service: Service) -> None:
    service.create(**UNIFORM)
    for i in range(999):
        service.decide(context={"app": "new" if i > 400 else "old"})
    service.mature()

    assert "not compared" in check(service, "context_drift").detail


def test_true_chances_are_well_calibrated(service: Service) -> None:
    service.create(holdout=0.2)
    for _ in range(3):
        service.rounds(200)
        service.mature()
    calibration = check(service, "calibration")

    assert calibration.status == "ok"
    assert calibration.numbers["p_value"] > 0.01
    rows = service.storage.breakdowns.calibration(1)
    # Every decision has chosen within one of the bins.
    assert sum(row.happened for row in rows) == 600


def test_late_rewards_come_with_the_window_that_would_count_them(
    service: Service,
) -> None:
    service.create(holdout=0.0, **UNIFORM)
    for _ in range(100):
        decided = service.decide()
        service.now_ms += 7_000
        service.reward(decided, occurred_at_ms=decided.decision.decided_at_ms + 6_000)
    service.mature()
    late = check(service, "late_rewards")

    assert late.status == "warn"
    assert "set reward.window_seconds to 6 to count 95 %" in late.detail


def test_the_sums_are_the_same_after_a_kill_and_in_other_batches(
    service: Service,
) -> None:
    service.create(holdout=0.3)
    other = service.new_learner()
    for part in range(6):
        service.rounds(90)
        if part % 2:
            service.now_ms += 500
            other.tick()
    service.mature()
    sums = service.storage.breakdowns
    happened = sum(row.happened for row in sums.calibration(1))

    assert happened == 540
    assert sum(row.n for row in sums.drift(1)) == 540
    assert sum(row.n for row in sums.history(1)) == 540
    assert sum(row[1] + row[2] for row in sums.units(1)[-1:]) == 540
