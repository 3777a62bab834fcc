"""A decision: who gets which pmf, what is drawn, and what is logged."""

import math
from collections import Counter
from typing import Any

import msgspec
import pytest

from bandit_svc.domain.events.decision_id import uniform_from_id
from bandit_svc.domain.experiment import BASELINE, TREATMENT
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import Conflict, InvalidInput, NotFound, Unprocessable
from policies.pmf import sample
from tests.harness.service import Service

FLOOR = 0.3


def test_the_logged_decision_is_the_answered_one(service: Service) -> None:
    service.create()
    decided = service.decide(unit_id="u", context={"t": 0.1, "user": {"age": 2**60}})

    assert service.logged() == [decided.decision]


def test_the_propensity_is_the_chosen_entry_of_the_pmf(service: Service) -> None:
    service.create(holdout=0.3)
    decisions = [decided.decision for decided in service.rounds(200)]
    service.mature()
    decisions += [decided.decision for decided in service.rounds(200)]

    assert {d.source for d in decisions} == {"policy", "baseline"}
    assert {d.model_version for d in decisions} == {0, 1}
    for d in decisions:
        assert d.propensity == d.pmf[d.chosen]
        assert 0.0 < d.propensity <= 1.0
        assert math.fsum(d.pmf) == pytest.approx(1.0, abs=1e-9)


def test_anyone_with_the_log_can_draw_again(service: Service) -> None:
    service.create(holdout=0.3)

    for decided in service.rounds(100):
        d = decided.decision
        assert sample(d.pmf, uniform_from_id(d.id, b"draw")) == d.chosen


def test_every_variant_keeps_its_share_of_the_floor(service: Service) -> None:
    service.create(holdout=0.0, exploration_floor=FLOOR)
    service.rounds(300)
    service.mature()

    for decided in service.rounds(100):
        # The floor is 0.3 over three variants.
        assert min(decided.decision.pmf) >= FLOOR / 3 - 1e-12


def test_the_baseline_has_the_reference_policys_propensities_without_a_floor(
    service: Service,
) -> None:
    weights = {"a": 3, "b": 1}
    service.create(holdout=0.5, baseline={"kind": "weighted", "weights": weights})

    for decided in service.rounds(50):
        if decided.decision.group == BASELINE:
            assert decided.decision.pmf == (0.75, 0.25, 0.0)


def test_the_baseline_is_the_first_variant_where_none_was_named(
    service: Service,
) -> None:
    service.create(holdout=0.9)
    groups = {(d.decision.group, d.decision.variant) for d in service.rounds(100)}

    assert {variant for group, variant in groups if group == BASELINE} == {"a"}


def test_a_unit_stays_in_its_group(service: Service) -> None:
    service.create(holdout=0.5)
    groups = [
        [service.decide(w, unit_id=f"u{i}").decision.group for i in range(50)]
        for w in (*service.workers, service.worker)
    ]

    assert groups[0] == groups[1] == groups[2]
    assert set(groups[0]) == {BASELINE, TREATMENT}


def test_without_a_unit_the_group_is_drawn_for_each_decision(
    service: Service,
) -> None:
    service.create(holdout=0.5)
    decisions = [service.decide().decision for _ in range(50)]

    assert {d.group for d in decisions} == {BASELINE, TREATMENT}
    assert {d.unit_id for d in decisions} == {None}


@pytest.mark.statistical
def test_variants_are_chosen_as_often_as_their_propensities_say(
    service: Service,
) -> None:
    """3,000 rounds of a trained policy and its holdout, seed 7.

    The count of a variant has the mean sum(p) and the variance sum(p (1 - p)). The
    test allows four standard deviations for each of three variants: a correct
    service fails for about one seed in 5,000, and the seed is fixed.
    """
    service.create(holdout=0.2, exploration_floor=FLOOR)
    service.rounds(500)
    service.mature()
    decisions = [decided.decision for decided in service.rounds(3000)]
    chosen = Counter(d.variant for d in decisions)

    for index, key in enumerate("abc"):
        propensities = [d.pmf[index] for d in decisions]
        variance = sum(p * (1 - p) for p in propensities)
        assert abs(chosen[key] - sum(propensities)) < 4 * math.sqrt(variance)


def test_excluded_variants_have_no_propensity(service: Service) -> None:
    service.create(holdout=0.0)
    decided = service.decide(exclude=("b",))

    assert decided.decision.variants == ("a", "c")
    assert len(decided.decision.pmf) == 2


def test_an_exclusion_that_names_no_variant_is_refused_and_nothing_is_logged(
    service: Service,
) -> None:
    service.create(request_variants="replace")

    requests: list[dict[str, Any]] = [{"variants": (Variant("new"),)}, {}]
    for fields in requests:
        with pytest.raises(InvalidInput, match="'B' is not a variant") as refused:
            service.decide(exclude=("b", "B"), **fields)
        assert [field.pointer for field in refused.value.fields] == ["/exclude/1"]
    assert service.logged() == []


