"""The first half of a tick: ingest, follow units, join.

Owns the order of these steps over the parts of a learner's share. A part that another
learner has taken meanwhile is left to that one; the others go on.
"""

import logging
from collections.abc import Callable, Sequence

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.domain.people.unit_state import MOST_IDS
from bandit_svc.domain.times import Deadline
from bandit_svc.learner.partition_watch import PartitionWatch
from bandit_svc.learner.sharing.gathered import Gathered
from bandit_svc.learner.sharing.share import Everything, Part
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import Ingested, Ingesting, ingest
from bandit_svc.services.learning.join import MOST_AT_ONCE, join
from bandit_svc.services.learning.parts.quarantine import tend_quarantine
from bandit_svc.services.learning.parts.without_consent import (
    close_without_consent,
)
from bandit_svc.services.people.following import Followed, follow
from bandit_svc.services.people.rebuild import rebuild
from bandit_svc.services.people.retention import Retention
from bandit_svc.storage.control.shares import ShardLost
from bandit_svc.wiring import Backends

_log = logging.getLogger(__name__)


class Gathering:
    """Moves facts into the store and joins them. The caller holds the lease."""

    def __init__(
        self,
        backends: Backends,
        definitions: Definitions,
        share: Everything,
        on_batch: Callable[[], None],
        turn: Callable[[], Deadline],
    ) -> None:
        """Begin with nothing in memory.

        Args:
            backends: the store and the log.
            definitions: of the experiments.
            share: the part of the work that is this learner's.
            on_batch: called after each piece of work.
            turn: returns the end of a turn.
        """
        self._backends = backends
        self._storage = backends.storage
        self._definitions = definitions
        self._share = share
        self._on_batch = on_batch
        self._turn = turn
        self._partitions = PartitionWatch(backends.storage.damages)
        self._keep_ms = backends.settings.quarantine_days * DAY_MS
        self._retention = Retention(
            backends.storage.units,
            backends.storage.privacy,
            backends.settings.keep_unit_days * DAY_MS,
        )

    def step(
        self, experiments: Sequence[Experiment], now_ms: int, *, hold: bool
    ) -> Gathered:
        """Do one round of the three steps for each part.

        Args:
            experiments: the learner's own.
            now_ms: read before, so that what closed by then has all its rewards.
            hold: true while nothing may be joined.
        """
        gathered: Gathered | None = None
        for part in self._share.parts:
            try:
                with self._share.working(part):
                    ingested = self._ingest(part, now_ms)
                    if gathered is None:
                        gathered = Gathered(ingested)
                    else:
                        gathered.read(ingested)
                    if part.is_main:
                        gathered.followed = self._follow(now_ms)
                    waits = self._partitions.must_hold(ingested, now_ms)
                    if part.joins and not (hold or waits):
                        self._join(part, ingested, experiments, now_ms, gathered)
            except ShardLost as error:
                _log.warning("%s", error.message)
        return Gathered(Ingested(now_ms)) if gathered is None else gathered

    def _join(
        self,
        part: Part,
        ingested: Ingested,
        experiments: Sequence[Experiment],
        now_ms: int,
        gathered: Gathered,
    ) -> None:
        ready_before_ms = self._share.ready_before_ms(ingested, now_ms)
        numbers = self._share.numbers_of(part, experiments)
        closed = join(
            self._storage.joins,
            self._definitions,
            ready_before_ms,
            now_ms,
            self._on_batch,
            MOST_AT_ONCE,
            numbers,
        )
        gathered.close(closed)
        close_without_consent(
            self._storage.apart,
            self._definitions,
            ready_before_ms,
            self._turn(),
            numbers,
        )

    def _ingest(self, part: Part, now_ms: int) -> Ingested:
        """Move facts into the store, and log what was wrong with them."""
        ingested = ingest(
            self._storage.facts,
            self._backends.reader,
            self._backends.decoder,
            self._definitions,
            now_ms,
            Ingesting(
                self._on_batch,
                self._partitions.accepts,
                part.partitions,
                self._storage.standbys.covered,
            ),
        )
        if part.is_main:
            tended = tend_quarantine(self._storage, now_ms, self._keep_ms)
            for key, count in tended.items():
                ingested.counts[key] = ingested.counts.get(key, 0) + count
        if ingested.torn:
            _log.warning("%d torn last records of dead workers skipped", ingested.torn)
        for damage in ingested.damages:
            _log.warning("%s", damage)
        return ingested

    def _follow(self, now_ms: int) -> Followed:
        """Bring the states of units up to the newest fact; log what was refused."""
        facts, units = self._storage.unit_facts, self._storage.units
        if not units.are_in_order():
            # A former version has kept them; web workers read theirs till then.
            rebuild(facts, units, keep=True)
        followed = follow(facts, units, self._turn())
        if followed.links_refused:
            _log.warning(
                "%d links of units refused: a person would have had over %d ids",
                followed.links_refused,
                MOST_IDS,
            )
        followed.forgotten = self._retention.step(now_ms)
        return followed
