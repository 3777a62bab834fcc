"""A published model as a target: frozen, and only on what it has not seen."""

from typing import Any

import msgspec
import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.evaluate import evaluate, split
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.policy_inputs import actions_of
from bandit_svc.services.serving.served_experiment import load_policy
from bandit_svc.services.values import PolicyRow
from bandit_svc.storage.rows import JoinedRow
from tests.harness.service import Service

Json = dict[str, Any]
BEFORE, AFTER = 120, 480


@pytest.fixture
def played(service: Service) -> Service:
    """Version 1 learned from 120 decisions; 480 more have matured since."""
    service.create(policy={"kind": "linear"}, holdout=0.0, exploration_floor=0.5)
    service.rounds(BEFORE)
    service.mature()
    service.rounds(AFTER)
    service.mature()
    return service


def asked(service: Service, *labels: str | Json) -> Json:
    experiment = service.storage.experiments.get("hero")
    models = service.storage.model_versions.metas(experiment.number)
    return asked_specs(experiment.definition, labels, models, "/policies/{}")


def evaluated(service: Service, specs: Json) -> tuple[PolicyRow, ...]:
    experiment = service.storage.experiments.get("hero")
    return evaluate(service.storage, experiment, specs).policies


def by_hand(service: Service) -> float:
    """IPS of version 1 over the decisions behind its cursor."""
    experiment = service.storage.experiments.get("hero")
    published = service.storage.model_versions.get(1, 1)
    policy = load_policy(experiment.definition, published)
    actions = actions_of(experiment.definition.variants)
    total = 0.0
    for row in service.storage.joins.after(1, BEFORE, 10_000):
        decision = row.decision
        chance = policy.pmf(decision.context, actions)[decision.chosen]
        total += chance / decision.propensity * row.reward
    return total / AFTER


def test_a_version_is_worth_what_it_would_have_earned_on_what_it_had_not_seen(
    played: Service,
) -> None:
    model, uniform = evaluated(played, asked(played, "model:1", "uniform"))

    assert (model.policy, model.n, uniform.n) == ("model:1", 480, 600)
    assert model.refused is None
    assert model.estimates["ips"].estimate == pytest.approx(by_hand(played))
    assert "learned from the log up to joined decision 120, so only" in str(model.note)


def test_beside_it_the_others_are_worth_what_they_are_without_it(
    played: Service,
) -> None:
    linear = {"kind": "linear", "ridge": 2.0}
    _, beside = evaluated(played, asked(played, "model:1", linear))
    (alone,) = evaluated(played, asked(played, linear))

    assert beside == alone


def test_a_version_that_has_seen_everything_is_refused_with_a_sentence(
    played: Service,
) -> None:
    (row,) = evaluated(played, asked(played, "model:2"))

    assert row.n == 0
    assert row.estimates["ips"].estimate is None
    assert "Version 2 learned from the log up to joined decision 600" in str(
        row.refused
    )


def test_a_version_that_only_decisions_without_a_floor_followed_is_refused_for_that(
    service: Service,
) -> None:
    service.create(policy={"kind": "linear"}, holdout=0.0, exploration_floor=0.5)
    service.rounds(30)
    service.mature()
    service.change(exploration_floor=0.0)
    service.rounds(20)
    service.mature()
    (row,) = evaluated(service, asked(service, "model:1"))

    assert row.n == 0
    assert "20 of 20 decisions were made without an exploration" in str(row.refused)
    assert "up to joined decision 30, so only later ones count" in str(row.note)


def test_a_version_that_is_pruned_meanwhile_is_built_again_from_the_log(
    played: Service,
) -> None:
    specs = asked(played, "model:1")
    before = evaluated(played, specs)
    newest = played.model()
    meta = msgspec.structs.replace(newest.meta, version=3)
    published = msgspec.structs.replace(newest, meta=meta)
    assert played.storage.model_versions.publish(published, 2, {1, 2})

    assert played.storage.model_versions.get(1, 1) is None
    assert evaluated(played, specs) == before


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("model:3", "'model:3' is not a stored model version; versions 1 to 2 are"),
        ("model:01", "not a stored model version"),
        ("model:", "not a stored model version"),
        ("model", "not a stored model version"),
        ("models:1", "'models:1' is not known"),
        ("callable:os:getcwd", "'callable:os:getcwd' is not known"),
        ({"kind": "model", "version": 1}, "kind is 'model'"),
        ({"kind": "callable", "callable": "os:getcwd"}, "kind is 'callable'"),
        ({"kind": "linear", "name": ["x"]}, "a name has 1 to 128"),
        ({"kind": "fixed", "variant": "z"}, "'z' is not a variant"),
    ],
)
def test_what_is_no_target_is_refused_with_its_place(
    played: Service, label: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        asked(played, "uniform", label)

    assert caught.value.fields[0].pointer.startswith("/policies/1")


def test_without_a_published_model_the_refusal_says_so(service: Service) -> None:
    service.create()

    with pytest.raises(InvalidInput, match="no model is published yet"):
        asked(service, "model:1")


@pytest.mark.parametrize(
    ("positions", "parts"),
    [
        ((), [[3, 4, 6]]),
        ((0, 2, 6, 9), [[3, 4, 6]]),
        ((3,), [[3], [4, 6]]),
        ((5, 4, 3), [[3], [4], [6]]),
    ],
)
def test_rows_are_cut_behind_each_position(
    service: Service, positions: tuple[int, ...], parts: list[list[int]]
) -> None:
    service.create()
    decision = service.decide().decision
    rows = [JoinedRow(at, 0.0, True, decision) for at in (3, 4, 6)]  # noqa: FBT003 - a row

    assert [[r.position for r in part] for part in split(rows, positions)] == parts
