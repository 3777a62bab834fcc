"""An experiment whose rewards have no maximum, from decisions to the report."""

import random

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.prose.report_html.page import report_html
from bandit_svc.services.evaluation.evaluate import evaluate
from bandit_svc.services.evaluation.feature_value import feature_values
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.evaluation.tune import tune
from bandit_svc.services.report.build import build_report
from bandit_svc.services.values import TRAJECTORY
from tests.harness.service import Service

METRIC = {"name": "items", "minimum": 0, "maximum": None, "margin": 1.0}


@pytest.fixture
def shop(service: Service) -> Service:
    """600 units, of which a tenth buys for up to some hundred."""
    service.create(
        holdout=0.3, reward={"maximum": None}, exploration_floor=0.2, metrics=[METRIC]
    )
    chances = random.Random(5)  # noqa: S311 - a seeded test
    for unit in range(600):
        decided = service.decide(unit_id=f"u{unit}")
        if chances.random() < 0.1:
            service.reward(decided, chances.lognormvariate(3.5, 1.0))
            service.reward(decided, 3.0, metric="items")
    for _ in range(2):
        service.mature()
    return service


def test_means_count_what_was_earned_and_nothing_is_cut(shop: Service) -> None:
    experiment = shop.storage.experiments.get("hero")
    report = build_report(shop.storage, experiment, shop.now_ms)
    treatment, baseline = report.groups

    assert report.decisions.rewards_clipped == 0
    assert (treatment.mean or 0) > 1
    assert (baseline.mean or 0) > 1
    assert report.uplift.absolute.estimate is not None
    assert "null" not in report_html(report)


def test_the_model_is_a_function_of_the_log(shop: Service) -> None:
    replayed = shop.replay()

    assert replayed.learned > 0
    assert replayed.matches


def test_one_changed_decision_is_refused_and_a_trajectory_is_not(
    shop: Service,
) -> None:
    experiment = shop.storage.experiments.get("hero")
    specs = asked_specs(experiment.definition, ["uniform"])
    (single,) = evaluate(shop.storage, experiment, specs).policies
    (along,) = evaluate(shop.storage, experiment, specs, estimand=TRAJECTORY).policies
    found = along.estimates["pdis"]

    assert "no maximum reward" in (single.refused or "")
    assert (single.effective_sample_size or 0) > 50
    assert (found.estimate or 0) > 1
    assert found.interval[0] is not None


def test_a_restarted_learner_has_the_same_reward_model_and_candidates(
    shop: Service,
) -> None:
    shop.learner = shop.new_learner()
    tick = shop.learner.tick()

    assert all(progress.faults == () for progress in tick.evaluated.values())


def test_tune_and_features_tell_that_they_need_a_maximum(shop: Service) -> None:
    experiment = shop.storage.experiments.get("hero")
    spec = experiment.definition.policy

    with pytest.raises(InvalidInput, match="maximum of hero is null"):
        tune(lambda: shop.storage, experiment, [spec, spec], 1)
    with pytest.raises(InvalidInput, match="--estimand trajectory"):
        feature_values(lambda: shop.storage, experiment, spec, 1)
