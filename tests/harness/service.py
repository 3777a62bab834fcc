"""A whole service in one process: store, event log, workers, learner, one clock.

Owns `Service`. Everything is real and in a folder of the test; time passes when a test
says so.
"""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack

import msgspec

from bandit_svc.domain.clock_guard import KeptClock
from bandit_svc.domain.events.codec import Fact
from bandit_svc.domain.events.decision import Activation
from bandit_svc.domain.events.decision_id import ENTROPY_BYTES, SECRET_BYTES
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.variant import Variant
from bandit_svc.eventlog.interface import START
from bandit_svc.learner.job_kinds import job_kinds
from bandit_svc.learner.loop import BUDGET_S, Learner, Tick
from bandit_svc.services.learning.replay import Replayed, replay
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.managing.jobs import run_job
from bandit_svc.services.serving.activate import activate
from bandit_svc.services.serving.decide import Decided, DecisionRequest, decide
from bandit_svc.services.serving.record_reward import (
    Corrected,
    RewardReport,
    correct_reward,
    record_reward,
)
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from tests.harness.stored.chosen import store_of

T0_MS = 1_790_000_000_000
SECOND_MS = 1000
MOST_RELEARNED = 10
VARIANTS = [{"key": "a"}, {"key": "b"}, {"key": "c"}]


class RoundFields(TypedDict, total=False):
    """Fields of a request whose unit and context are drawn."""

    experiment: str
    exclude: tuple[str, ...]
    variants: tuple[str | Variant, ...] | None
    request_id: str | None
    defer: bool
    slots: int | None
    pinned: Mapping[str, str]
    distinct_by: str | None
    shown: str | None
    shown_propensity: float | None


class DecisionFields(RoundFields, total=False):
    """Fields of a request for a decision."""

    unit_id: str | None
    context: dict[str, Any]


class RewardFields(TypedDict, total=False):
    """Fields of a report of a reward."""

    reward_id: str | None
    occurred_at_ms: int | None
    metric: str


