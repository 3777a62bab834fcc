"""Counts for the page `/ops`, from the metrics that Grafana reads.

Owns their sums over experiments and processes, since the service started.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from bandit_svc import metrics

QUANTILES = (0.5, 0.99)
_READ = (
    "bandit_decisions_total",
    "bandit_fallback_decisions_total",
    "bandit_rewards_total",
    "bandit_http_requests_total",
    "bandit_decision_seconds_bucket",
    "bandit_webhook_events_total",
)


class Counters(NamedTuple):
    """Sums of all processes."""

    decisions: float
    fallbacks: float
    rewards: Mapping[str, float]
    """By outcome."""
    statuses: Mapping[str, float]
    """Requests by class of status: 2xx, 4xx, …"""
    seconds: Mapping[float, float | None]
    """Seconds to answer a decision, by quantile; None where none was made."""
    webhooks: Mapping[str, Mapping[str, float]]
    """Events of webhooks by outcome, by source."""

    @property
    def requests(self) -> float:
        """The number of all requests."""
        return sum(self.statuses.values())

    @property
    def server_errors(self) -> float:
        """The number of requests that were answered with a 5xx."""
        return self.statuses.get("5xx", 0.0)


def read_counters() -> Counters:
    """Return the sums over the metrics of all processes."""
    sums: defaultdict[str, float] = defaultdict(float)
    rewards: defaultdict[str, float] = defaultdict(float)
    statuses: defaultdict[str, float] = defaultdict(float)
    buckets: defaultdict[float, float] = defaultdict(float)
    webhooks: defaultdict[str, dict[str, float]] = defaultdict(dict)
    # Parsing is slow, and most lines are gauges, which this page does not show.
    lines = metrics.render().decode().splitlines(keepends=True)
    wanted = "".join(line for line in lines if line.startswith(_READ))
    for family in text_string_to_metric_families(wanted):
        for sample in family.samples:
            sums[sample.name] += sample.value
            if sample.name == "bandit_rewards_total":
                rewards[sample.labels["outcome"]] += sample.value
            elif sample.name == "bandit_http_requests_total":
                statuses[f"{sample.labels['status'][0]}xx"] += sample.value
            elif sample.name == "bandit_decision_seconds_bucket":
                buckets[float(sample.labels["le"])] += sample.value
            elif sample.name == "bandit_webhook_events_total":
                of_source = webhooks[sample.labels["source"]]
                of_source[sample.labels["outcome"]] = sample.value
    return Counters(
        decisions=sums["bandit_decisions_total"],
        fallbacks=sums["bandit_fallback_decisions_total"],
        rewards=dict(sorted(rewards.items())),
        statuses=dict(sorted(statuses.items())),
        seconds={q: quantile(buckets, q) for q in QUANTILES},
        webhooks=webhooks,
    )


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Estimate a quantile from cumulative buckets, as Prometheus does.

    Values are assumed to be spread evenly within a bucket; a quantile beyond the last
    finite edge is that edge.
    """
    edges = sorted(buckets)
    total = buckets[edges[-1]] if edges else 0.0
    if not total:
        return None
    below, low = 0.0, 0.0
    for edge in edges:
        if buckets[edge] >= share * total:
            if edge == float("inf"):
                return low
            inside = buckets[edge] - below
            return low + (edge - low) * (share * total - below) / inside
        below, low = buckets[edge], edge
    return low
