"""The model of a branch is a function of the log, whatever becomes of the log."""

import os
from contextlib import closing

import pytest

from bandit_svc.services.learning.replay import replay_branch
from bandit_svc.services.managing.privacy.ask_erasure import ask_erasure
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.services.managing.splits.listed import splits_of
from bandit_svc.services.serving.receipt import receipt
from bandit_svc.wiring import Backends
from tests.harness.service import Service

SPLIT = {
    "policies": {"current": 0.5, "linear": 0.5},
    "policy": {"kind": "linear"},
    "advance_when": "never",
    "rollback_when": "never",
}


@pytest.fixture
def running(service: Service) -> Service:
    """Return a service with a split that learns in both branches."""
    service.create(
        policy={"kind": "vw"}, split=SPLIT, reward={"minimum": -1, "maximum": 3}
    )
    service.mature()
    for _ in range(4):
        service.rounds(150)
        service.mature()
    return service


def branch_matches(service: Service) -> bool:
    found = replay_branch(service.storage, service.storage.experiments.get("hero"))
    assert found is not None
    return found.matches


def version(service: Service) -> int:
    newest = service.storage.branch_versions.newest(1)
    assert newest is not None
    return newest.version


def test_both_models_are_what_the_log_gives(running: Service) -> None:
    assert running.replay().matches
    assert branch_matches(running)


def test_a_learner_that_begins_anew_goes_on_with_the_same_bytes(
    running: Service,
) -> None:
    before = version(running)
    running.rounds(100)
    running.learner = running.new_learner()
    running.mature()
    assert version(running) == before + 1
    assert branch_matches(running)


def test_a_receipt_asks_the_model_of_the_branch(running: Service) -> None:
    names = set()
    for one in running.rounds(30):
        running.mature_only()
        view = running.storage.facts.decision(one.decision.id)
        assert view is not None
        asked = receipt(
            running.storage,
            running.storage.experiments.get("hero"),
            view,
        ).model
        if one.decision.branch is not None:
            assert asked.kept
            assert asked.agrees
            names.add(one.decision.branch.name)
    assert names == {"current", "linear"}


def test_corrected_rewards_are_learned_by_both_and_compared_again(
    running: Service,
) -> None:
    made = running.rounds(100)
    rewarded = [one for one in made if one.decision.group == "treatment"]
    for one in rewarded:
        running.reward(one, 1.0, reward_id=f"r-{one.decision.id}")
    running.mature()
    before = version(running)
    for one in rewarded:
        running.correct(one, 3.0, reward_id=f"r-{one.decision.id}")
    running.relearn()
    running.mature()

    assert version(running) > before
    assert running.replay().matches
    assert branch_matches(running)
    shown = splits_of(running.storage, running.storage.experiments.get("hero")).current
    assert shown is not None
    sums = [[0.0, 0.0], [0.0, 0.0]]
    for row in running.storage.joins.after(1, 0, 10**6):
        branch = row.decision.branch
        if branch is not None:
            side = sums[branch.name != "current"]
            side[0] += row.reward / branch.share
            side[1] += 1 / branch.share
    means = [total / weight for total, weight in sums]
    assert shown.estimate == pytest.approx(means[1] - means[0], abs=1e-12)


def test_an_erased_unit_leaves_both_models(running: Service) -> None:
    for _ in range(20):
        running.decide(unit_id="erika", context={"device": "only-hers"})
    running.mature()
    before = version(running)
    ask_erasure(running.storage, "erika", os.urandom(16), running.now_ms)
    running.learner.tick()
    with closing(Backends(running.settings)) as fresh:
        erase_unit(fresh.privacy, lambda: running.now_ms, os.urandom)
    running.learner = running.new_learner()

    assert version(running) == before + 1
    assert running.storage.branch_versions.get(1, before) is None
    assert branch_matches(running)
    newest = running.storage.branch_versions.latest(1)
    assert newest is not None
    assert b"only-hers" not in newest.state