class Service:
    """Two workers and a learner over one folder; `now_ms` is their clock."""

    def __init__(self, folder: Path, store: str | None = None) -> None:
        self.settings = Settings(
            data=str(folder),
            store=store_of(folder) if store is None else store,
            publish_every_ms=0,
            fsync="never",
        )
        self.now_ms = T0_MS
        self.random = random.Random(7)  # noqa: S311 - a seeded test
        self._opened: list[Backends] = []
        self.backends = self.open()
        self.storage = self.backends.storage
        self.learner = self.new_learner()

    def start(self, created_at_ms: int = T0_MS) -> None:
        """Create the store and the workers.

        Args:
            created_at_ms: of the store. By the usual one its tables are younger, as
                after an upgrade.
        """
        self.storage.migrate()
        self.storage.initialise(bytes(range(SECRET_BYTES)), created_at_ms)
        self.worker, self.other_worker = self.new_worker("aa"), self.new_worker("bb")

    def learner_lives(self) -> None:
        """Keep the time, as a learner's process does."""
        self.storage.clock.keep(KeptClock("test", 0, self.now_ms))

    def open(self) -> Backends:
        """Open the folder as another process would."""
        backends = Backends(self.settings)
        self._opened.append(backends)
        return backends

    def new_worker(self, suffix: str) -> Worker:
        worker = Worker(self.settings, self.now_ms, suffix)
        self._opened.append(worker)
        return worker

    def new_learner(
        self,
        budget_s: float = BUDGET_S,
        clock_s: Callable[[], float] = lambda: 0.0,
    ) -> Learner:
        """Return a learner with nothing in memory, as after a kill.

        No budget of its ticks runs out, unless `clock_s` says so: what one tick does
        must not depend on the speed of the machine.
        """
        return Learner(
            self.open(), lambda: self.now_ms, budget_s=budget_s, clock_s=clock_s
        )

    def close(self) -> None:
        for backends in self._opened:
            backends.close()

    def create(
        self,
        key: str = "hero",
        reward: Mapping[str, object] | None = None,
        **fields: object,
    ) -> Experiment:
        """Create an experiment of variants a, b, c and a window of one second."""
        reward = {"window_seconds": 1} | dict(reward or {})
        raw = {"key": key, "variants": VARIANTS, "reward": reward} | fields
        definition: Definition = lifecycle.convert_definition(raw)
        return lifecycle.create(self.storage, definition, f"salt-{key}", self.now_ms)

    def change(self, **patch: object) -> Experiment:
        """Patch the experiment `hero`."""
        return lifecycle.change(self.storage, "hero", patch, self.now_ms)

    def decide(
        self, worker: Worker | None = None, **fields: Unpack[DecisionFields]
    ) -> Decided:
        request = msgspec.structs.replace(DecisionRequest("hero"), **fields)
        entropy = self.random.randbytes(ENTROPY_BYTES)
        serving = (worker or self.worker).serving
        return decide(serving, request, self.now_ms, entropy)

    def reward(
        self,
        decided: Decided,
        value: float = 1.0,
        worker: Worker | None = None,
        **fields: Unpack[RewardFields],
    ) -> Reward:
        worker = worker or self.worker
        report = RewardReport(decided.decision.id, value, **fields)
        return record_reward(worker.serving, report, self.now_ms)

    def correct(
        self,
        decided: Decided,
        value: float,
        worker: Worker | None = None,
        **fields: Unpack[RewardFields],
    ) -> Corrected:
        """Correct a reward of a decision."""
        worker = worker or self.worker
        report = RewardReport(decided.decision.id, value, correction=True, **fields)
        return correct_reward(worker.serving, report, self.now_ms)

    def relearn(self) -> None:
        """Let the learner follow all corrections, with the jobs that it queues."""
        for _ in range(MOST_RELEARNED):
            self.now_ms += 60 * SECOND_MS
            self.learner_lives()
            self.learner.tick()
            if not self.storage.corrections.waiting():
                return
            kinds = job_kinds(self.open().archive, self.settings.keep_days)
            while run_job(self.storage, kinds, lambda: self.now_ms):
                pass
        raise AssertionError("corrections are still pending")

    def activate(self, decided: Decided, worker: Worker | None = None) -> Activation:
        worker = worker or self.worker
        return activate(worker.serving, decided.decision.id, self.now_ms)

    def round(
        self, worker: Worker | None = None, **fields: Unpack[RoundFields]
    ) -> Decided:
        """Decide for a new unit, and reward variant a on mobile and b elsewhere."""
        self.now_ms += 10
        device = self.random.choice(["mobile", "desktop"])
        unit_id = f"u{self.random.randrange(10**9)}"
        context = {"device": device, "hour": self.random.randrange(24)}
        decided = self.decide(worker, unit_id=unit_id, context=context, **fields)
        best = "a" if device == "mobile" else "b"
        if decided.decision.variant == best:
            self.reward(decided, worker=self.random.choice(self.workers))
        return decided

    def rounds(self, count: int, **fields: Unpack[RoundFields]) -> list[Decided]:
        """Play rounds with both workers."""
        return [self.round(self.workers[i % 2], **fields) for i in range(count)]

    def mature(self) -> Tick:
        """Let every window end, tick, and let the workers look for models."""
        tick = self.mature_only()
        for worker in self.workers:
            worker.catalog.refresh_models()
        return tick

    def mature_only(self) -> Tick:
        """Let every window end, and tick."""
        self.now_ms += 2 * SECOND_MS
        self.learner_lives()
        return self.learner.tick()

    def model(self, key: str = "hero") -> ModelVersion:
        """Return the newest published model."""
        number = self.storage.experiments.get(key).number
        published = self.storage.model_versions.latest(number)
        assert published is not None
        return published

    def replay(self, key: str = "hero") -> Replayed:
        return replay(self.storage, self.storage.experiments.get(key))

    def joined_ids(self, number: int = 1) -> list[str]:
        """Return the ids of the joined decisions in their order."""
        rows = self.storage.joins.after(number, 0, 10**6)
        return [row.decision.id for row in rows]

    def logged(self) -> list[Fact]:
        """Return every fact of the log."""
        reader, found = self.backends.reader, []
        for partition in reader.partitions():
            batch = reader.read(partition, START, 10**9)
            decode = self.backends.decoder.decode
            found += [decode(record, batch.parts) for record in batch.records]
        return found

    @property
    def workers(self) -> tuple[Worker, Worker]:
        return self.worker, self.other_worker
