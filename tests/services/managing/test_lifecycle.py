"""Definitions as callers write and patch them."""

from typing import Any

import pytest

from bandit_svc.errors import Conflict, InvalidInput, NotFound
from bandit_svc.services.managing import lifecycle
from tests.harness.service import Service

RULE = {"when": "hour > 9", "then": "a"}
RULES = {"kind": "rules", "rules": [RULE]}
PLACE = "/baseline/rules/0/then"
WHEN = "/candidates/0/rules/1/when"
CHOICE = "/candidates/0/otherwise/y.z"
LINEAR = {"kind": "linear"}
KEYS = {"key": "hero", "variants": [{"key": "a"}, {"key": "b"}]}


def test_a_key_and_variants_give_a_whole_definition(service: Service) -> None:
    raw = lifecycle.convert_definition(KEYS)
    definition = lifecycle.create(service.storage, raw, "salt", 0).definition

    assert definition.policy["kind"] == "auto"
    assert definition.baseline == {"kind": "fixed", "variant": "a"}
    assert (definition.holdout, definition.exploration_floor) == (0.1, 0.02)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"policy": {"kind": "nothing"}}, "/policy/kind"),
        ({"policy": {"kind": ["vw"]}}, "/policy/kind"),
        ({"policy": {"kind": "vw", "explorer": "x"}}, "/policy/explorer"),
        ({"policy": {"kind": "vw", "unknown": 1}}, "/policy/unknown"),
        ({"baseline": {"kind": "vw"}}, "/baseline/kind"),
        ({"baseline": {"kind": "fixed"}}, "/baseline/variant"),
        ({"baseline": {"kind": "fixed", "variant": "z"}}, "/baseline/variant"),
        (
            {"baseline": {"kind": "weighted", "weights": {"a/b.c": -1}}},
            "/baseline/weights/a~1b.c",
        ),
        ({"candidates": [{"kind": "nothing"}]}, "/candidates/0/kind"),
        ({"candidates": [{"kind": "vw", "x": 1}]}, "/candidates/0/x"),
        ({"candidates": [LINEAR, LINEAR]}, "/candidates/1/name"),
        ({"candidates": [LINEAR | {"name": "fixed:a"}]}, "/candidates/0/name"),
        ({"candidates": [LINEAR | {"name": 5}]}, "/candidates/0/name"),
        ({"candidates": [{"kind": "uniform"}]}, "/candidates/0/name"),
        ({"candidates": [{"kind": "fixed", "variant": "z"}]}, "/candidates/0/variant"),
        ({"candidates": ["linear"]}, "/candidates/0"),
        ({"policy": RULES | {"otherwise": "z"}}, "/policy/otherwise"),
        ({"policy": RULES | {"rules": ["when a ="]}}, "/policy/rules/0"),
        ({"baseline": RULES | {"rules": [RULE | {"then": "z"}]}}, PLACE),
        ({"candidates": [RULES | {"rules": [RULE, {"when": "a"}]}]}, WHEN),
        ({"candidates": [RULES | {"otherwise": {"y.z": 1}}]}, CHOICE),
        ({"candidates": [LINEAR] * 21}, "/candidates"),
        ({"reward": {"minimum": 2}}, "/reward/maximum"),
        ({"reward": {"aggregate": "mean"}}, "/reward/aggregate"),
        ({"holdout": "0.1"}, "/holdout"),
        ({"holdout": True}, "/holdout"),
        ({"holdout": 10**400}, "/holdout"),
        ({"variants": "a"}, "/variants"),
        ({"variants": [{"key": "a"}, 5]}, "/variants/1"),
        ({"variants": [{"key": ["a"]}]}, "/variants/0/key"),
        ({"variants": [{"key": "a"}, {"key": "a"}]}, "/variants/1/key"),
        ({"status": "gone"}, "/status"),
        ({"unknown": 1}, "/unknown"),
    ],
)
def test_a_wrong_field_is_refused_with_its_pointer_at_creation_and_in_a_patch(
    service: Service, fields: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as created:
        service.create(**fields)
    service.create()
    with pytest.raises(InvalidInput) as patched:
        service.change(**fields)

    assert [field.pointer for field in created.value.fields] == [pointer]
    assert [field.pointer for field in patched.value.fields] == [pointer]
    assert service.storage.experiments.get("hero").revision == 1


def test_a_patch_changes_the_fields_that_it_names(service: Service) -> None:
    before = service.create(description="x", reward={"grace_seconds": 3}).definition
    after = service.change(reward={"window_seconds": 60}, holdout=0.5).definition

    assert (after.reward.window_seconds, after.reward.grace_seconds) == (60.0, 3.0)
    assert (after.holdout, after.description) == (0.5, "x")
    assert after.policy == before.policy


def test_candidates_are_filled_in_named_and_replaced_as_a_list(
    service: Service,
) -> None:
    greedy = {"kind": "epsilon_greedy", "name": "shadow"}
    service.create(candidates=[{"kind": "vw", "explorer": "bag"}, greedy])
    first = service.storage.experiments.get("hero").definition.candidates
    second = service.change(candidates=[greedy]).definition.candidates
    last = service.change(candidates=None).definition.candidates

    assert [c["name"] for c in first] == ["vw-bag", "shadow"]
    assert first[1]["epsilon"] == 0.1
    assert second == first[1:]
    assert last == ()


def test_a_candidate_does_not_stand_in_the_way_of_retiring(service: Service) -> None:
    service.create(candidates=[{"kind": "fixed", "variant": "c"}])

    assert service.change(variants=[{"key": "a"}, {"key": "b"}]).revision == 2


def test_a_patch_that_changes_nothing_is_no_revision(service: Service) -> None:
    service.create()

    assert service.change().revision == 1
    assert service.change(status="running", holdout=0.1).revision == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("description", ""),
        ("holdout", 0.1),
        ("exploration_floor", 0.02),
        ("status", "running"),
        ("request_variants", "narrow"),
        ("learn_from_baseline", False),
        ("baseline", {"kind": "fixed", "variant": "a"}),
    ],
)
def test_null_in_a_patch_gives_a_field_its_default(
    service: Service, name: str, expected: object
) -> None:
    service.create(
        description="x",
        holdout=0.5,
        exploration_floor=0.5,
        status="paused",
        request_variants="replace",
        learn_from_baseline=True,
        baseline={"kind": "uniform"},
    )

    assert getattr(service.change(**{name: None}).definition, name) == expected


