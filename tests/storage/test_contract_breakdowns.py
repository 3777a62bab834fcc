"""What every store promises of its sums; see storage.interface.Breakdowns."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from itertools import count

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.latency import bin_of
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import (
    ClosedDecision,
    HistoryRow,
    IngestOutcome,
    LatencyRow,
)

NewDecision = Callable[..., Decision]
NewReward = Callable[..., Reward]
Ingest = Callable[..., IngestOutcome]
Closed = Callable[..., ClosedDecision]
Join = Callable[..., None]
LONG_AFTER_MS = 10**12

_ids = count()


@pytest.fixture
def play(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, closed: Closed
) -> Callable[..., None]:
    """Decide at these moments and close all with a reward, in one batch."""

    def run(
        *moments_ms: int,
        reward: float = 1.0,
        latencies: tuple[tuple[int, bool], ...] = (),
        **fields: object,
    ) -> None:
        decisions = [
            new_decision(f"d{next(_ids)}", decided_at_ms=at_ms, **fields)
            for at_ms in moments_ms
        ]
        ingest(*decisions)
        due = storage.joins.due(LONG_AFTER_MS, 10_000)
        storage.joins.close(
            [closed(d, reward, latencies=latencies) for d in due], LONG_AFTER_MS
        )

    return run


def test_history_sums_by_second_group_and_variant(
    storage: Storage, play: Callable[..., None]
) -> None:
    play(5_000, 5_999, reward=0.5)
    play(5_100, variant="b")
    play(6_000, group="baseline", reward=0.0)

    assert storage.breakdowns.history(1) == [
        HistoryRow(5_000, 6_000, "treatment", "a", 2, 1.0, 0.5),
        HistoryRow(5_000, 6_000, "treatment", "b", 1, 1.0, 1.0),
        HistoryRow(6_000, 7_000, "baseline", "a", 1, 0.0, 0.0),
    ]
    assert storage.breakdowns.history(2) == []


def test_stretches_double_when_there_are_more_than_200(
    storage: Storage, play: Callable[..., None]
) -> None:
    play(*range(0, 200_000, 1_000))
    before = storage.breakdowns.history(1)
    play(200_000)
    after = storage.breakdowns.history(1)

    assert (len(before), before[0].ends_at_ms) == (200, 1_000)
    # 201 seconds in pairs from 0: 100 pairs, and the last one alone.
    assert [row.n for row in after] == [2] * 100 + [1]
    assert (after[0].begins_at_ms, after[0].ends_at_ms) == (0, 2_000)
    assert after[-1].ends_at_ms == 202_000


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    batches=st.lists(
        st.lists(st.integers(0, 10**10), min_size=1, max_size=120), max_size=4
    )
)
def test_no_sum_is_lost_however_old_an_experiment_grows(
    storage: Storage, play: Callable[..., None], batches: list[list[int]]
) -> None:
    before = sum(row.n for row in storage.breakdowns.history(1))
    for moments in batches:
        play(*moments, reward=0.5)
    rows = storage.breakdowns.history(1)
    n = before + sum(map(len, batches))

    # Halves and quarters add up without any rounding.
    assert sum(row.n for row in rows) == n
    assert sum(row.total for row in rows) == n * 0.5
    assert sum(row.total_squares for row in rows) == n * 0.25
    assert len({row.begins_at_ms for row in rows}) <= 200


def test_variants_beyond_the_first_50_are_kept_without_a_name(
    storage: Storage, play: Callable[..., None]
) -> None:
    for i in range(60):
        play(0, variants=(f"v{i}",), chosen=0)
    n = {row.variant: row.n for row in storage.breakdowns.history(1)}

    assert len(n) == 51
    assert n[""] == 10
    assert "v50" not in n


def test_latencies_are_counted_by_bin(
    storage: Storage, play: Callable[..., None]
) -> None:
    play(0, latencies=((50, True), (200, True)))
    play(1, latencies=((180, False),))

    assert storage.breakdowns.latencies(1) == [LatencyRow(0, 1, 0), LatencyRow(4, 1, 1)]


def test_a_reward_behind_the_closing_counts_as_late_once(
    storage: Storage,
    ingest: Ingest,
    new_decision: NewDecision,
    new_reward: NewReward,
    join: Join,
) -> None:
    ingest(new_decision("d"))
    join()
    late = new_reward("d", at_ms=6_400)
    for _ in range(2):
        ingest(late, new_reward("d", at_ms=5_000, metric="seconds"))

    # 100 ms * 2 ** 6 is 6,400 ms: bin 4 * 6. Only the main metric counts.
    assert storage.breakdowns.latencies(1) == [LatencyRow(24, 0, 1)]
    assert bin_of(6_400) == 24


def test_a_join_that_fails_leaves_no_sum_behind(
    storage: Storage, ingest: Ingest, new_decision: NewDecision, closed: Closed
) -> None:
    ingest(new_decision("d"), new_decision("e", decided_at_ms=1))
    first, second = (
        closed(due, 1.0, latencies=((5, True),)) for due in storage.joins.due(2000, 10)
    )
    storage.joins.close([first], 2000)

    def sums() -> Counter[str]:
        found = storage.breakdowns
        return Counter(
            history=sum(row.n for row in found.history(1)),
            latencies=sum(row.counted for row in found.latencies(1)),
        )

    # As a second learner would, if the lease failed.
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        storage.joins.close([second, first], 2000)
    assert sums() == {"history": 1, "latencies": 1}
    storage.joins.close([second], 2000)
    assert sums() == {"history": 2, "latencies": 2}
