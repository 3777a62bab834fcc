"""A learner's tick costs what its traffic costs: quiet experiments sleep."""

from itertools import count

from bandit_svc.learner.loop import TICK_S
from bandit_svc.learner.wakefulness import LEAST_AWAKE_MS
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import ingest
from bandit_svc.services.learning.join import join
from bandit_svc.services.managing import lifecycle
from tests.harness.service import Service


def fall_asleep(service: Service) -> None:
    """Let the time pass after which a quiet experiment is let go of, and tick."""
    service.now_ms += LEAST_AWAKE_MS
    service.learner.tick()


def test_only_experiments_with_traffic_are_stepped(service: Service) -> None:
    service.create()
    service.create("quiet")
    service.learner.tick()
    service.rounds(5)
    service.now_ms += 2_000
    tick = service.learner.tick()

    assert list(tick.trained) == list(tick.evaluated) == ["hero"]


def test_an_experiment_stays_awake_for_a_while_and_then_sleeps(
    service: Service,
) -> None:
    service.create()
    service.rounds(5)
    service.mature()
    soon = service.learner.tick()
    fall_asleep(service)
    later = service.learner.tick()

    assert (list(soon.trained), list(later.trained)) == (["hero"], [])


def test_one_that_slept_learns_on_as_if_it_had_not(service: Service) -> None:
    service.create()
    for _ in range(3):
        service.rounds(20)
        service.mature()
        fall_asleep(service)
    replayed = service.replay()

    assert service.model().meta.learned > 20
    assert replayed.matches


def test_a_changed_policy_wakes_it(service: Service) -> None:
    service.create(holdout=0.0)
    service.rounds(20)
    service.mature()
    fall_asleep(service)
    service.change(policy={"kind": "linear"})
    service.learner.drain(60)

    assert service.model().meta.policy["kind"] == "linear"
    assert service.model().meta.learned == 20


def test_a_new_candidate_wakes_it(service: Service) -> None:
    service.create(holdout=0.0)
    service.rounds(20)
    service.mature()
    fall_asleep(service)
    service.change(candidates=[{"kind": "thompson"}])
    service.learner.drain(60)
    rows = {row.policy: row.cursor for row in service.storage.evaluations.scores(1)}

    assert rows["thompson"] == 20


def test_a_restored_model_wakes_it(service: Service) -> None:
    service.create()
    service.rounds(20)
    service.mature()
    service.rounds(20)
    service.mature()
    fall_asleep(service)
    lifecycle.restore(service.storage, "hero", 1, service.now_ms)
    woken = service.learner.tick()

    assert list(woken.trained) == ["hero"]


def test_a_learner_that_begins_looks_at_every_experiment(service: Service) -> None:
    for number in range(5):
        service.create(f"e{number}")
    learner = service.new_learner(budget_s=0.0)
    ticks = [learner.tick() for _ in range(5)]

    assert [tick.unseen for tick in ticks] == [4, 3, 2, 1, 0]
    assert [list(tick.trained) for tick in ticks] == [[f"e{n}"] for n in range(5)]
    assert [tick.idle for tick in ticks] == [False] * 4 + [True]


def test_fresh_traffic_does_not_wait_for_the_first_look(service: Service) -> None:
    for number in range(5):
        service.create(f"e{number}")
    service.decide(experiment="e3")
    service.now_ms += 2_000
    tick = service.new_learner(budget_s=0.0).tick()

    assert set(tick.trained) == {"e0", "e3"}


def test_what_a_killed_learner_had_joined_is_learned_by_the_next(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    service.rounds(20)
    service.mature()
    service.rounds(20)
    service.now_ms += 2_000
    definitions = Definitions(service.storage.experiments)
    backends = service.backends
    facts, reader = backends.storage.facts, backends.reader
    now_ms = service.now_ms
    ingested = ingest(facts, reader, backends.decoder, definitions, now_ms)
    join(service.storage.joins, definitions, ingested.watermark_ms, now_ms)
    service.new_learner().drain(60)

    assert service.model().meta.learned == 40
    assert service.replay().matches


def test_a_tick_that_is_cut_goes_on_with_those_that_it_left_out(
    service: Service,
) -> None:
    # Each look at the clock takes longer than a whole tick may.
    clock_s = count(0.0, TICK_S + 1.0)
    learner = service.new_learner(clock_s=lambda: next(clock_s))
    keys = [f"e{number}" for number in range(3)]
    for key in keys:
        service.create(key)
    while not learner.tick().idle:
        pass
    for key in keys:
        service.decide(experiment=key)
    service.now_ms += 2_000
    ticks = [learner.tick() for _ in keys]

    assert [list(tick.trained) for tick in ticks] == [["e0"], ["e1"], ["e2"]]
    assert not any(tick.idle for tick in ticks)


def test_a_learner_that_is_behind_looks_at_new_traffic_in_its_turn(
    service: Service,
) -> None:
    service.create("old")
    # Each look at the clock takes longer than a whole tick may.
    clock_s = count(0.0, TICK_S + 1.0)
    learner = service.new_learner(clock_s=lambda: next(clock_s))
    while not learner.tick().idle:
        pass
    service.create("new")
    trained: list[str] = []
    for _ in range(4):
        for key in ("old", "new"):
            service.decide(experiment=key)
        service.now_ms += 2_000
        trained += learner.tick().trained

    assert trained == ["new", "old", "new", "old"]
