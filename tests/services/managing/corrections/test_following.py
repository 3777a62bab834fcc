"""How the learner follows corrections while everything else goes on."""

from typing import Any

import pytest

from bandit_svc.learner.job_kinds import JOB_KINDS
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.managing.jobs import run_job
from bandit_svc.services.serving.decide import Decided
from bandit_svc.storage.jobs import CORRECTION, JobRow
from tests.harness.service import SECOND_MS, Service

Made = list[Decided]


@pytest.fixture
def made(service: Service) -> Made:
    """Ninety decisions that all earned 1; models 1 to 3 have learned 30, 60 and 90."""
    service.create(holdout=0.2, candidates=[{"kind": "thompson"}], policy=VW)
    found: Made = []
    for _ in range(3):
        found += sold(service, 30)
        service.mature()
    return found


VW = {"kind": "vw"}


def sold(service: Service, count: int) -> Made:
    found = []
    for index in range(count):
        service.now_ms += 10
        context = {"hour": index % 24}
        found.append(service.decide(unit_id=f"u{index % 10}", context=context))
        service.reward(found[-1])
    return found


def tick(service: Service, after_ms: int = 1) -> None:
    service.now_ms += after_ms
    service.learner_lives()
    service.learner.tick()


def jobs_of(service: Service) -> list[JobRow]:
    return service.storage.jobs.all(1, CORRECTION)


def work(service: Service) -> dict[str, Any]:
    """Do the one job that is queued; return its result."""
    assert run_job(service.storage, JOB_KINDS, lambda: service.now_ms)
    row = service.storage.jobs.get(1, jobs_of(service)[0].id)
    assert row is not None
    assert row.result is not None, row.error
    return row.result


def assert_sound(service: Service, refunded: int) -> None:
    """All that is learned and summed up says that so many of the rewards are 0."""
    rows = service.storage.joins.after(1, 0, 10**6)
    assert sum(row.reward == 0 for row in rows) == refunded
    assert (
        sum(t.total for t in service.storage.joins.tallies(1)) == len(rows) - refunded
    )
    assert service.replay().matches
    assert service.storage.facts.check() == []
    assert not service.storage.corrections.waiting()


@pytest.mark.parametrize(("index", "base"), [(89, 2), (59, 1), (29, None), (0, None)])
def test_the_model_begins_at_the_last_version_before_the_first_correction(
    service: Service, made: Made, index: int, base: int | None
) -> None:
    service.correct(made[89], 0.0)
    service.correct(made[index], 0.0)
    tick(service)
    result = work(service)
    tick(service)

    assert result["base"] == base
    assert service.model().meta.version == 4
    assert_sound(service, len({index, 89}))


def test_until_all_is_taken_over_nothing_changes(service: Service, made: Made) -> None:
    before = service.model()
    service.correct(made[0], 0.0)
    tick(service)
    work(service)

    assert service.model() == before
    assert service.replay().matches
    assert service.storage.facts.check() == []
    assert [s.number for s in service.storage.corrections.waiting()] == [1]


def test_what_is_joined_while_it_is_made_anew_counts_too(
    service: Service, made: Made
) -> None:
    service.correct(made[10], 0.0)
    tick(service)
    sold(service, 20)
    tick(service, 2 * SECOND_MS)
    work(service)
    sold(service, 20)
    tick(service, 2 * SECOND_MS)

    assert service.model().meta.learned > 90 * 0.5
    assert_sound(service, 1)
    assert service.storage.joins.last_position(1) == 130


def test_corrections_are_gathered_for_ten_seconds(service: Service, made: Made) -> None:
    for index in range(40):
        service.correct(made[index], 0.0)
        tick(service, 500)
        while run_job(service.storage, JOB_KINDS, lambda: service.now_ms):
            pass
    service.relearn()

    # 20 seconds, and what came in the last ones.
    assert len(jobs_of(service)) <= 4
    assert_sound(service, 40)


def test_a_correction_that_comes_meanwhile_is_followed_next(
    service: Service, made: Made
) -> None:
    service.correct(made[10], 0.0)
    tick(service)
    service.correct(made[80], 0.0)
    service.now_ms += 1
    service.correct(made[10], 1.0)
    # Ingested behind the work, before what it made is taken over.
    work(service)
    tick(service)
    assert service.replay().matches
    assert service.storage.facts.check() == []
    assert [s.number for s in service.storage.corrections.waiting()] == [1]
    service.relearn()

    assert_sound(service, 1)


@pytest.mark.parametrize("worked", [False, True])
def test_a_new_learner_goes_on_where_a_killed_one_was(
    service: Service, made: Made, *, worked: bool
) -> None:
    service.correct(made[10], 0.0)
    tick(service)
    if worked:
        work(service)
    service.learner = service.new_learner()
    service.relearn()

    assert_sound(service, 1)


def test_a_job_that_was_killed_on_the_way_is_done_again(
    service: Service, made: Made
) -> None:
    service.correct(made[10], 0.0)
    tick(service)
    storage = service.open().storage
    claimed = storage.jobs.claim(service.now_ms)
    assert claimed is not None
    JOB_KINDS[CORRECTION](
        storage, storage.experiments.get("hero"), {}, lambda _done, _total: None
    )
    # Dead before it said that it was done.
    service.storage.jobs.recover(3, "dead", service.now_ms)
    service.relearn()

    assert_sound(service, 1)


def test_a_model_of_before_that_is_restored_is_made_anew(
    service: Service, made: Made
) -> None:
    service.correct(made[40], 0.0)
    service.relearn()
    lifecycle.restore(service.storage, "hero", 2, service.now_ms)
    service.relearn()

    assert service.model().meta.spans == ((0, 60), (90, 90))
    assert_sound(service, 1)


def test_a_model_from_before_the_correction_that_is_restored_stays_as_it_is(
    service: Service, made: Made
) -> None:
    old = service.storage.model_versions.get(1, 1)
    service.correct(made[40], 0.0)
    service.relearn()
    lifecycle.restore(service.storage, "hero", 1, service.now_ms)

    assert old is not None
    assert service.model().state == old.state
    assert_sound(service, 1)


def test_a_model_that_is_restored_meanwhile_is_made_anew_instead(
    service: Service, made: Made
) -> None:
    service.correct(made[10], 0.0)
    tick(service)
    work(service)
    lifecycle.restore(service.storage, "hero", 2, service.now_ms)
    service.relearn()

    assert service.model().meta.spans == ((0, 60), (90, 90))
    assert_sound(service, 1)


def test_a_changed_definition_meanwhile_changes_what_is_made_anew(
    service: Service, made: Made
) -> None:
    service.correct(made[10], 0.0)
    tick(service)
    work(service)
    service.change(
        metrics=[{"name": "margin", "minimum": 0, "maximum": 1}],
        policy={"kind": "linear"},
    )
    service.relearn()
    service.mature()

    assert service.model().meta.policy["kind"] == "linear"
    assert_sound(service, 1)


def test_a_take_over_goes_on_over_several_ticks(service: Service, made: Made) -> None:
    service.correct(made[10], 0.0)
    tick(service)
    work(service)
    sold(service, 1_200)
    service.now_ms += 2 * SECOND_MS
    hurried = service.learner = service.new_learner(budget_s=0.0)
    cut = [hurried.tick().cut for _ in range(6)]
    service.relearn()

    assert cut[:2] == [True, True]
    assert not cut[-1]
    assert_sound(service, 1)
