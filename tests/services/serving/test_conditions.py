"""Variants that may be shown only under a condition, or for a time."""

import math
from datetime import UTC, datetime

import pytest

from bandit_svc.domain.experiment import BASELINE
from bandit_svc.domain.times import timestamp
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import InvalidInput, NothingEligible
from bandit_svc.prose.restricted import restricted_sentence
from bandit_svc.services.report.build import build_report
from bandit_svc.services.serving.decide import Decided
from bandit_svc.services.serving.look_up import look_up
from bandit_svc.services.serving.receipt import receipt
from tests.harness.service import Service

FLOOR = 0.3
STAFF = "user.tier != 'staff'"


def conditional(
    service: Service, *conditions: dict[str, object], **fields: object
) -> None:
    """Create variants a, b and so on, each with its conditions."""
    variants = [
        {"key": key} | one for key, one in zip("abcd", conditions, strict=False)
    ]
    fields = {"exploration_floor": FLOOR, "holdout": 0.5} | fields
    service.create("hero", None, variants=variants, **fields)


def decide_for(service: Service, tier: str, unit: int) -> Decided:
    context = {"user": {"tier": tier}}
    return service.decide(unit_id=f"u-{unit}", context=context)


def test_a_condition_comes_before_pmf_floor_and_draw_in_both_groups(
    service: Service,
) -> None:
    conditional(service, {}, {}, {"when": STAFF})
    staff = [decide_for(service, "staff", i) for i in range(100)]
    others = [decide_for(service, "gold", i) for i in range(100)]

    assert {d.decision.group for d in staff} == {"treatment", "baseline"}
    for d in staff:
        assert d.decision.variants == ("a", "b")
        assert d.ineligible == {"c": f"when: {STAFF}"}
        assert d.decision.propensity == d.decision.pmf[d.decision.chosen]
        assert math.fsum(d.decision.pmf) == pytest.approx(1.0)
        if d.decision.group != BASELINE:
            assert min(d.decision.pmf) >= FLOOR / 2 - 1e-12
    assert {d.decision.variants for d in others} == {("a", "b", "c")}
    assert not any(d.ineligible for d in others)
    assert service.logged() == [d.decision for d in staff + others]


def test_a_season_begins_with_from_and_ends_before_until(service: Service) -> None:
    begins, ends = service.now_ms + 1_000, service.now_ms + 2_000
    season: dict[str, object] = {"from": timestamp(begins), "until": timestamp(ends)}
    conditional(service, {}, {}, season)
    seen = []
    for now_ms in (begins - 1, begins, ends - 1, ends):
        service.now_ms = now_ms
        seen.append(service.decide().ineligible)

    assert seen == [
        {"c": f"from: {timestamp(begins)}"},
        {},
        {},
        {"c": f"until: {timestamp(ends)}"},
    ]


def test_an_offset_counts(service: Service) -> None:
    at = datetime.fromtimestamp(service.now_ms / 1000, UTC)
    text = at.replace(tzinfo=None).isoformat() + "-01:00"
    conditional(service, {}, {"from": text})

    assert service.decide().ineligible == {"b": f"from: {text}"}
    service.now_ms += 3_600_000
    assert not service.decide().ineligible


def test_nothing_eligible_is_no_decision(service: Service) -> None:
    conditional(service, {"when": STAFF}, {"when": STAFF})
    with pytest.raises(NothingEligible, match="conditions of its variants"):
        decide_for(service, "staff", 1)

    assert service.logged() == []
    assert decide_for(service, "gold", 1).decision.variant in "ab"


def test_a_request_narrows_what_its_conditions_leave(service: Service) -> None:
    conditional(service, {}, {"when": "hour > 9"}, {"when": "hour > 9"})

    asked = service.decide(variants=("a", "b"), context={"hour": 3})
    excluded = service.decide(exclude=("a",), context={"hour": 12})
    assert asked.decision.variants == ("a",)
    assert asked.ineligible["b"] == "when: hour > 9"
    assert excluded.decision.variants == ("b", "c")
    with pytest.raises(NothingEligible):
        service.decide(exclude=("a",), context={"hour": 3})


