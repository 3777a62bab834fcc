"""The counters of the page for operators: quantiles as Prometheus computes them."""

import math

import pytest

from bandit_svc.web.counters import quantile

BUCKETS = {0.001: 10.0, 0.002: 30.0, 0.005: 40.0, math.inf: 40.0}


@pytest.mark.parametrize(
    ("share", "expected"),
    # By hand: 20 of 40 lie up to the median; 10 lie below 1 ms, the next 20 between
    # 1 and 2 ms, so it is 1 + 10 / 20 ms.
    [(0.5, 0.0015), (0.25, 0.001), (0.125, 0.0005), (1.0, 0.005)],
)
def test_a_quantile_lies_where_its_bucket_is_filled(
    share: float, expected: float
) -> None:
    assert quantile(BUCKETS, share) == pytest.approx(expected)


def test_beyond_the_last_bucket_its_edge_is_given() -> None:
    assert quantile({0.001: 1.0, math.inf: 10.0}, 0.99) == 0.001


@pytest.mark.parametrize("buckets", [{}, {0.001: 0.0, math.inf: 0.0}])
def test_without_an_observation_there_is_no_quantile(
    buckets: dict[float, float],
) -> None:
    assert quantile(buckets, 0.5) is None
