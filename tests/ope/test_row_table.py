"""A matrix of which many rows are alike is the matrix that it stands for."""

from dataclasses import replace

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.registry import ESTIMATORS
from bandit_svc.ope.logged import LoggedData
from bandit_svc.ope.row_table import RowTable

ROW = np.arange(40) % 3
ROWS = RowTable(np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]), ROW)


def test_entries_and_averages_are_those_of_the_matrix() -> None:
    rng = np.random.default_rng(1)
    column, pmf = rng.integers(0, 3, 40), rng.dirichlet(np.ones(3), 40)
    whole = ROWS.whole()

    assert ROWS.shape == whole.shape == (40, 3)
    assert np.array_equal(ROWS.entries(column), whole[np.arange(40), column])
    assert ROWS.averaged(pmf) == pytest.approx((whole * pmf).sum(axis=1))
    one = np.broadcast_to(pmf[0], (40, 3))
    assert ROWS.averaged(one) == pytest.approx(whole @ pmf[0])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimates_from_it_are_those_from_the_matrix(
    name: str, shared_log: LoggedData
) -> None:
    estimate = ESTIMATORS[name].read_once
    found = estimate(replace(shared_log, q_hat=ROWS))
    expected = estimate(replace(shared_log, q_hat=ROWS.whole()))

    assert found.estimate == pytest.approx(expected.estimate)
    assert found.interval.upper == pytest.approx(expected.interval.upper)


def test_a_table_of_other_rounds_or_of_no_numbers_is_refused(
    shared_log: LoggedData,
) -> None:
    with pytest.raises(LoggedDataError, match=r"q_hat has shape \(3, 3\)"):
        replace(shared_log, q_hat=RowTable(ROWS.table, ROW[:3]))
    with pytest.raises(LoggedDataError, match="the sum of q_hat is nan"):
        replace(shared_log, q_hat=RowTable(ROWS.table * np.nan, ROW))
