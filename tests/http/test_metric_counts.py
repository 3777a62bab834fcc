"""Counts that wait in memory reach the metrics whole, whoever writes them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from bandit_svc import metric_counts, metrics

EDGES = (0.001, 0.01, 0.1)
# On an edge, between edges, below the first, beyond the last, and twice the same. Their
# sum is the same in any order but for rounding.
DURATIONS = (0.01, 0.05, 0.0001, 3.0, 0.05, 0.1, 0.001)


def histogram() -> Histogram:
    return Histogram("d_seconds", "Durations.", buckets=EDGES, registry=None)


def counter() -> Counter:
    return Counter("c_total", "Counts.", registry=None)


def value_of(counted: Counter) -> float:
    registry = CollectorRegistry()
    registry.register(counted)
    return registry.get_sample_value("c_total") or 0.0


def samples(observed: Histogram) -> dict[tuple[str, str | None], float]:
    """Return the values of a histogram by name and edge; not when it was created."""
    return {
        (sample.name, sample.labels.get("le")): sample.value
        for metric in observed.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


def test_durations_written_at_once_are_those_observed_singly() -> None:
    singly, at_once = histogram(), histogram()
    for duration in DURATIONS:
        singly.observe(duration)
        metric_counts.observe(at_once, duration)
    metric_counts.flush()

    assert samples(at_once) == pytest.approx(samples(singly), rel=1e-12)


def test_a_count_waits_until_a_flush() -> None:
    counted = counter()
    metric_counts.count(counted)
    waiting = value_of(counted)
    metric_counts.flush()

    assert (waiting, value_of(counted)) == (0, 1)


def test_rendering_the_metrics_writes_what_waits() -> None:
    counted = counter()
    metric_counts.count(counted)
    metrics.render()

    assert value_of(counted) == 1


@pytest.mark.parametrize("flushes", [0, 50])
def test_threads_that_count_and_flush_at_once_lose_nothing(flushes: int) -> None:
    counted = counter()

    def work(_: int) -> None:
        for number in range(metric_counts.MOST_NOTES):
            metric_counts.count(counted)
            if flushes and number % flushes == 0:
                metric_counts.flush()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    metric_counts.flush()

    assert value_of(counted) == 4 * metric_counts.MOST_NOTES


def test_a_process_that_never_flushes_keeps_few_notes() -> None:
    counted, observed = counter(), histogram()
    metric_counts.flush()
    most = metric_counts.MOST_NOTES + 1
    for _ in range(most):
        metric_counts.count(counted)
    for _ in range(most):
        metric_counts.observe(observed, 0.5)

    assert value_of(counted) == most
    assert samples(observed)["d_seconds_count", None] == most