def test_a_retired_variant_and_one_of_the_request_may_be_excluded(
    service: Service,
) -> None:
    service.create(holdout=0.0, request_variants="replace")
    service.change(variants=[{"key": "a"}, {"key": "c"}])
    brought = (Variant("new"), Variant("other"))

    assert service.decide(exclude=("b", "c")).decision.variants == ("a",)
    of_request = service.decide(variants=brought, exclude=("new", "a")).decision
    assert of_request.variants == ("other",)


def test_a_request_narrows_the_list_to_keys_of_the_experiment(
    service: Service,
) -> None:
    service.create(holdout=0.5)
    decisions = [service.decide(variants=("c", "b")).decision for _ in range(20)]

    assert {d.variants for d in decisions} == {("c", "b")}
    assert {d.inline_variants for d in decisions} == {None}


def test_a_request_replaces_the_list_where_the_experiment_allows_it(
    service: Service,
) -> None:
    service.create(request_variants="replace")
    brought = Variant("new", {"size": 1}, payload={"img": "x"})
    decided = service.decide(variants=("a", brought), exclude=("a",))

    assert decided.decision.variant == "new"
    assert decided.decision.inline_variants == (brought,)
    assert decided.payload == {"img": "x"}


@pytest.mark.parametrize(
    ("rule", "variants", "pointer"),
    [
        ("refuse", ("a",), "/variants"),
        ("narrow", ("a", "unknown"), "/variants/1"),
        ("narrow", (Variant("a"),), "/variants/0"),
        ("narrow", ("a", "a"), "/variants/1/key"),
        ("narrow", (), "/variants"),
        ("replace", (Variant("a"), "a"), "/variants/1/key"),
        ("replace", (Variant("a", {"x": {}}),), "/variants/0/features/x"),
        ("replace", (Variant("a"), Variant("b", retired=True)), "/variants/1/retired"),
    ],
)
def test_variants_that_a_request_may_not_bring_are_refused_and_nothing_is_logged(
    service: Service, rule: str, variants: tuple[Any, ...], pointer: str
) -> None:
    service.create(request_variants=rule)

    with pytest.raises(InvalidInput) as refused:
        service.decide(variants=variants)
    assert [field.pointer for field in refused.value.fields] == [pointer]
    assert service.logged() == []


@pytest.mark.parametrize(
    "request_fields",
    [{"exclude": ("a", "b", "c")}, {"variants": ("a",), "exclude": ("a",)}],
)
def test_no_variant_left_is_unprocessable(
    service: Service, request_fields: dict[str, Any]
) -> None:
    service.create()

    with pytest.raises(Unprocessable, match="no variant of 'hero' is left"):
        service.decide(**request_fields)


def test_a_retired_variant_is_never_chosen_again(service: Service) -> None:
    service.create(holdout=0.0)
    service.change(variants=[{"key": "a"}, {"key": "c"}])

    assert service.decide().decision.variants == ("a", "c")
    with pytest.raises(InvalidInput, match="'b' is not an active variant"):
        service.decide(variants=("b",))


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("paused", r"is paused; .* resume it with PATCH status = running"),
        # Nothing resumes it: a change of it is refused.
        ("archived", r"is archived for good; (?!.*resume)"),
    ],
)
def test_an_experiment_that_is_not_running_conflicts(
    service: Service, status: str, sentence: str
) -> None:
    service.create()
    service.change(status=status)

    with pytest.raises(Conflict, match=sentence):
        service.decide()
    assert service.logged() == []


def test_an_unknown_experiment_is_not_found(service: Service) -> None:
    with pytest.raises(NotFound, match="no experiment 'nowhere'"):
        service.decide(experiment="nowhere")


def test_where_a_policy_fails_the_baseline_serves_with_the_floor(
    service: Service,
) -> None:
    service.create(holdout=0.0, exploration_floor=FLOOR)
    # No policy reads a feature that is not a number; the edge refuses it before.
    decided = service.decide(context={"hour": math.nan})
    service.learner.tick()

    assert decided.decision.source == "fallback"
    assert decided.decision.group == TREATMENT
    # Variant a has 0.7 of the baseline and 0.1 of the floor.
    assert decided.decision.pmf == pytest.approx((0.8, 0.1, 0.1))
    assert service.storage.facts.totals(1).counts["decisions_fallback"] == 1


def test_a_damaged_model_does_not_keep_a_worker_from_deciding(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    service.create("other")
    service.rounds(20)
    service.decide(experiment="other", unit_id="u")
    service.mature()
    good = service.model()
    # The tail of the newest model is lost.
    damaged = ModelVersion(
        msgspec.structs.replace(good.meta, version=2), good.state[:-10]
    )
    service.storage.model_versions.publish(damaged, 1)
    late_worker = service.new_worker("cc")

    assert service.decide(late_worker).decision.source == "policy"
    assert service.decide(late_worker).decision.model_version == 0
