"""An older model serves again, and what spoilt the newer ones stays out."""

from typing import cast

import pytest

from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import NotFound
from bandit_svc.services.managing import lifecycle
from bandit_svc.storage.interface import Storage
from tests.harness.service import Service


@pytest.fixture
def hero(service: Service) -> Experiment:
    """An experiment with models 1 to 3, which have learned 30, 60 and 90."""
    experiment = service.create(holdout=0.0)
    for _ in range(3):
        service.rounds(30)
        service.mature()
    return experiment


def restore(service: Service, version: int) -> int:
    """Restore a version; give that of the model which serves it."""
    meta = lifecycle.restore(service.storage, "hero", version, service.now_ms)
    return meta.version


@pytest.mark.usefixtures("hero")
def test_a_restored_model_is_a_new_version_with_the_old_bytes(
    service: Service,
) -> None:
    old = service.storage.model_versions.get(1, 1)
    assert old is not None
    assert restore(service, 1) == 4
    restored = service.model()

    assert restored.state == old.state
    assert (restored.meta.restored_from, restored.meta.learned) == (1, 30)
    assert service.replay().matches


@pytest.mark.usefixtures("hero")
def test_every_worker_serves_a_restored_model_at_its_next_look(
    service: Service,
) -> None:
    restore(service, 1)
    for worker in service.workers:
        worker.catalog.refresh_models()

    assert [service.decide(w).decision.model_version for w in service.workers] == [4, 4]


@pytest.mark.usefixtures("hero")
def test_learning_goes_on_from_a_restored_model_without_what_it_discarded(
    service: Service,
) -> None:
    restore(service, 1)
    service.rounds(30)
    service.mature()
    meta = service.model().meta

    # Decisions 31 to 90 are left out for good.
    assert meta.spans == ((0, 30), (90, 120))
    assert (meta.version, meta.learned) == (5, 60)
    assert service.replay().matches
    assert service.new_learner().tick().trained["hero"].published is None


@pytest.mark.usefixtures("hero")
def test_a_learner_that_had_learned_more_drops_it(service: Service) -> None:
    # It has learned 30 more and has not published them when the restore comes.
    unpublished = service.new_learner()
    service.rounds(30)
    service.now_ms += 2000
    restore(service, 2)
    unpublished.tick()
    meta = service.model().meta

    assert meta.spans == ((0, 60), (90, 120))
    assert service.replay().matches


@pytest.mark.usefixtures("hero")
def test_a_model_can_be_restored_from_a_discarded_branch(service: Service) -> None:
    restore(service, 1)
    service.rounds(30)
    service.mature()
    # Version 3 had learned decisions 1 to 90.
    restore(service, 3)
    service.rounds(30)
    service.mature()

    assert service.model().meta.spans == ((0, 90), (120, 150))
    assert service.replay().matches


@pytest.mark.usefixtures("hero")
def test_the_newest_model_can_be_restored_and_leaves_nothing_out(
    service: Service,
) -> None:
    restore(service, 3)
    service.rounds(30)
    service.mature()

    assert service.model().meta.spans == ((0, 120),)
    assert service.replay().matches


@pytest.mark.usefixtures("hero")
def test_a_changed_policy_goes_back_with_its_model(service: Service) -> None:
    service.change(policy={"kind": "linear"})
    service.mature()
    assert service.model().meta.policy["kind"] == "linear"
    restore(service, 2)
    service.rounds(30)
    service.mature()

    assert service.storage.experiments.get("hero").definition.policy["kind"] == "auto"
    assert service.model().meta.policy["kind"] == "auto"
    assert service.model().meta.spans == ((0, 60), (90, 120))
    assert service.replay().matches


@pytest.mark.usefixtures("hero")
def test_a_changed_policy_after_a_restore_learns_the_same_spans(
    service: Service,
) -> None:
    restore(service, 1)
    service.rounds(30)
    service.mature()
    service.change(policy={"kind": "linear"})
    learner = service.new_learner(budget_s=0.0)
    while learner.tick().trained["hero"].behind:
        pass

    assert service.model().meta.policy["kind"] == "linear"
    assert service.model().meta.spans == ((0, 30), (90, 120))
    assert service.model().meta.learned == 60
    assert service.replay().matches


@pytest.mark.usefixtures("hero")
def test_a_restored_model_survives_restarts_of_the_learner(service: Service) -> None:
    restore(service, 1)
    for _ in range(3):
        service.rounds(10)
        service.now_ms += 2000
        service.new_learner().tick()

    assert service.model().meta.spans == ((0, 30), (90, 120))
    assert service.replay().matches


@pytest.mark.parametrize(("key", "version"), [("hero", 9), ("hero", 0), ("no", 1)])
@pytest.mark.usefixtures("hero")
def test_what_was_never_kept_can_not_be_restored(
    service: Service, key: str, version: int
) -> None:
    with pytest.raises(NotFound):
        lifecycle.restore(service.storage, key, version, service.now_ms)
    assert service.model().meta.version == 3


def test_replay_needs_a_published_model(service: Service) -> None:
    service.create()

    with pytest.raises(NotFound, match="no published model yet"):
        service.replay()


class Crowded:
    """A store in which a learner publishes right after its newest model was read."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._is_busy = True

    @property
    def model_versions(self) -> "Crowded":
        return self

    def latest(self, number: int) -> object:
        found = self._service.storage.model_versions.latest(number)
        if self._is_busy:
            self._is_busy = False
            self._service.rounds(30)
            self._service.mature()
        return found

    def __getattr__(self, name: str) -> object:
        storage = self._service.storage
        owner = storage if hasattr(storage, name) else storage.model_versions
        return getattr(owner, name)


@pytest.mark.usefixtures("hero")
def test_a_restore_outlasts_a_learner_that_publishes_meanwhile(
    service: Service,
) -> None:
    crowded = cast("Storage", Crowded(service))

    meta = lifecycle.restore(crowded, "hero", 1, service.now_ms)

    # The learner took version 4, having learned 30 more.
    assert (meta.version, meta.spans) == (5, ((0, 30), (120, 120)))
    assert service.model().meta == meta
