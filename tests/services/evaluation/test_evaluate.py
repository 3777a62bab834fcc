"""Any policy over the whole log; for the candidates, what the learner has kept."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.evaluate import Evaluation, evaluate
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.report.build import build_report
from bandit_svc.services.values import PolicyRow
from tests.harness.service import Service

Json = dict[str, Any]
LINEAR = {"kind": "linear"}
OnProgress = Callable[[int, int], None]


def ignore(_done: int, _total: int) -> None:
    """Watch no progress."""


@pytest.fixture
def played(service: Service) -> Service:
    """600 decisions in ticks of unequal size, a retired variant, another floor."""
    candidates = [LINEAR, {"kind": "vw", "name": "shadow"}, {"kind": "thompson"}]
    service.create(candidates=candidates, holdout=0.2, exploration_floor=0.3)
    for count, exclude in ((1, ()), (7, ("a",)), (292, ())):
        service.rounds(count, exclude=exclude)
        service.mature()
    service.change(variants=[{"key": "a"}, {"key": "b"}], exploration_floor=0.05)
    service.rounds(300)
    service.mature()
    return service


def evaluated(
    service: Service, *asked: str | Json, on_progress: OnProgress = ignore
) -> Evaluation:
    experiment = service.storage.experiments.get("hero")
    specs = asked_specs(experiment.definition, asked)
    return evaluate(service.storage, experiment, specs, on_progress)


def numbers(value: object) -> list[object]:
    """Every number and sentence of a row, flat, in order."""
    if isinstance(value, PolicyRow):
        return numbers(msgspec.to_builtins(value))
    if isinstance(value, dict):
        return [n for inner in value.values() for n in numbers(inner)]
    if isinstance(value, list | tuple):
        return [n for inner in value for n in numbers(inner)]
    return [value]


def test_it_agrees_with_what_the_learner_has_kept(played: Service) -> None:
    experiment = played.storage.experiments.get("hero")
    kept = build_report(played.storage, experiment, played.now_ms)
    again = evaluated(played)

    assert len(again.policies) == 7
    for row, expected in zip(again.policies, kept.policies, strict=True):
        assert row.n > 0
        assert numbers(row) == pytest.approx(numbers(expected), abs=1e-9)
    assert again.health == kept.health[-3:]


def test_a_policy_that_is_no_candidate_is_what_it_would_have_been_as_one(
    played: Service,
) -> None:
    (alone,) = evaluated(played, LINEAR | {"name": "other", "ridge": 3.0}).policies
    (again,) = evaluated(played, LINEAR | {"name": "other"}).policies
    (kept,) = evaluated(played, LINEAR).policies

    assert numbers(again)[1:] == numbers(kept)[1:]
    assert numbers(alone)[1:] != numbers(kept)[1:]


def test_progress_is_told_after_each_batch(played: Service) -> None:
    told: list[tuple[int, int]] = []
    evaluated(played, "uniform", on_progress=lambda *at: told.append(at))

    assert told == [(500, 600), (600, 600)]


def test_labels_are_those_of_the_report_and_of_retired_variants(
    played: Service,
) -> None:
    rows = evaluated(played, "fixed:c", "baseline", "shadow", "uniform").policies

    assert [row.policy for row in rows] == [
        *("fixed:c", "baseline", "shadow", "uniform"),
    ]
    # c could not be shown after it was retired.
    assert 0 < rows[0].n < rows[1].n


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (("nothing",), "'nothing' is not known"),
        (("fixed:z",), "'fixed:z' is not known"),
        ((LINEAR, LINEAR | {"ridge": 5.0}), "two policies have the name"),
        (({"kind": "what"},), "kind is 'what'"),
        ((LINEAR | {"name": "baseline"},), "give it another name"),
        ((LINEAR | {"name": "a b"},), "a name has"),
    ],
)
def test_what_can_not_be_evaluated_is_refused(
    played: Service, asked: tuple[str | Json, ...], word: str
) -> None:
    with pytest.raises(InvalidInput, match=word):
        evaluated(played, *asked)


def test_an_experiment_without_a_log_has_nothing_to_say(service: Service) -> None:
    service.create()
    (row,) = evaluated(service, {"kind": "uniform"}).policies

    assert (row.policy, row.n) == ("uniform", 0)
    assert row.refused == "No decision has matured yet."
