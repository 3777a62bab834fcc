"""What a report says over time, by segment and of latency."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.domain.segment import FOLDED
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.parts import part_differences
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report, SegmentGroup, Window
from bandit_svc.services.serving.decide import Decided
from bandit_svc.services.values import Estimated
from tests.harness.raw_store import change_store
from tests.harness.service import Service

Json = dict[str, Any]
FIXED: Json = {"policy": {"kind": "fixed", "variant": "b"}, "exploration_floor": 0.0}


def report_of(service: Service) -> Report:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def decide(service: Service, contexts: Sequence[Json]) -> list[Decided]:
    return [
        service.decide(unit_id=f"u{service.now_ms}-{i}", context=context)
        for i, context in enumerate(contexts)
    ]


def is_treated(decided: Decided) -> bool:
    return decided.decision.group == "treatment"


def test_a_point_of_the_history_sums_all_that_was_exposed_before(
    service: Service,
) -> None:
    service.create(holdout=0.5, **FIXED)
    first = decide(service, [{}] * 40)
    for decided in first:
        service.reward(decided, 1.0 if is_treated(decided) else 0.0)
    service.now_ms += 1000
    second = decide(service, [{}] * 40)
    service.mature()
    one, two = report_of(service).history
    treated = sum(map(is_treated, first))
    later = sum(map(is_treated, second))

    assert (one.joined, one.treatment, one.baseline) == (40, 1.0, 0.0)
    assert (one.shown, one.shares) == (treated, {"b": 1.0})
    assert two.joined == 80
    # The later ones earned nothing.
    assert two.treatment == pytest.approx(treated / (treated + later))
    assert one.at < two.at


def test_the_last_point_of_the_history_is_the_uplift_of_the_report(
    service: Service,
) -> None:
    service.create(holdout=0.3)
    for _ in range(3):
        service.rounds(150)
        service.mature()
    report = report_of(service)

    assert report.history[-1].uplift == report.uplift.absolute
    assert report.history[-1].joined == report.decisions.joined == 450


def test_the_cost_of_a_report_does_not_grow_with_the_log(service: Service) -> None:
    service.create(holdout=0.3)
    steps: list[int] = []
    for _ in range(2):
        for _ in range(4):
            service.rounds(300)
            service.mature()
        steps.append(rows_read(service))

    # 1,200 decisions more, in some seconds more: 24 points at most.
    assert steps[1] - steps[0] < 400


def rows_read(service: Service) -> int:
    """Count the rows that the new parts of a report read."""
    found = service.storage.breakdowns
    return len(found.history(1)) + len(found.segments(1)) + len(found.latencies(1))


def test_the_parts_of_a_report_read_no_decision(service: Service) -> None:
    service.create(holdout=0.3)
    service.rounds(100)
    service.mature()
    before = report_of(service)
    change_store(Path(service.settings.data), "UPDATE decisions SET logged = x'00'")
    after = report_of(service)

    assert before.segments
    for part in ("history", "segments", "latency", "metrics"):
        assert getattr(after, part) == getattr(before, part)


def test_a_segment_compares_the_groups_within_it(service: Service) -> None:
    service.create(holdout=0.5, **FIXED)
    devices = [{"device": "mobile"}] * 300 + [{"device": "desktop"}] * 300
    counts = {"mobile": 0, "desktop": 0}
    for decided in decide(service, devices):
        device = decided.decision.context["device"]
        counts[device] += is_treated(decided)
        if device == "mobile" and is_treated(decided):
            service.reward(decided)
    service.mature()
    rows = {row.value: row for row in report_of(service).segments}
    mobile, desktop = rows["mobile"], rows["desktop"]
    treated, rest = counts["mobile"], 300 - counts["mobile"]

    assert mobile.groups == (
        SegmentGroup("treatment", n=treated, mean=1.0),
        SegmentGroup("baseline", n=rest, mean=0.0),
    )
    assert mobile.uplift.estimate == 1.0
    assert mobile.significant is True
    assert (desktop.uplift.estimate, desktop.significant) == (0.0, False)
    # One of two is found, so that each interval is at 1 - 0.05 / 2.
    parts = part_differences(
        [Moments(treated, treated, treated)], [Moments(rest)], 0.05 / 2, 1
    )
    half_width = float(parts.half_width(1 - 0.05 / 2)[0])
    # The design effect of units that come once differs from 1 by chance alone.
    assert mobile.uplift.interval == pytest.approx((1 - half_width, 1.0), rel=1e-3)


def test_segments_are_as_wide_as_the_design_effect_of_all_decisions(
    service: Service,
) -> None:
    service.create(holdout=0.5, **FIXED)
    contexts = [{"device": "a"}, {"device": "b"}] * 200
    for _ in range(4):
        for unit, context in enumerate(contexts):
            decided = service.decide(unit_id=f"u{unit}", context=context)
            if unit % 5 == 0:
                service.reward(decided)
    service.mature()
    report = report_of(service)
    treatment, baseline = (
        [Moments(row.n, row.n / 5, row.n / 5)] * 2 for row in report.segments[0].groups
    )
    independent = part_differences(treatment, baseline, 0.05, 1)
    half_width = float(independent.half_width(1 - 0.05 / 2)[0])
    lower, upper = report.segments[0].uplift.interval

    assert lower is not None
    assert upper is not None
    # Four decisions of a unit that earns always or never are worth one.
    assert (upper - lower) / 2 == pytest.approx(2 * half_width, rel=0.1)


def test_segments_of_a_changed_holdout_are_not_compared(service: Service) -> None:
    service.create(holdout=0.5, **FIXED)
    for _ in range(2):
        decide(service, [{"device": "a"}] * 200 + [{"device": "b"}] * 200)
        service.change(holdout=0.3)
    service.mature()
    uplift = report_of(service).segments[0].uplift

    assert uplift.interval == (None, None)
    assert "the holdout was changed" in str(uplift.reason)


def test_the_rule_names_its_level_and_the_number_of_segments(service: Service) -> None:
    service.create(holdout=0.5)
    decide(service, [{"device": "a"}] * 30 + [{"device": "b"}] * 30)
    service.mature()
    rule = report_of(service).segment_rule

    assert (rule.tested, rule.discovered) == (2, 0)
    assert rule.confidence == pytest.approx(1 - 0.05 / 2)
    assert "e-BH over 2 segments; each interval is at 97.5 %" in rule.detail


def test_a_value_of_few_decisions_is_not_named(service: Service) -> None:
    service.create()
    common = [{"city": "Rome"}] * 30 + [{"city": "Oslo"}] * 20
    decide(service, [*common, *([{"city": "Thule"}] * 19)])
    service.mature()
    rows = report_of(service).segments

    assert [(row.value, row.folded) for row in rows] == [
        ("Rome", False),
        ("Oslo", False),
        ("other", True),
    ]
    assert rows[-1].uplift == Estimated(
        None, (None, None), "rare values together are not tested"
    )
    assert sum(group.n for group in rows[-1].groups) == 19


def test_a_key_of_one_value_or_of_many_is_no_segment(service: Service) -> None:
    service.create()
    decide(service, [{"site": "shop", "visitor": f"person {i}"} for i in range(250)])
    service.mature()

    assert report_of(service).segments == ()
    stored = service.storage.breakdowns.segments(1)
    assert {row.value for row in stored} == {"shop"}
    assert FOLDED not in {row.value for row in stored}


def test_latency_recommends_the_window_that_counts_most_rewards(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    for i, decided in enumerate(decide(service, [{}] * 200)):
        # 150 after 100 ms; 50 after 3.2 s, which is 5 octaves later.
        occurred_at_ms = decided.decision.decided_at_ms + (3200 if i < 50 else 100)
        service.reward(decided, occurred_at_ms=occurred_at_ms)
    service.mature()
    latency = report_of(service).latency

    assert (latency.rewards, latency.late) == (200, 50)
    assert latency.late_share == 0.25
    assert latency.windows == (Window(0.95, seconds=3.2), Window(0.99, seconds=3.2))
    assert "a window of 3.2 s would have counted 95 %" in latency.detail
    assert [(b.counted, b.late) for b in latency.histogram] == [
        (150, 0),
        (0, 50),
    ]


@pytest.mark.parametrize(
    ("window_seconds", "words"), [(2, "2 s fits"), (60, "learn sooner than the 60 s")]
)
def test_latency_says_whether_the_window_fits(
    service: Service, window_seconds: int, words: str
) -> None:
    service.create(holdout=0.0, reward={"window_seconds": window_seconds})
    for decided in decide(service, [{}] * 100):
        service.reward(decided, occurred_at_ms=decided.decision.decided_at_ms + 1_500)
    service.now_ms += 100_000
    service.mature()

    assert words in report_of(service).latency.detail


def test_a_second_reward_behind_the_first_says_nothing_of_the_window(
    service: Service,
) -> None:
    service.create(holdout=0.0, reward={"learn_on": "first_reward", "maximum": 9})
    decided = service.decide()
    service.now_ms += 100
    service.reward(decided, reward_id="first")
    service.now_ms += 100
    service.learner.tick()
    service.reward(decided, reward_id="second")
    service.mature()
    latency = report_of(service).latency

    assert (latency.rewards, latency.late) == (1, 0)


def test_a_report_of_nothing_has_empty_parts(service: Service) -> None:
    service.create()
    report = report_of(service)

    assert (report.history, report.segments, report.metrics) == ((), (), ())
    assert report.latency.late_share is None
    assert [w.seconds for w in report.latency.windows] == [None, None]
