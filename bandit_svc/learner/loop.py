"""The learner's tick: ingest, join, score, train, publish.

Owns the order of the steps and the trainers; each step is a use case of its own.
Takes the clock; killed anywhere, the next tick repeats work and counts nothing
twice.
"""

import logging
import time
from collections.abc import Callable

import msgspec

from bandit_svc.services.definitions import Definitions
from bandit_svc.services.ingest import Ingested, ingest
from bandit_svc.services.join import join
from bandit_svc.services.score import Scored, Scorer
from bandit_svc.services.train import Trained, Trainer
from bandit_svc.wiring import Backends

# A changed policy trains this long before the other experiments get their turn.
BUDGET_S = 0.25

_log = logging.getLogger(__name__)


class Tick(msgspec.Struct):
    """What one tick did; `trained` and `scored` by experiment key."""

    ingested: Ingested
    joined: int
    trained: dict[str, Trained] = {}
    scored: dict[str, Scored] = {}

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return (
            not self.ingested.records
            and not self.joined
            and not any(t.learned or t.behind for t in self.trained.values())
            and not any(s.scored for s in self.scored.values())
        )


class Learner:
    """Trains every experiment of a store. The caller holds the lease."""

    def __init__(
        self,
        backends: Backends,
        now_ms: Callable[[], int],
        *,
        budget_s: float = BUDGET_S,
    ) -> None:
        self._storage = backends.storage
        self._reader = backends.reader
        self._settings = backends.settings
        self._now_ms = now_ms
        self._budget_s = budget_s
        self._definitions = Definitions(backends.storage.experiments)
        self._trainers: dict[int, tuple[Scorer, Trainer]] = {}

    def tick(self) -> Tick:
        """Do one round of every step."""
        # Read before the ingest, so that what closed by then has all its rewards.
        now_ms = self._now_ms()
        ingested = ingest(self._storage.facts, self._reader, self._definitions)
        if ingested.torn:
            _log.warning("%d torn last lines of dead workers skipped", ingested.torn)
        if ingested.unreadable:
            _log.error("%d unreadable log lines set aside", ingested.unreadable)
        joined = join(self._storage.joins, self._definitions, now_ms)
        tick = Tick(ingested=ingested, joined=joined)
        newest = self._storage.snapshots.latest_versions()
        for experiment in self._storage.experiments.all():
            scorer, trainer = self._trainer(experiment.number)
            # Before anything learns from them.
            scored = scorer.step(experiment, budget_s=self._budget_s)
            for fault in scored.faults:
                _log.error("experiment %s: %s", experiment.key, fault)
            tick.scored[experiment.key] = scored
            trained = trainer.step(
                experiment,
                newest.get(experiment.number, 0),
                now_ms,
                publish_every_ms=self._settings.publish_every_ms,
                budget_s=self._budget_s,
            )
            if trained.fault is not None:
                _log.error("experiment %s: %s", experiment.key, trained.fault)
            tick.trained[experiment.key] = trained
        return tick

    def _trainer(self, number: int) -> tuple[Scorer, Trainer]:
        found = self._trainers.get(number)
        if found is None:
            ports = (self._storage, self._definitions, number)
            scorer = Scorer(*ports, keep_every_ms=self._settings.publish_every_ms)
            found = self._trainers[number] = (scorer, Trainer(*ports, scorer))
        return found

    def drain(self, timeout_s: float) -> bool:
        """Tick until nothing is left to do or the time is over; say which."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.tick().idle:
                return True
        return False
