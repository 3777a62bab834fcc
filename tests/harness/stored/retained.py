"""A service whose store drops what its archive has, in one process.

Owns the putting together of both, and everything that can be read of an experiment's
joined order, for comparison.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from bandit_svc.archive.dropped import DroppedRows
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.services.archiving.drop_archived import drop_archived
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.report.build import build_report
from bandit_svc.storage.rows import ClosedRow, DecisionView, JoinedRow
from tests.harness.service import Service
from tests.harness.stored.archived import archive, ports_of

KEPT = 100
"""Positions that stay: as many as a check of contexts reads."""


def with_archive(service: Service, url: str) -> ArchivePorts:
    """Set the archive of a service, in every process that it consists of."""
    service.settings = replace(service.settings, archive=url)
    for backends in (service.backends, service.worker, service.other_worker):
        below = DroppedRows(backends.storage, ArchiveTarget(url))
        backends.storage.archived.read_below(below)
    service.learner = service.new_learner()
    return ports_of(service, url)


def drop(service: Service, ports: ArchivePorts, keep_days: int = 1) -> int:
    """Archive what is due, and drop all but the last days; return how many went."""
    archive(service, ports)
    experiment = service.storage.experiments.get("hero")
    now_ms = service.now_ms
    return drop_archived(ports, experiment, now_ms, keep_days, kept=KEPT)


class Readable(NamedTuple):
    """What can be read of the joined order of `hero`."""

    rows: Sequence[JoinedRow]
    closed: Sequence[ClosedRow]
    views: Sequence[DecisionView | None]
    report: dict[str, Any]
    replayed: str


def readable(service: Service) -> Readable:
    """Return all of it; rows of the store have no place in it."""
    storage = service.storage
    experiment = storage.experiments.get("hero")
    rows: list[JoinedRow] = []
    while found := storage.joins.after(1, rows[-1].position if rows else 0, 7):
        rows += found
    closed: list[ClosedRow] = []
    while some := storage.joins.closed_after(1, closed[-1][0] if closed else 0, 9):
        closed += some
    return Readable(
        rows,
        [one._replace(due=replace(one.due, row_id=0)) for one in closed],
        [storage.facts.decision(row.decision.id) for row in rows],
        checked_json(build_report(storage, experiment, service.now_ms)),
        service.replay().replayed_sha256,
    )


def stored_positions(service: Service) -> list[int]:
    """Return the joined positions whose rows are in the store."""
    stored = service.storage.archived.rows(1, 0, 10**6)
    return [row.joined.position for row in stored]
