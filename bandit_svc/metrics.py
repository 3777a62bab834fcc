"""The metrics of the service.

Owns every metric of the service. Imported by entry points only. Under several
processes PROMETHEUS_MULTIPROC_DIR must be set before the first import; gauges
are of the `live` kinds, so that a dead process leaves no value behind.

Labels are keys of definitions, and few: the experiments and variants beyond the
caps share the label `(other)`. No label comes from a request.
"""

import os
from collections.abc import Iterable
from itertools import islice
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from bandit_svc import __version__, metric_counts, metric_files
from bandit_svc.domain.experiment import Definition, Experiment

metric_files.install()
metric_counts.install()

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
LATEST: Literal["livemostrecent"] = "livemostrecent"

# Experiments with labels of their own, and variants of each of those.
MAX_EXPERIMENTS = 200
MAX_VARIANTS = 100
# Neither can be a key, since keys begin with a letter or a digit.
OTHER = "(other)"
INLINE = "(request)"

DECISIONS = Counter(
    "bandit_decisions_total",
    "Decisions that were logged and answered.",
    ["experiment", "variant", "group"],
)
DECISION_SECONDS = Histogram(
    "bandit_decision_seconds",
    "Time to answer one decision, including the write to the event log.",
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
)
REWARDS = Counter(
    "bandit_rewards_total",
    "Rewards by outcome: accepted, duplicate, conflict, late, orphan, corrected, "
    "clipped, refused, after_retention (its decision has left the store) or invalid "
    "(no experiment is known).",
    ["experiment", "outcome"],
)
REQUESTS = Counter(
    "bandit_http_requests_total", "HTTP requests answered.", ["route", "status"]
)
CONNECTIONS_ENDED = Counter(
    "bandit_connections_ended_total",
    "Connections that ended early. reset: by the client; late: a request did not come "
    "whole in time; idle: no next request came; unread: the client read no answer; "
    "refused: too many were open.",
    ["reason"],
)
UNITS_FORGOTTEN = Counter(
    "bandit_units_forgotten_total",
    "Units whose state was forgotten, since they were not seen for keep_unit_days.",
)
CAP_HITS = Counter(
    "bandit_cap_hits_total",
    "Decisions in which a cap of a programme kept a variant out.",
    ["programme", "cap"],
)
CAP_OVERSHOOT = Counter(
    "bandit_cap_overshoot_total",
    "Exposures that came though a cap was full, as the log tells.",
    ["programme", "cap"],
)
CAPS_UNREAD = Counter(
    "bandit_caps_unread_total",
    "Decisions in which it could not be read how often was shown what.",
)
REFUSED_KEYS = Counter(
    "bandit_keys_refused_total",
    "Requests refused for their key, by reason: missing, unknown (also revoked), "
    "expired, scope, origin, experiment.",
    ["reason"],
)
COMPRESSED_BODIES = Counter(
    "bandit_compressed_bodies_total",
    "Request bodies with a Content-Encoding, by outcome: read, too_large (once "
    "decompressed), damaged, unsupported.",
    ["outcome"],
)
SEGMENT_MESSAGES = Counter(
    "bandit_segment_messages_total",
    "Messages of Segment's protocol, by type and outcome: accepted, duplicate, dropped "
    "(no consent), ignored, refused; link_refused: kept without linking its ids.",
    ["type", "outcome"],
)
WEBHOOKS = Counter(
    "bandit_webhook_events_total",
    "Events of sources of webhooks, by outcome: as of rewards and events (accepted, "
    "duplicate, conflict, late, quarantined, corrected, dropped), superseded (a newer "
    "total is known), ignored, currency (not taken), and refused deliveries: "
    "signature (also a stale time), invalid, too_large, unavailable, unknown (source).",
    ["source", "outcome"],
)
ENRICHMENTS = Counter(
    "bandit_enrichments_total",
    "Enrichers of decisions, by outcome: filled, sent (the request had brought its "
    "keys), unknown, stale, late (over its time limit, or resting), unavailable (a "
    "library or a source is missing).",
    ["enricher", "outcome"],
)
SPLIT_STEPS = Counter(
    "bandit_split_steps_total",
    "Steps that the service has taken in policy splits, by kind: started, advanced, "
    "rolled_back, completed.",
    ["experiment", "kind"],
)
BUILD = Gauge(
    "bandit_build_info",
    "Constant 1; the label tells the version.",
    ["version"],
    multiprocess_mode="livemax",
)
FALLBACKS = Counter(
    "bandit_fallback_decisions_total",
    "Decisions by the baseline because the policy's pmf was not valid.",
    ["experiment"],
)

DAMAGED_FACTS = Counter(
    "bandit_log_damaged_facts_total",
    "Facts of the event log that are lost to damage, as far as they can be counted.",
)


def _latest(name: str, help_text: str, *labels: str) -> Gauge:
    return Gauge(name, help_text, labels, multiprocess_mode=LATEST)


