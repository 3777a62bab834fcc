"""What a worker serves while definitions, keys and models change under it."""

import hashlib
import threading

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.errors import NotFound
from bandit_svc.storage.keys import KeyRow
from tests.harness.service import Service
from tests.harness.waiting import GENEROUS_S


def test_a_change_by_another_process_is_served_at_the_next_request(
    service: Service,
) -> None:
    service.create()
    before = service.decide().decision
    # Through another connection to the store, and another mapping of its version.
    service.change(variants=[{"key": "a"}, {"key": "d"}])

    assert before.variants == ("a", "b", "c")
    assert service.decide().decision.variants == ("a", "d")
    assert service.decide().decision.revision == 2


def test_a_new_experiment_is_served_at_once(service: Service) -> None:
    with pytest.raises(NotFound):
        service.decide()
    service.create()

    assert service.decide().decision.experiment == "hero"


def test_a_key_is_valid_until_it_is_revoked(service: Service) -> None:
    digest = hashlib.sha256(b"bsk_1").hexdigest()
    row = KeyRow("k-1", "secret", digest, 0)
    catalog = service.worker.catalog
    before = catalog.key("bsk_1", 9)
    service.storage.keys.add(row)
    during = catalog.key("bsk_1", 9)
    service.storage.keys.revoke("k-1", 5)

    assert (before, during, catalog.key("bsk_1", 9)) == (None, row, None)
    assert catalog.key("bsk_1\ud800", 9) is None


def test_a_changed_definition_keeps_the_model_that_serves(service: Service) -> None:
    service.create(holdout=0.0)
    service.rounds(50)
    service.mature()
    service.change(exploration_floor=0.9)
    decision = service.decide(unit_id="u").decision

    assert (decision.revision, decision.model_version) == (2, 1)
    assert min(decision.pmf) >= 0.3


def test_models_of_experiments_that_nobody_asked_for_are_not_loaded(
    service: Service,
) -> None:
    service.create()
    service.create("other")
    service.decide()

    assert [r.experiment.key for r in service.worker.catalog.served()] == ["hero"]


def test_looking_for_models_swaps_in_what_is_new_once(service: Service) -> None:
    service.create()
    service.rounds(20)
    service.mature_only()
    catalog = service.worker.catalog

    assert [catalog.refresh_models(), catalog.refresh_models()] == [1, 0]


def test_threads_decide_rightly_while_definitions_and_models_change(
    service: Service,
) -> None:
    """In 15 rounds four threads decide while a revision comes and a model is swapped.

    Every decision must be of one revision throughout: its variants those of the
    revision, its pmf as long, its model published by then.
    """
    service.create(holdout=0.2, reward={"window_seconds": 0.001})
    decisions: list[Decision] = []
    start = threading.Barrier(5, timeout=GENEROUS_S)

    def decide_in_every_round() -> None:
        for _ in range(15):
            start.wait()
            decisions.extend(service.decide(unit_id="u").decision for _ in range(20))

    threads = [threading.Thread(target=decide_in_every_round) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(15):
        start.wait()
        keys = ["a", f"v{i}", "b"][: 2 + i % 2]
        service.change(variants=[{"key": key} for key in keys])
        service.now_ms += 100
        service.learner.tick()
        service.worker.catalog.refresh_models()
    for thread in threads:
        thread.join()
    revisions = {r: service.storage.experiments.at_revision(1, r) for r in range(1, 17)}
    active = {
        r: tuple(v.key for v in d.active_variants) for r, d in revisions.items() if d
    }
    newest = service.model().meta.version

    assert len({d.id for d in decisions}) == len(decisions) == 15 * 4 * 20
    assert len({d.revision for d in decisions}) > 5
    for d in decisions:
        assert d.variants == active[d.revision]
        assert len(d.pmf) == len(d.variants)
        assert 0 <= d.model_version <= newest
    service.mature()
    assert len(service.joined_ids()) == len(decisions)
    assert service.replay().matches
