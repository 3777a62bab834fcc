"""Rows that are there twice are found; equal rows of independent decisions are not."""

import numpy as np
import pytest

from bandit_svc.ope.audit.repeats import repeats


def test_counts_and_expectation_by_hand() -> None:
    found = repeats(np.array([4, 4, 9, 4, 7, 7, 7, 2]))

    # 3 * 2 + 3 * 2 ordered pairs of equal rows, over n.
    assert (found.n, found.kinds, found.neighbours) == (8, 4, 3)
    assert found.expected == pytest.approx(12 / 8)
    assert found.copies == 1


def test_independent_rows_are_rarely_found() -> None:
    """None of 200 logs of 2,000 rows, of which some are equal by chance."""
    generator = np.random.default_rng(1)
    kinds = generator.dirichlet(np.full(3_000, 0.5))

    logs = [generator.choice(3_000, 2_000, p=kinds) for _ in range(200)]

    assert not any(repeats(log).found for log in logs)
    assert repeats(logs[0]).tested


def test_rows_written_twice_in_a_row_are_found() -> None:
    rows = np.random.default_rng(2).integers(0, 10**9, 1_000)
    some = np.repeat(rows, np.where(np.arange(1_000) % 20 == 0, 2, 1))

    assert repeats(np.repeat(rows, 3)).found
    assert repeats(some).found
    assert repeats(some).neighbours == 50


@pytest.mark.parametrize("copies", [2, 3, 10])
def test_a_log_appended_to_itself_is_found(copies: int) -> None:
    rows = np.random.default_rng(3).integers(0, 10**9, 500)
    found = repeats(np.tile(rows, copies))

    assert found.found
    assert found.copies == copies


def test_few_kinds_of_rows_say_nothing() -> None:
    rows = np.random.default_rng(4).integers(0, 6, 3_000)

    assert not repeats(rows).tested
    assert not repeats(np.sort(rows)).found