REWARD_MEAN = _latest(
    "bandit_reward_mean", "Mean joined reward of a group.", "experiment", "group"
)
UPLIFT = _latest(
    "bandit_uplift",
    "Treatment's mean reward against the baseline's; kind: absolute or relative.",
    "experiment",
    "kind",
)
UPLIFT_BOUND = _latest(
    "bandit_uplift_bound",
    "Bounds of the uplift that hold at every look.",
    "experiment",
    "kind",
    "side",
)
POLICY_VALUE = _latest(
    "bandit_policy_value",
    "Mean reward that another policy would have earned, estimated from the treatment.",
    "experiment",
    "policy",
    "estimator",
)
AGREEMENT = _latest(
    "bandit_agreement",
    "Share in which an apprentice's likeliest variant is what the caller's system "
    "shows.",
    "experiment",
)
AGREEMENT_BOUND = _latest(
    "bandit_agreement_bound",
    "Bounds of the agreement that hold at every look.",
    "experiment",
    "side",
)
APPRENTICE_DIFFERENCE = _latest(
    "bandit_apprentice_difference",
    "Reward a decision that an apprentice would earn more than the caller's system.",
    "experiment",
)
APPRENTICE_DIFFERENCE_BOUND = _latest(
    "bandit_apprentice_difference_bound",
    "Bounds of that difference that hold at every look.",
    "experiment",
    "side",
)
MODEL_VERSION = _latest(
    "bandit_model_version", "Newest published model version.", "experiment"
)
MODEL_AGE = _latest(
    "bandit_model_age_seconds", "Age of the newest published model.", "experiment"
)
LEARNER_LAG = _latest(
    "bandit_learner_lag_seconds",
    "How long the oldest matured decision has waited to be in a published model.",
    "experiment",
)
LEARNER_SHARDS = _latest(
    "bandit_learner_shards",
    "Partitions of the stream that this learner holds, with their experiments; 0 for "
    "one that has all of the log.",
)
UNSCORED = _latest(
    "bandit_unscored_decisions",
    "Joined decisions that the candidates of this learner's experiments have not "
    "reached, in the newest tick.",
)
PENDING = _latest(
    "bandit_pending_decisions",
    "Decisions whose reward window is still open.",
    "experiment",
)
LOCAL_LOST = _latest(
    "bandit_local_decisions_lost",
    "Decisions that clients made in their own process and that were never logged.",
    "experiment",
)
BACKLOG = _latest(
    "bandit_event_log_backlog_bytes", "Bytes of the event log not yet in the store."
)
ARCHIVE_LAG = _latest(
    "bandit_archive_lag_seconds",
    "How long the oldest day that is complete has waited to be in the archive.",
)
FSYNC_FAILURES = Counter(
    "bandit_event_log_fsync_failures_total",
    "Flushes of the event log that the disk did not confirm.",
)
FOREIGN_CHANGES = Counter(
    "bandit_event_log_foreign_changes_total",
    "Segments and live counters of the event log that another program has changed.",
)
DEGRADED = Gauge(
    "bandit_degraded",
    "1 while the service answers decisions but something is wrong, by reason.",
    ["reason"],
    multiprocess_mode="livemax",
)
OUTBOX_SECONDS = _latest(
    "bandit_outbox_unshipped_seconds",
    "Age of the oldest record of this node that the stream has not acknowledged.",
)
OUTBOX_BYTES = _latest(
    "bandit_outbox_unshipped_bytes",
    "Bytes of this node's event log that the stream has not acknowledged.",
)
STREAM_LAG = _latest(
    "bandit_stream_watermark_age_seconds",
    "Age of what every running node has sent and the learner has read; joining is so "
    "far behind.",
)
SILENT_NODES = _latest(
    "bandit_stream_silent_nodes",
    "Nodes that have said nothing for too long; joining goes on without them.",
)
STOPPED_PARTITIONS = _latest(
    "bandit_stream_stopped_partitions",
    "Partitions of the stream that are read no further, since messages of them are "
    "lost.",
)
HEALTH = _latest(
    "bandit_health_status",
    "A check of the report: 0 ok, 1 warn, 2 fail; none while it is too early to test.",
    "experiment",
    "check",
)
GUARDRAIL = _latest(
    "bandit_guardrail_status",
    "A declared secondary metric: 0 ok, 1 undecided, 2 breached.",
    "experiment",
    "metric",
)


def labelled_experiments(experiments: Iterable[Experiment]) -> frozenset[str]:
    """Return the keys of experiments with labels of their own, archived ones last.

    Every process gives the same ones, so that a counter is not half its own and
    half `(other)`.
    """
    ranked = sorted(
        experiments, key=lambda e: (e.definition.status == "archived", e.number)
    )
    return frozenset(e.key for e in ranked[:MAX_EXPERIMENTS])


def labelled_variants(definition: Definition) -> frozenset[str]:
    """Return the keys of the active variants with labels of their own."""
    return frozenset(v.key for v in islice(definition.active_variants, MAX_VARIANTS))


def render() -> bytes:
    """Return the metrics of every process in Prometheus' text format."""
    BUILD.labels(__version__).set(1)
    # A counter that is there from the start shows its first increase too.
    REWARDS.labels("", "invalid")
    metric_counts.flush()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget_process(pid: int) -> None:
    """Drop the live gauges of a process that has died."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
