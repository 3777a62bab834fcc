"""Stacked recursive least squares, against ridge regression in closed form."""

import numpy as np
import pytest

from policies.auto.columns import MOST_COLUMNS
from policies.auto.regressions import MOST_CELLS, Prior, Regressions, room_for

PRIORS = (Prior(0.5, 0.2, 0.0), Prior(1.0, 1.0, 0.0))
COLUMNS = np.array([0, 20, 17, 30])


def time_at(count: int) -> float:
    """Return the time of a clock that has counted so far and found no change."""
    return 1 / 1000 - 1 / (1000 + count)


def learned(rounds: int, priors: tuple[Prior, ...] = PRIORS) -> Regressions:
    rng = np.random.default_rng(5)
    stack = Regressions(priors, 128)
    for count in range(1, rounds + 1):
        values = np.array([1.0, *rng.normal(size=3)])
        stack.learn(count % 3, COLUMNS, values, float(rng.normal()), time_at(count))
    return stack


def test_each_model_is_a_ridge_regression_of_its_prior() -> None:
    rng = np.random.default_rng(1)
    stack = Regressions(PRIORS, 128)
    rows = np.column_stack([np.ones(200), rng.normal(size=(200, 3))])
    targets = rows @ [0.3, -1.0, 0.5, 0.0] + rng.normal(size=200)

    for count, (row, target) in enumerate(zip(rows, targets, strict=True), start=1):
        stack.learn(0, COLUMNS, row, float(target), time_at(count))

    for model, prior in enumerate(PRIORS):
        shares = np.eye(2)[model]
        found = stack.folded(shares, np.array([0]), COLUMNS, time_at(200))[0]
        ridge = np.diag([prior.intercept**-2, *[prior.weights**-2] * 3])
        expected = np.linalg.solve(rows.T @ rows + ridge, rows.T @ targets)
        # The matrices are float32, with 7 digits.
        assert found == pytest.approx(expected, abs=1e-4)


def test_errors_are_those_before_learning() -> None:
    stack = Regressions(PRIORS, 128)

    first = stack.learn(0, COLUMNS, np.array([1.0, 0.0, 0.0, 0.0]), 1.0, time_at(1))
    second = stack.learn(0, COLUMNS, np.array([1.0, 0.0, 0.0, 0.0]), 1.0, time_at(2))

    # By hand: one example of value 1 moves the weight by variance / (1 + variance).
    assert first == pytest.approx([1.0, 1.0])
    assert second == pytest.approx([1.0 - 0.25 / 1.25, 1.0 - 1.0 / 2.0])


def test_an_entry_has_the_same_bits_whatever_else_is_asked_for() -> None:
    stack = learned(200)
    shares, rows = np.array([0.4, 0.6]), np.array([2, 0, -1, 1])

    whole = stack.folded(shares, rows, np.arange(MOST_COLUMNS), time_at(200))
    part = stack.folded(shares, rows, COLUMNS, time_at(200))

    assert np.array_equal(whole[:, COLUMNS], part)
    assert not part[2].any()


def test_a_model_that_forgets_returns_to_its_prior() -> None:
    stack = learned(200, (Prior(0.5, 0.2, 0.0), Prior(0.5, 0.2, 40.0)))
    rows = np.array([0])

    soon = stack.folded(np.array([0.0, 1.0]), rows, COLUMNS, time_at(200))
    late = stack.folded(np.array([0.0, 1.0]), rows, COLUMNS, time_at(100_000))
    kept = stack.folded(np.array([1.0, 0.0]), rows, COLUMNS, time_at(100_000))

    assert np.abs(late).max() < 0.6 * np.abs(soon).max()
    assert np.array_equal(
        kept, stack.folded(np.array([1.0, 0.0]), rows, COLUMNS, time_at(200))
    )


def test_a_row_that_starts_again_is_like_one_that_was_never_learned() -> None:
    stack = learned(200)

    stack.start_again(1)

    assert not stack.folded(np.ones(2), np.array([1]), COLUMNS, time_at(200)).any()
    errors = stack.learn(1, COLUMNS, np.array([1.0, 1.0, 1.0, 1.0]), 0.7, time_at(201))
    assert errors == pytest.approx([0.7, 0.7])


def test_matrices_are_symmetric_to_the_last_bit_and_survive_packing() -> None:
    stack = learned(500, (Prior(0.5, 0.2, 20.0), Prior(1.0, 1.0, 3.0)))
    priors = (Prior(0.5, 0.2, 20.0), Prior(1.0, 1.0, 3.0))

    again = Regressions.unpacked(stack.packed(), priors, 128)

    for count in range(501, 600):
        values = np.array([1.0, 0.5, -0.5, 0.1])
        one = stack.learn(count % 3, COLUMNS, values, 1.0, time_at(count))
        other = again.learn(count % 3, COLUMNS, values, 1.0, time_at(count))
        assert np.array_equal(one, other)
    assert stack.packed() == again.packed()


def test_columns_beyond_the_limit_have_no_effect() -> None:
    stack = Regressions(PRIORS, 2)

    stack.learn(0, COLUMNS, np.ones(4), 1.0, time_at(1))

    folded = stack.folded(np.ones(2), np.array([0]), COLUMNS, time_at(1))[0]
    assert folded[:2].all()
    assert not folded[2:].any()


def test_many_rows_leave_fewer_columns() -> None:
    assert Regressions.most_columns(50) ** 2 * 50 <= MOST_CELLS


@pytest.mark.parametrize(
    ("needed", "room"), [(1, 4), (4, 4), (5, 8), (33, 40), (500, 512)]
)
def test_room_is_a_function_of_what_is_needed(needed: int, room: int) -> None:
    assert room_for(needed, 4) == room