def test_a_retry_gets_the_first_answer_with_its_reasons(service: Service) -> None:
    until = service.now_ms + 1_000
    conditional(service, {}, {"until": timestamp(until)}, {"when": STAFF})
    context = {"user": {"tier": "staff"}}
    first = service.decide(request_id="r", context=context)
    service.now_ms = until + 1
    again = service.decide(request_id="r", context=context)

    assert again.repeated
    assert again.decision == first.decision
    assert again.ineligible == first.ineligible == {"c": f"when: {STAFF}"}


def test_the_receipt_tells_the_reasons_of_its_own_revision(service: Service) -> None:
    conditional(service, {}, {}, {"when": STAFF})
    made = decide_for(service, "staff", 1)
    service.change(variants=[{"key": "a"}, {"key": "b"}, {"key": "c"}])
    service.mature()
    view = look_up(
        service.storage.facts,
        service.worker.reader,
        service.worker.decoder,
        made.decision.id,
    )
    found = receipt(service.storage, service.storage.experiments.get("hero"), view)

    assert [tuple(one) for one in found.left_out] == [("c", f"when: {STAFF}")]


def test_a_forced_decision_is_not_learned_and_is_counted_apart(
    service: Service,
) -> None:
    conditional(service, {}, {"when": STAFF}, holdout=0.0)
    for i in range(20):
        service.reward(decide_for(service, "staff" if i % 4 == 0 else "gold", i))
    service.mature()
    report = build_report(
        service.storage, service.storage.experiments.get("hero"), service.now_ms
    )

    assert service.model().meta.learned == 15
    assert report.decisions.forced == 5
    assert report.decisions.treatment == 20
    assert service.replay().matches


def test_without_the_baselines_variant_both_groups_are_counted_as_restricted(
    service: Service,
) -> None:
    conditional(service, {}, {}, {})
    sums: dict[str, list[float]] = {"treatment": [], "baseline": []}
    for i in range(60):
        excluded = ("a",) if i % 3 == 0 else ("b",) if i % 3 == 1 else ()
        made = service.decide(unit_id=f"u-{i}", exclude=excluded)
        assert not set(excluded) & set(made.decision.variants)
        value = float(i % 4 == 0)
        service.reward(made, value)
        if "a" in excluded:
            sums[made.decision.group].append(value)
    service.mature()
    report = build_report(
        service.storage, service.storage.experiments.get("hero"), service.now_ms
    )

    assert report.decisions.restricted == 20
    assert report.decisions.forced == 0
    for row in report.restricted:
        mine = sums[row.group]
        assert row.n == row.units == len(mine) > 0
        assert row.mean == pytest.approx(sum(mine) / len(mine))
    assert "20 decisions" in restricted_sentence(report)


def test_a_report_without_restricted_decisions_has_no_rows_of_them(
    service: Service,
) -> None:
    conditional(service, {}, {}, {})
    for i in range(9):
        service.decide(unit_id=f"u-{i}", exclude=("b",))
    service.mature()
    report = build_report(
        service.storage, service.storage.experiments.get("hero"), service.now_ms
    )

    assert report.restricted == ()
    assert restricted_sentence(report) == ""


@pytest.mark.parametrize(
    ("variant", "pointer"),
    [
        ({"when": "hour >"}, "/variants/1/when"),
        ({"when": ""}, "/variants/1/when"),
        ({"from": "tomorrow"}, "/variants/1/from"),
        ({"from": "2026-11-28"}, "/variants/1/from"),
        ({"until": "2026-11-28T10:00:00"}, "/variants/1/until"),
        (
            {"from": "2026-11-28T10:00:00Z", "until": "2026-11-28T10:00:00Z"},
            "/variants/1/until",
        ),
        ({"tags": ["offer", "two words"]}, "/variants/1/tags/1"),
        ({"tags": ["t"] * 21}, "/variants/1/tags"),
    ],
)
def test_a_condition_that_cant_be_read_is_refused_with_its_place(
    service: Service, variant: dict[str, object], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        conditional(service, {}, variant)

    assert raised.value.fields[0].pointer == pointer


def test_whole_variants_of_a_request_have_no_conditions(service: Service) -> None:
    conditional(service, {}, {}, request_variants="replace")
    with pytest.raises(InvalidInput) as raised:
        service.decide(variants=(Variant("x"), Variant("y", when="hour > 9")))

    assert raised.value.fields[0].pointer == "/variants/1"
