"""The reward model is a function of the log, wherever the candidates stand."""

import msgspec
import numpy as np
import pytest

from bandit_svc.ope.progressive.weighted import WeightedRewards
from bandit_svc.services.report.build import build_report
from bandit_svc.services.values import RewardModelQuality
from bandit_svc.storage.rows import EvaluationChanges, EvaluationRow, RewardModelRow
from policies.base import Action, RewardRange
from policies.reward_model import RewardModel
from tests.harness.group_draws import mixed_chance
from tests.harness.service import Service

ACTIONS = [Action("a"), Action("b"), Action("c")]
SHADOW = {"kind": "linear", "name": "shadow"}


def rows_of(service: Service) -> dict[str, EvaluationRow]:
    return {row.policy: row for row in service.storage.evaluations.all(1)}


def models(service: Service) -> list[RewardModelRow]:
    return service.storage.evaluations.reward_models(1)


def caught_up(service: Service) -> None:
    learner = service.new_learner(budget_s=0.0)
    while learner.tick().evaluated["hero"].behind:
        pass


@pytest.fixture
def played(service: Service) -> Service:
    service.create(holdout=0.3, exploration_floor=0.3, candidates=[SHADOW])
    for count in (90, 160):
        service.rounds(count)
        service.mature()
    return service


def test_estimates_are_those_of_a_model_that_predicts_before_it_learns(
    played: Service,
) -> None:
    model, direct, terms, errors = RewardModel(RewardRange()), [], [], []
    for row in played.storage.joins.after(1, 0, 10**6):
        decision = row.decision
        q = model.predict(decision.context, ACTIONS)
        weight = 1 / 3 / mixed_chance(decision)
        direct.append(np.mean(q))
        terms.append(direct[-1] + weight * (row.reward - q[decision.chosen]))
        if decision.group != "treatment":
            continue
        errors.append((row.reward - q[decision.chosen], row.reward - model.mean))
        example = (decision.chosen, decision.propensity, row.reward)
        model.learn(decision.context, ACTIONS, *example)
    corrected = (
        WeightedRewards.decode(rows_of(played)["uniform"].scores).summary().corrected
    )
    (kept,) = models(played)
    squares = np.square(errors).sum(axis=0)

    assert corrected is not None
    assert corrected.direct == pytest.approx(np.mean(direct), abs=1e-12)
    assert corrected.doubly_robust == pytest.approx(np.mean(terms), abs=1e-12)
    assert corrected.sequence.n == len(terms)
    assert msgspec.msgpack.decode(kept.state)[1] == model.dump()
    assert msgspec.msgpack.decode(kept.quality) == pytest.approx(
        [len(errors), *squares]
    )


def test_who_comes_later_gets_the_predictions_of_then(played: Service) -> None:
    played.change(candidates=[SHADOW, {**SHADOW, "name": "late"}])
    played.rounds(30)
    played.mature()
    caught_up(played)
    rows = rows_of(played)

    assert rows["late"].cursor == rows["shadow"].cursor == 280
    assert rows["late"].scores == rows["shadow"].scores
    # Both stand at one position again, and so share one model.
    assert [row.slot for row in models(played)] == [0]


@pytest.mark.parametrize("lost", ["all", "damaged"])
def test_a_model_that_is_lost_is_learned_again_from_the_log(
    played: Service, lost: str
) -> None:
    rows, (model,) = rows_of(played), models(played)
    damaged = (msgspec.structs.replace(model, state=b"\x00"),)
    left = damaged if lost == "damaged" else ()
    changes = EvaluationChanges(tuple(rows.values()), tuple(rows), left)
    played.storage.evaluations.save(1, changes)
    played.rounds(40)
    played.now_ms += 2000
    caught_up(played)
    uniform = rows_of(played)["uniform"]
    (again,) = models(played)
    played.storage.evaluations.save(1, EvaluationChanges((), (), ()))
    played.now_ms += 60_000
    caught_up(played)

    # As if all had begun at the start of the log.
    assert again.cursor == uniform.cursor == 290
    assert rows_of(played)["uniform"].scores == uniform.scores
    assert models(played)[0].state == again.state


def test_the_report_says_how_good_the_model_is(played: Service) -> None:
    (kept,) = models(played)
    n, squares, of_mean = msgspec.msgpack.decode(kept.quality)
    experiment = played.storage.experiments.get("hero")
    report = build_report(played.storage, experiment, played.now_ms)

    assert report.reward_model == RewardModelQuality(n, 1 - squares / of_mean)
