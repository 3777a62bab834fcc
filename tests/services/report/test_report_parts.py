"""What a report says over time, by segment and of latency."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.ope.parts.differences import part_differences
from bandit_svc.ope.uplift.by_unit import Possible
from bandit_svc.ope.uplift.columns import TRAJECTORY
from bandit_svc.services.learning.parts.kept import SEGMENT, KeptParts
from bandit_svc.services.learning.uplift_sums import kept_uplift
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report, Segment, SegmentGroup, Window
from bandit_svc.services.serving.decide import Decided
from bandit_svc.services.values import Estimated
from tests.harness.raw_store import change_store
from tests.harness.service import Service
from tests.harness.unit_decisions import once

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
    return len(found.history(1)) + len(found.latencies(1))


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
        SegmentGroup("treatment", n=treated, units=treated, mean=1.0),
        SegmentGroup("baseline", n=rest, units=rest, mean=0.0),
    )
    assert mobile.uplift.estimate == 1.0
    assert mobile.significant is True
    assert (desktop.uplift.estimate, desktop.significant) == (0.0, False)
    # One of two is found, so that each interval is at 1 - 0.05 / 2.
    parts = part_differences(
        once([treated], [treated], [rest], [0]), TRAJECTORY, 0.05 / 2, Possible()
    )
    half_width = float(parts.half_width(1 - 0.05 / 2)[0])
    # The design effect of units that come once differs from 1 by chance alone.
    assert mobile.uplift.interval == pytest.approx((1 - half_width, 1.0), rel=1e-3)


def test_each_segment_has_the_design_effect_of_its_own_units(
    service: Service,
) -> None:
    service.create(holdout=0.5, **FIXED)
    for visit in range(4):
        for unit in range(400):
            place = {"kind": "regular"} if unit % 2 else {"kind": "new"}
            # Regular units come again, and earn always or never.
            name = f"u{unit}" if unit % 2 else f"u{unit}-{visit}"
            decided = service.decide(unit_id=name, context=place)
            if (unit + (0 if unit % 2 else visit)) // 2 % 5 == 0:
                service.reward(decided)
    service.mature()
    widths = {row.value: _width(row.uplift) for row in report_of(service).segments}
    independent = {
        row.value: _independent_width(row) for row in report_of(service).segments
    }

    # Four decisions of a regular unit are worth one.
    assert widths["regular"] == pytest.approx(2 * independent["regular"], rel=0.02)
    assert widths["new"] == pytest.approx(independent["new"], rel=0.02)


def _width(uplift: Estimated) -> float:
    lower, upper = uplift.interval
    assert lower is not None
    assert upper is not None
    return upper - lower


def _independent_width(row: Segment) -> float:
    """Return the width that the segment would have if each decision were a unit."""
    n_t, n_b = (group.n for group in row.groups)
    r_t, r_b = (group.n * (group.mean or 0.0) for group in row.groups)
    whole = once([n_t] * 2, [r_t] * 2, [n_b] * 2, [r_b] * 2)
    parts = part_differences(whole, TRAJECTORY, 0.05, Possible())
    return 2 * float(parts.half_width(float(parts.confidence(0.05)))[0])


def test_segments_of_a_changed_holdout_compare_the_same_times(
    service: Service,
) -> None:
    """The level doubles when the holdout falls from .5 to .1; no group is better.

    Unweighted, the treatment's mean would be .186 and the baseline's .133 or so.
    """
    service.create(holdout=0.5, **FIXED)
    for level in (1, 2):
        places = [{"device": "a"}] * 400 + [{"device": "b"}] * 400
        for index, decided in enumerate(decide(service, places)):
            if index % 10 < level:
                service.reward(decided)
        service.mature()
        service.change(holdout=0.1)
    for row in report_of(service).segments:
        treatment, baseline = row.groups

        assert treatment.mean == pytest.approx(0.15, abs=0.02)
        assert baseline.mean == pytest.approx(0.15, abs=0.05)
        lower, upper = row.uplift.interval
        assert lower is not None
        assert upper is not None
        assert lower < 0 < upper


def test_a_segment_with_few_units_says_which_group_needs_more(
    service: Service,
) -> None:
    service.create(holdout=0.5, **FIXED)
    for visit in range(60):
        for unit in range(2):
            place = {"kind": "a"} if unit else {"kind": "b"}
            service.decide(unit_id=f"u{unit}-{visit % 20}", context=place)
    service.mature()
    row = report_of(service).segments[0]
    reason = str(row.uplift.reason)

    assert row.uplift.interval == (None, None)
    assert [(group.n, group.units) for group in row.groups] == [
        (3 * units, units) for units in (group.units or 0 for group in row.groups)
    ]
    assert "within the segment needs the worth of 50 units that come equally" in reason


def test_a_variant_counts_the_units_that_it_was_shown_to(service: Service) -> None:
    service.create(holdout=0.0, **FIXED)
    for visit in range(120):
        decided = service.decide(unit_id=f"u{visit % 60}")
        if visit % 60 < 20:
            service.reward(decided)
    service.mature()
    report = report_of(service)
    rows = {row.variant: row for row in report.variants}
    never, always = rows["a"], rows["b"]
    treatment, baseline = report.groups

    assert (never.n, never.units, never.mean) == (0, 0, None)
    assert (always.n, always.units) == (120, 60)
    assert always.mean == pytest.approx(1 / 3)
    # Without a holdout the group's mean is by unit as well.
    assert (treatment.units, baseline.units) == (60, 0)
    assert treatment.interval == always.interval
    lower, upper = always.interval
    assert lower is not None
    assert upper is not None
    assert lower < 1 / 3 < upper


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
    kept = kept_uplift(service.storage.joins, 1)
    assert kept is not None
    parts = KeptParts.from_bytes(kept.parts)
    assert {part.value for _, part in parts.of_kind(SEGMENT)} == {"shop"}


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