def test_null_for_the_policy_gives_the_default_policy(service: Service) -> None:
    service.create(policy={"kind": "linear"})

    assert service.change(policy=None).definition.policy["kind"] == "auto"


def test_null_for_the_reward_gives_its_changeable_fields_their_defaults(
    service: Service,
) -> None:
    service.create(reward={"window_seconds": 7, "grace_seconds": 9})
    reward = service.change(reward=None).definition.reward

    assert (reward.window_seconds, reward.grace_seconds) == (1800.0, 0.0)


@pytest.mark.parametrize("name", ["key", "variants"])
def test_null_for_a_field_without_a_default_is_refused(
    service: Service, name: str
) -> None:
    service.create()

    with pytest.raises(InvalidInput) as refused:
        service.change(**{name: None})
    assert [field.pointer for field in refused.value.fields] == [f"/{name}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("aggregate", "max"),
        ("default", 0.5),
        ("minimum", -1),
        ("maximum", 2),
        ("learn_on", "first_reward"),
    ],
)
def test_what_models_rest_on_is_fixed_for_life(
    service: Service, field: str, value: object
) -> None:
    service.create()

    with pytest.raises(InvalidInput) as refused:
        service.change(reward={field: value})
    assert [f.pointer for f in refused.value.fields] == [f"/reward/{field}"]


def test_null_for_a_reward_whose_fixed_fields_are_not_the_default_is_refused(
    service: Service,
) -> None:
    service.create(reward={"maximum": 5})

    with pytest.raises(InvalidInput, match="for the life of the experiment"):
        service.change(reward=None)


def test_the_key_is_fixed(service: Service) -> None:
    service.create()

    with pytest.raises(InvalidInput, match="can't be changed"):
        service.change(key="other")


def test_a_variant_that_is_missing_from_the_list_is_retired_and_can_come_back(
    service: Service,
) -> None:
    service.create()
    fewer = service.change(variants=[{"key": "c"}, {"key": "a"}]).definition
    again = service.change(variants=[{"key": "b"}, {"key": "a"}]).definition

    assert [v.key for v in fewer.active_variants] == ["c", "a"]
    assert [(v.key, v.retired) for v in fewer.variants] == [
        ("c", False),
        ("a", False),
        ("b", True),
    ]
    assert [v.key for v in again.active_variants] == ["b", "a"]


def test_the_baselines_variant_is_not_retired_under_it(service: Service) -> None:
    service.create()

    with pytest.raises(InvalidInput, match="'a' is not an active variant"):
        service.change(variants=[{"key": "b"}])
    changed = service.change(variants=[{"key": "b"}], baseline=None)
    assert changed.definition.baseline == {"kind": "fixed", "variant": "b"}


def test_a_fixed_policy_names_an_active_variant(service: Service) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.create(policy={"kind": "fixed", "variant": "unknown"})

    assert refused.value.fields[0].pointer == "/policy/variant"


def test_an_archived_experiment_can_not_be_changed(service: Service) -> None:
    service.create()
    service.change(status="archived")

    with pytest.raises(Conflict, match="archived"):
        service.change(status="running")


def test_an_unknown_experiment_can_not_be_changed(service: Service) -> None:
    with pytest.raises(NotFound):
        lifecycle.change(service.storage, "nowhere", {"holdout": 0.2}, 0)
