"""Learners of real processes share, die and are stopped, and the store stays whole."""

import pytest

from benchmarks.learners.drill import Size, drilled
from benchmarks.learners.engines import servers
from benchmarks.learners.watched import audited

SIZE = Size(
    experiments=30,
    learners=3,
    partitions=8,
    rounds=1,
    events=("kill", "stop"),
    between_s=0.5,
)


@pytest.mark.e2e
def test_shares_stay_fair_and_no_position_is_missing_or_a_former_holders() -> None:
    said: list[str] = []
    with servers() as started:
        found = drilled(started, SIZE, said.append)

    assert found.holds, (found, said)
    # Each learner had a part of it, and what one had another one took.
    assert len(found.audit.writers) == SIZE.learners
    assert found.audit.taken > SIZE.partitions + 1
    assert set(found.unfair_s) == {"join", "kill -9", "SIGSTOP", "SIGCONT"}


# Experiment 1 is in the only partition.
TAKEN = [("one", "0", 1, None, None), ("one", None, None, 1, 1)]


@pytest.mark.parametrize(
    ("then", "wrong"),
    [
        ([("one", None, None, 1, 2)], (0, 0, 0)),
        ([("two", "0", 2, None, None), ("two", None, None, 1, 2)], (0, 0, 0)),
        ([("two", "0", 2, None, None), ("one", None, None, 1, 2)], (1, 0, 0)),
        ([("two", None, None, 1, 2)], (1, 0, 0)),
        ([("one", None, None, 1, 3)], (0, 1, 0)),
        ([("one", None, None, 1, 1)], (0, 1, 0)),
        ([("two", "0", 1, None, None)], (0, 0, 1)),
    ],
)
def test_an_audit_finds_former_holders_gaps_and_tokens_that_go_back(
    then: list[tuple[str, str | None, int | None, int | None, int | None]],
    wrong: tuple[int, int, int],
) -> None:
    found = audited([*TAKEN, *then], 1)

    assert (found.by_former, found.not_next, found.tokens_back) == wrong
    assert found.holds == (wrong == (0, 0, 0))
