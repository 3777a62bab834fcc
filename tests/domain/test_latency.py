"""Bins of latencies, a fourth of an octave each."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bandit_svc.domain.latency import bin_of, lower_edge_ms, upper_edge_ms


@pytest.mark.parametrize(
    ("latency_ms", "expected"),
    # 200 ms is one octave over 100 ms, and belongs to the bin that it ends.
    [(-5, 0), (0, 0), (100, 0), (101, 1), (200, 4), (201, 5), (400, 8)],
)
def test_a_bin_holds_its_upper_edge(latency_ms: int, expected: int) -> None:
    assert bin_of(latency_ms) == expected


@example(latency_ms=5_643_160_317)
@given(latency_ms=st.integers(1, 90 * 86_400_000))
def test_a_latency_lies_between_the_edges_of_its_bin(latency_ms: int) -> None:
    number = bin_of(latency_ms)
    # A bin is rounded, so that an edge belongs to the bin that it ends.
    near_ms = 1e-9 * latency_ms

    assert lower_edge_ms(number) - near_ms <= latency_ms
    assert latency_ms <= upper_edge_ms(number) + near_ms
    assert number <= 120
