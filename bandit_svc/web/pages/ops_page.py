"""The page `/ops`: event log, learner, models, keys, and counts since the start.

Owns the page for operators, which needs no Grafana. It shows the id of a key, never
the key.
"""

from typing import Any

from flask import Blueprint, redirect
from werkzeug.wrappers import Response

from bandit_svc import __version__
from bandit_svc.errors import LogUnreadable
from bandit_svc.eventlog.bounded import shortages
from bandit_svc.eventlog.interface import PartitionStatus
from bandit_svc.services.checks.check import WORDS
from bandit_svc.services.checks.degraded import damage_reasons
from bandit_svc.services.checks.nodes import clock_fault, nodes_of
from bandit_svc.services.checks.operations import Measured, operation_checks
from bandit_svc.services.checks.outbox import outbox_fault, outbox_line
from bandit_svc.services.checks.who_learns import who_learns
from bandit_svc.storage.overview import SummaryRow
from bandit_svc.web.access.own_address import own
from bandit_svc.web.counters import Counters, read_counters
from bandit_svc.web.page_context import PageContext, render
from bandit_svc.wiring import log_limits, log_room, node_outbox

Json = dict[str, Any]
MOST_LISTED = 50
MOST_WAITING = 20
"""Rewards in quarantine that are listed."""


def register(routes: Blueprint, page_context: PageContext) -> None:
    """Add the page."""

    @routes.get("/ops")
    def operations() -> str:
        now_ms = page_context.now_ms()
        storage = page_context.storage
        keys = {e.number: e.key for e in storage.experiments.all()}
        rows = storage.overview.summaries(now_ms)
        partitions = page_context.backends.reader.status()
        counters = read_counters()
        measured = _measured(page_context, rows, partitions, counters, now_ms)
        return render(
            "ops.html",
            version=__version__,
            measured=measured,
            checks=operation_checks(measured),
            words=WORDS,
            partitions=partitions[-MOST_LISTED:],
            partition_count=len(partitions),
            nodes=_nodes(page_context, now_ms),
            outbox=_outbox(page_context, now_ms),
            log_bytes=sum(p.bytes for p in partitions),
            store_bytes=storage.size_bytes(),
            models=[_model(row, keys, now_ms) for row in rows[:MOST_LISTED]],
            experiment_count=len(rows),
            keys=storage.keys.all()[-MOST_LISTED:],
            counters=counters,
            sources=_sources(page_context, counters),
            per_minute=sum(storage.overview.rates(now_ms).values()),
            quarantined=_quarantined(page_context, keys),
            quarantined_count=storage.credits.count_quarantined(),
            is_looking=storage.credits.redrive_is_asked(),
        )

    @routes.post("/ops/redrive")
    def redrive() -> Response:
        page_context.storage.credits.ask_to_redrive()
        return redirect(own("/ops#h-quarantine"), 303)


def _nodes(page_context: PageContext, now_ms: int) -> list[Json]:
    """Return what the learners have heard of the nodes of a stream, if there is one."""
    return [
        {
            "name": node.name,
            "state": node.state,
            "silent_s": max(0, now_ms - node.seen_ms) / 1000,
            "lag_s": max(0, now_ms - node.mark_ms) / 1000,
            "ahead_s": node.ahead_ms / 1000,
            "is_wrong": clock_fault(node) is not None,
        }
        for node in nodes_of(page_context.storage.facts.marks())[:MOST_LISTED]
    ]


def _outbox(page_context: PageContext, now_ms: int) -> Json | None:
    """Return how far the stream has this machine's outbox; None without a stream."""
    try:
        state = node_outbox(page_context.backends.settings)
    except LogUnreadable as error:
        return {"fault": error.message, "line": ""}
    if state is None:
        return None
    return {"fault": outbox_fault(state, now_ms), "line": outbox_line(state, now_ms)}


def _quarantined(page_context: PageContext, keys: dict[int, str]) -> list[Json]:
    """Return the newest rewards that wait for a decision."""
    return [
        {
            "received_at_ms": one.received_at_ms,
            "reward_id": one.reward_id,
            "experiment": keys.get(one.number, ""),
            "metric": one.metric,
            "value": one.value,
            "names": "a decision" if one.decision_id else "a unit",
        }
        for one in page_context.storage.credits.quarantined(MOST_WAITING)
    ]


def _sources(page_context: PageContext, counters: Counters) -> list[Json]:
    """Return the first sources of webhooks, and what became of their events."""
    return [
        {
            "name": row.name,
            "kind": row.kind,
            "outcomes": sorted(counters.webhooks.get(row.name, {}).items()),
        }
        for row in page_context.storage.sources.all()[:MOST_LISTED]
    ]


def _measured(
    page_context: PageContext,
    rows: list[SummaryRow],
    partitions: list[PartitionStatus],
    counters: Counters,
    now_ms: int,
) -> Measured:
    backends = page_context.backends
    room = log_room(backends.settings)
    waiting = [r.ready_since_ms for r in rows if r.ready_since_ms is not None]
    kept = backends.storage.clock.kept()
    damages = [one.damage for one in backends.storage.damages.unacknowledged()]
    return Measured(
        learner=who_learns(backends.storage),
        backlog_bytes=backends.reader.backlog_bytes(backends.storage.facts.cursors()),
        lag_s=max(0, now_ms - min(waiting)) / 1000 if waiting else None,
        room=room,
        shortages=shortages(log_limits(backends.settings), room),
        requests=counters.requests,
        server_errors=counters.server_errors,
        dead_partitions=sum(not p.alive for p in partitions),
        doubt=kept.doubt.sentence if kept is not None and kept.doubt else "",
        damage="; ".join(r.sentence for r in damage_reasons(damages)),
    )


def _model(row: SummaryRow, keys: dict[int, str], now_ms: int) -> Json:
    at_ms = row.model_at_ms
    return {
        "experiment": keys.get(row.number, str(row.number)),
        "version": row.model_version,
        "age_s": None if at_ms is None else max(0, now_ms - at_ms) / 1000,
        "joined": row.joined,
        "lag_s": None
        if row.ready_since_ms is None
        else max(0, now_ms - row.ready_since_ms) / 1000,
    }
