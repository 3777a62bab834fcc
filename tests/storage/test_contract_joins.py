"""What every store promises of joined decisions; see storage.joined.joins.Joins."""

import sqlite3
from collections.abc import Callable

import psycopg
import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.reward import Reward
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import ClosedDecision, IngestOutcome, Tally

NewDecision = Callable[..., Decision]
NewReward = Callable[..., Reward]
Ingest = Callable[..., IngestOutcome]
Closed = Callable[..., ClosedDecision]
Join = Callable[..., None]


def test_decisions_are_due_when_they_close_in_the_order_of_closing_and_id(
    storage: Storage, ingest: Ingest, new_decision: NewDecision
) -> None:
    for decision_id, at_ms in (("c", 2), ("b", 1), ("z", 0), ("a", 1), ("y", 3)):
        ingest(new_decision(decision_id, decided_at_ms=at_ms))

    assert [d.decision_id for d in storage.joins.due(1002, 10)] == ["z", "a", "b", "c"]
    assert [d.decision_id for d in storage.joins.due(1002, 2)] == ["z", "a"]


def test_a_due_decision_brings_its_rewards(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, new_reward: NewReward
) -> None:
    ingest(
        new_decision("d"),
        new_reward("d", 0.5, at_ms=20, reward_id="r"),
        new_reward("d", 3.0, occurred_at_ms=5, metric="seconds"),
    )
    (due,) = storage.joins.due(1000, 10)

    assert due.rewards == (
        ("reward", "r", 0.5, 20, 20),
        ("seconds", "", 3.0, 5, 10),
    )


def test_positions_are_dense_within_each_experiment(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, closed: Closed
) -> None:
    for i in range(9):
        ingest(new_decision(f"d{i}", number=1 + i % 2, decided_at_ms=i))
    for limit in (2, 3, 4):
        storage.joins.close(
            [closed(due) for due in storage.joins.due(10_000, limit)], 10_000
        )

    assert [row.position for row in storage.joins.after(1, 0, 99)] == [1, 2, 3, 4, 5]
    assert [row.position for row in storage.joins.after(2, 0, 99)] == [1, 2, 3, 4]
    assert [r.decision.id for r in storage.joins.after(2, 0, 99)] == [
        "d1",
        "d3",
        "d5",
        "d7",
    ]
    assert [row.position for row in storage.joins.after(1, 2, 2)] == [3, 4]
    assert [storage.joins.last_position(number) for number in (1, 2, 3)] == [5, 4, 0]
    assert storage.joins.last_positions() == {1: 5, 2: 4}


def test_a_joined_decision_is_not_due_again_and_shows_its_reward(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, join: Join
) -> None:
    ingest(new_decision("d"))
    join(0.25, learnable=False)
    view = storage.facts.decision("d")

    assert storage.joins.due(10**9, 10) == []
    assert view is not None
    assert (view.state, view.joined_reward, view.joined_position) == (
        "joined",
        0.25,
        1,
    )
    assert [(r.reward, r.learnable) for r in storage.joins.after(1, 0, 9)] == [
        (0.25, False)
    ]


def test_who_joined_reads_the_same_order_as_everybody(
    storage: Storage,
    open_store: Callable[[], Storage],
    ingest: Ingest,
    new_decision: NewDecision,
    closed: Closed,
) -> None:
    for batch in range(3):
        ids = [f"{batch} {i}" for i in range(4)]
        ingest(*(new_decision(one, context={"n": 0.5}) for one in ids))
        ingest(new_decision(f"other {batch}", number=2))
        due = storage.joins.due(10_000, 9)
        closings = [
            closed(one, -0.0, learnable=bool(i % 2)) for i, one in enumerate(due)
        ]
        storage.joins.close(closings, 10_000)
    other = open_store()

    for number, last in ((1, 12), (2, 3)):
        for position in range(last + 1):
            for limit in (1, 3, 20):
                place = number, position, limit
                assert storage.joins.after(*place) == other.joins.after(*place)


