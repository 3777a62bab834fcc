"""Learning over a damaged store: what is damaged is left out, and the rest goes on."""

from pathlib import Path

import pytest

from bandit_svc.domain.events.decision import Decision
from tests.harness.raw_store import damage_store
from tests.harness.service import Service


def folder(service: Service) -> Path:
    return Path(service.settings.data)


def damaged_tables(service: Service) -> set[str]:
    return {kept.damage.partition for kept in service.storage.damages.all()}


def found(service: Service, decision_id: str) -> Decision | None:
    """Return a decision as a process finds it that has nothing in memory."""
    view = service.open().storage.facts.decision(decision_id)
    return None if view is None else view.decision


@pytest.mark.parametrize(
    "change", ["key = zeroblob(8)", "body = x'00'", "spare = x'00'"]
)
def test_two_of_three_witnesses_keep_a_shared_part(
    service: Service, change: str
) -> None:
    service.create(holdout=0.0)
    (decided, *_) = service.rounds(5)
    service.learner.tick()
    sql = "UPDATE shared_parts SET {} WHERE number = 1"
    damage_store(folder(service), sql.format(change))

    assert found(service, decided.decision.id) == decided.decision


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE shared_parts SET body = x'00', spare = x'01' WHERE number = 1",
        "DELETE FROM shared_parts",
        # As where a row has come to the place of another.
        "UPDATE shared_parts SET number = 7 - number",
    ],
)
def test_decisions_of_a_lost_part_are_set_aside_and_the_others_are_learned(
    service: Service, change: str
) -> None:
    service.create(holdout=0.0)
    lost = service.rounds(5)
    service.learner.tick()
    damage_store(folder(service), change)
    service.change(description="another revision, so another part")
    for worker in service.workers:
        worker.catalog.refresh_models()
    sound = service.rounds(5)
    learner = service.new_learner()
    learner.tick()
    service.now_ms += 2_000
    learner.tick()

    assert found(service, lost[0].decision.id) is None
    assert found(service, sound[0].decision.id) is not None
    assert service.storage.joins.last_position(1) == 5
    assert service.storage.facts.totals(1).pending == 0
    (kept,) = [k.damage for k in service.storage.damages.all() if k.damage.facts > 1]
    assert (kept.partition, kept.facts) == ("shared_parts", 5)


def test_a_damaged_cursor_reads_its_partition_again_and_counts_nothing_twice(
    service: Service,
) -> None:
    service.create()
    service.rounds(20)
    service.learner.tick()
    before = service.storage.facts.totals(1)
    damage_store(folder(service), "UPDATE cursors SET offset = 70")
    service.learner.tick()
    after = service.storage.facts.totals(1)

    assert after.pending == before.pending
    assert after.counts["rewards_accepted"] == before.counts["rewards_accepted"]
    assert damaged_tables(service) == {"cursors"}


def test_a_damaged_model_is_learned_again_from_the_log(service: Service) -> None:
    service.create()
    service.rounds(30)
    service.mature()
    before = service.model()
    damage_store(folder(service), "UPDATE snapshots SET state = zeroblob(20)")
    service.new_learner().tick()
    after = service.model()

    assert (after.state, after.meta.version) == (before.state, before.meta.version + 1)
    assert damaged_tables(service) == {"snapshots"}


def test_joined_decisions_of_a_damaged_revision_are_not_learned_again(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    service.rounds(5)
    service.mature()
    service.change(description="a second revision", policy={"kind": "linear"})
    service.rounds(3)
    damage_store(
        folder(service), "UPDATE revisions SET note = 'other' WHERE revision = 1"
    )
    service.now_ms += 2_000
    tick = service.new_learner().tick()

    assert service.model().meta.policy["kind"] == "linear"
    assert service.model().meta.learned == 3
    assert tick.joined == 3
    assert damaged_tables(service) == {"revisions"}


def test_a_decision_whose_revision_is_damaged_is_set_aside(service: Service) -> None:
    service.create()
    service.rounds(5)
    service.learner.tick()
    service.change(description="a second revision")
    service.rounds(3)
    service.learner.tick()
    damage_store(
        folder(service), "UPDATE revisions SET note = 'other' WHERE revision = 1"
    )
    service.now_ms += 2_000
    service.new_learner().tick()

    assert service.storage.joins.last_position(1) == 3
    assert service.storage.facts.totals(1).pending == 0
    assert damaged_tables(service) == {"revisions"}
