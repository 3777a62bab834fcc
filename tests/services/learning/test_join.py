"""From the log to joined decisions: each once, matured, with the right reward."""

import msgspec
import pytest

from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.events.record import UNIT, Record
from bandit_svc.eventlog.interface import MARGIN_MS
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import ingest
from bandit_svc.services.learning.join import BATCH, join
from tests.harness.service import Service


def test_an_empty_log_gives_an_idle_tick(service: Service) -> None:
    assert service.learner.tick().idle
    service.create()
    assert service.learner.tick().idle


def test_a_decision_is_learned_when_it_matures_and_never_before(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    decided = service.decide()
    service.reward(decided)
    # The window of a second, and the margin for appends under way.
    service.now_ms += 1000 + MARGIN_MS - 1
    early = service.learner.tick()
    service.now_ms += 1
    on_time = service.learner.tick()

    assert (early.joined, early.trained["hero"].learned) == (0, 0)
    assert (on_time.joined, on_time.trained["hero"].learned) == (1, 1)


def test_a_join_stops_behind_a_whole_batch_and_goes_on(service: Service) -> None:
    service.create()
    service.rounds(BATCH + 1)
    service.now_ms += 1000 + MARGIN_MS
    ports = service.storage.facts, service.backends.reader, service.backends.decoder
    definitions = Definitions(service.storage.experiments)
    ready_ms = ingest(*ports, definitions, service.now_ms).watermark_ms
    joined = [
        join(service.storage.joins, definitions, ready_ms, service.now_ms, most=1)
        for _ in range(2)
    ]

    assert [(one.decisions, one.more) for one in joined] == [(BATCH, True), (1, False)]


def test_a_tick_more_learns_nothing_twice(service: Service) -> None:
    service.create()
    service.rounds(50)
    service.mature()
    before = (service.joined_ids(), service.storage.joins.tallies(1), service.model())
    for _ in range(3):
        service.learner.tick()
        service.new_learner().tick()

    assert (
        service.joined_ids(),
        service.storage.joins.tallies(1),
        service.model(),
    ) == before
    assert len(before[0]) == len(set(before[0])) == 50


def test_the_reward_window_is_that_of_the_revision_that_decided(
    service: Service,
) -> None:
    service.create()
    before = service.decide(unit_id="u")
    service.change(reward={"window_seconds": 10})
    after = service.decide(unit_id="u")
    service.now_ms += 5000
    service.reward(before)
    service.reward(after)
    service.now_ms += 10_000
    service.learner.tick()
    views = [service.storage.facts.decision(d.decision.id) for d in (before, after)]

    assert [view.joined_reward for view in views if view] == [0.0, 1.0]
    assert [[r.late for r in view.rewards] for view in views if view] == [
        [True],
        [False],
    ]


def test_a_reward_from_another_worker_may_be_read_before_its_decision(
    service: Service,
) -> None:
    service.create()
    decided = service.decide(service.other_worker)
    service.now_ms += 10
    # The first worker's partition is read first.
    service.reward(decided, worker=service.worker)
    service.mature()
    view = service.storage.facts.decision(decided.decision.id)

    assert view is not None
    assert view.joined_reward == 1.0


def test_the_learner_may_come_late_and_counts_the_same(service: Service) -> None:
    service.create(reward={"grace_seconds": 1, "aggregate": "sum", "maximum": 9})
    decided = service.decide()
    for after_ms, occurred_after_ms in ((500, 500), (1500, 900), (1600, 1100)):
        service.now_ms = decided.decision.decided_at_ms + after_ms
        occurred_at_ms = decided.decision.decided_at_ms + occurred_after_ms
        service.reward(
            decided, 1.0, reward_id=str(after_ms), occurred_at_ms=occurred_at_ms
        )
    service.now_ms = decided.decision.decided_at_ms + 2001
    # In the window, received after the grace.
    service.reward(decided, 1.0, reward_id="slow", occurred_at_ms=service.now_ms - 1500)
    service.now_ms += 3_600_000
    service.learner.tick()
    view = service.storage.facts.decision(decided.decision.id)

    assert view is not None
    assert view.joined_reward == 2.0
    assert [r.late for r in view.rewards] == [False, False, True, True]
    assert service.storage.facts.totals(1).counts["rewards_late"] == 2


def test_a_decision_learned_on_its_first_reward_counts_it_alone(
    service: Service,
) -> None:
    service.create(
        holdout=0.0, reward={"learn_on": "first_reward", "maximum": 9, "default": 5}
    )
    rewarded, silent = service.decide(), service.decide()
    service.now_ms += 100
    service.reward(rewarded, 1.0, reward_id="first")
    service.now_ms += 100
    service.reward(rewarded, 2.0, reward_id="second")
    service.now_ms += 100
    tick = service.learner.tick()

    assert tick.trained["hero"].learned == 1
    assert service.joined_ids() == [rewarded.decision.id]
    service.mature()
    rows = service.storage.joins.after(1, 0, 9)
    assert [row.reward for row in rows] == [1.0, 5.0]
    assert service.joined_ids()[1] == silent.decision.id


def test_a_reward_is_counted_as_accepted_or_as_late_and_never_as_both(
    service: Service,
) -> None:
    service.create(holdout=0.0, reward={"grace_seconds": 5})
    decided = service.decide()
    service.reward(decided, reward_id="in time")
    service.now_ms += 2000
    service.reward(decided, reward_id="after the window")
    service.learner.tick()
    service.now_ms += 10_000
    service.mature()
    counts = service.storage.facts.totals(1).counts

    assert (counts["rewards_accepted"], counts["rewards_late"]) == (1, 1)


def test_secondary_metrics_are_summed_and_not_learned(service: Service) -> None:
    service.create(holdout=0.0)
    decided = service.decide()
    service.reward(decided, 20.0, metric="seconds", reward_id="1")
    service.reward(decided, 22.0, metric="seconds", reward_id="2")
    service.mature()
    tallies = {t.metric: (t.n, t.total) for t in service.storage.joins.tallies(1)}

    assert tallies == {"reward": (1, 0.0), "seconds": (1, 42.0)}


def test_tallies_equal_a_recomputation_from_the_joined_order(
    service: Service,
) -> None:
    service.create(holdout=0.3)
    for _ in range(4):
        decided = {d.decision.id: d.decision for d in service.rounds(60)}
        service.mature()
        sums: dict[tuple[str, str], list[float]] = {}
    rows = service.storage.joins.after(1, 0, 10**6)
    for row, decision_id in zip(rows, service.joined_ids(), strict=True):
        view = service.storage.facts.decision(decision_id)
        assert view is not None
        key = (view.decision.group, view.decision.variant)
        entry = sums.setdefault(key, [0, 0.0])
        entry[0] += 1
        entry[1] += row.reward

    assert len(rows) == 240
    assert len(decided) == 60
    assert {
        (t.group, t.variant): [t.n, t.total] for t in service.storage.joins.tallies(1)
    } == sums


def test_a_decision_dated_in_the_future_waits_for_its_time(service: Service) -> None:
    service.create()
    service.now_ms += 3_600_000
    decided = service.decide()
    service.now_ms -= 3_600_000
    service.mature()
    assert service.joined_ids() == []
    service.now_ms += 3_600_000
    service.mature()

    assert service.joined_ids() == [decided.decision.id]


def test_a_clock_that_is_set_back_holds_no_model_back(service: Service) -> None:
    service.create(holdout=0.0)
    service.rounds(20)
    service.mature()
    learner = service.new_learner()
    learner.tick()
    service.rounds(20)
    service.mature()
    version = service.model().meta.version
    # Decided an hour before the last publication, by a clock that was set back.
    service.now_ms -= 3_600_000
    service.rounds(20)
    service.now_ms += 2000
    tick = service.learner.tick()

    assert tick.trained["hero"].published == version + 1
    assert service.replay().matches


def test_a_line_of_an_unknown_revision_is_set_aside_and_the_rest_is_kept(
    service: Service,
) -> None:
    service.create()
    decided = service.decide()
    other = service.worker.ids.issue(1, service.now_ms, bytes(9), deferred=False)
    unknown = msgspec.structs.replace(decided.decision, id=other, revision=9)
    service.worker.log.append(DecisionEncoder().encode(unknown))
    service.worker.log.append(Record(UNIT, b"from a later version"))
    service.reward(decided)
    tick = service.learner.tick()

    assert tick.ingested.records == 2
    assert [(d.what, d.facts) for d in tick.ingested.damages] == [
        ("unknown experiment", 1),
        ("unreadable", 1),
    ]
    assert tick.ingested.counts == {
        (1, "decisions_treatment"): 1,
        (1, "reported_treatment"): 1,
        (1, "rewards_accepted"): 1,
    }


def test_a_dead_workers_partition_is_read_to_its_end_and_goes(
    service: Service,
) -> None:
    service.create()
    decided = service.decide()
    service.worker.close()
    service.other_worker.close()
    service.learner.tick()

    assert service.backends.reader.partitions() == []
    assert service.storage.facts.cursors() == {}
    assert service.storage.facts.decision(decided.decision.id) is not None


@pytest.mark.parametrize("margin_ms", [0, MARGIN_MS - 1])
def test_an_append_that_was_stamped_in_time_may_arrive_within_the_margin(
    service: Service, margin_ms: int
) -> None:
    service.create()
    decided = service.decide()
    definitions = Definitions(service.storage.experiments)
    service.now_ms += 1000
    now_ms = service.now_ms + margin_ms
    backends = service.backends
    facts, reader = backends.storage.facts, backends.reader
    ready_ms = ingest(facts, reader, backends.decoder, definitions, now_ms).watermark_ms
    # Stamped before the tick began, appended after the tick had read the log.
    service.reward(decided)
    assert join(service.storage.joins, definitions, ready_ms, now_ms).decisions == 0
    service.mature()
    view = service.storage.facts.decision(decided.decision.id)

    assert view is not None
    assert view.joined_reward == 1.0