def test_a_decision_that_changed_since_it_was_due_is_joined_as_it_is(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, closed: Closed
) -> None:
    ingest(new_decision("d"))
    due = storage.joins.due(2000, 10)
    # As a second learner would, if the lease failed.
    ingest(new_decision("d", variant="b"))
    storage.joins.close([closed(one) for one in due], 2000)

    assert storage.joins.due(2000, 10) == []
    assert storage.facts.check() == []
    assert storage.damages.all() == []


def test_closing_a_decision_twice_changes_nothing(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, closed: Closed
) -> None:
    ingest(new_decision("d"), new_decision("e", decided_at_ms=1))
    first, second = storage.joins.due(2000, 10)
    storage.joins.close([closed(first, 1.0)], 2000)

    # As a second learner would, if the lease failed.
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        storage.joins.close([closed(second, 1.0), closed(first, 1.0)], 2000)
    assert storage.joins.last_position(1) == 1
    assert [tally.n for tally in storage.joins.tallies(1)] == [1]
    assert [d.decision_id for d in storage.joins.due(2000, 10)] == ["e"]
    assert storage.facts.check() == []


def test_a_reward_for_a_joined_decision_is_late(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_reward: NewReward,
    join: Join,
) -> None:
    ingest(new_decision("d"))
    join()
    ingest(new_reward("d", at_ms=900))
    view = storage.facts.decision("d")

    assert view is not None
    assert [r.late for r in view.rewards] == [True]
    assert view.joined_reward == 0.0
    assert storage.facts.totals(1).counts["rewards_late"] == 1


def test_another_variant_for_a_joined_decision_is_counted_and_changes_nothing(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, join: Join
) -> None:
    ingest(new_decision("d", "a"))
    join()
    ingest(new_decision("d", "b"))
    view = storage.facts.decision("d")

    assert view is not None
    assert view.state == "joined"
    counts = storage.facts.totals(1).counts
    assert (counts["decisions_ambiguous"], counts["decisions_treatment"]) == (1, 1)
    assert storage.facts.check() == []


def test_rewards_that_did_not_count_are_marked_late_when_their_decision_closes(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_reward: NewReward,
    join: Join,
) -> None:
    ingest(
        new_decision("d"),
        new_reward("d", reward_id="in"),
        new_reward("d", reward_id="out", at_ms=1001),
    )
    join(late=((0, "reward", "out"),))
    view = storage.facts.decision("d")

    assert view is not None
    assert {r.reward_id: r.late for r in view.rewards} == {"in": False, "out": True}
    assert storage.facts.totals(1).counts["rewards_late"] == 1


def test_tallies_are_the_sums_of_the_joined_decisions(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, closed: Closed
) -> None:
    values = {"d0": 0.5, "d1": 1.0, "d2": 0.25, "d3": 0.0}
    for i, decision_id in enumerate(values):
        ingest(
            new_decision(
                decision_id,
                variant="aabb"[i],
                group="baseline" if decision_id == "d3" else "treatment",
                decided_at_ms=i,
            )
        )
    for limit in (1, 3):
        storage.joins.close(
            [
                closed(due, values[due.decision_id], secondary={"seconds": 3.0})
                for due in storage.joins.due(10_000, limit)
            ],
            10_000,
        )

    # By hand: a in treatment has 0.5 + 1 and 0.25 + 1 at 0 and 1; b has 0.25 at 2.
    assert storage.joins.tallies(1) == [
        Tally("baseline", "b", "reward", 1, 0.0, 0.0, 3, 3),
        Tally("baseline", "b", "seconds", 1, 3.0, 9.0, 3, 3),
        Tally("treatment", "a", "reward", 2, 1.5, 1.25, 0, 1),
        Tally("treatment", "a", "seconds", 2, 6.0, 18.0, 0, 1),
        Tally("treatment", "b", "reward", 1, 0.25, 0.0625, 2, 2),
        Tally("treatment", "b", "seconds", 1, 3.0, 9.0, 2, 2),
    ]
    assert storage.facts.totals(1).joined == 4
    assert storage.facts.check() == []
