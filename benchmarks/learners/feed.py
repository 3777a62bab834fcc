"""Decisions and rewards of many experiments, sent to a stream as a machine sends them.

Owns the node: its folder, its worker and its shipper, all in this process. Models are
never loaded: what is decided does not depend on how fast learners are.
"""

import os
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.stream.nats.sink import JetSink
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.eventlog.stream.shipper import Shipper
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker, log_folder
from benchmarks.learners.engines import SECRET, Engines

NODE: Final = "node"
REWARD_EVERY: Final = 8
SHIP_EVERY_S: Final = 0.05
MOST_AT_ONCE: Final = 500


def now_ms() -> int:
    """Return the machine's time."""
    return time.time_ns() // 1_000_000


class Feed:
    """One machine's decisions; `made` counts them by the number of the experiment."""

    def __init__(self, engines: Engines, experiments: int, rate: float) -> None:
        """Create the experiments, and tell the stream of the node.

        Args:
            engines: to which they are sent.
            experiments: how many.
            rate: decisions a second, as far as the machine makes them.
        """
        folder = engines.folder / f"{engines.schema}-{NODE}"
        self.made: Counter[int] = Counter()
        self._rate = rate
        self._experiments = experiments
        self._owed = 0.0
        self._paced_s = time.monotonic()
        self._shipped_s = 0.0
        self._next = 0
        settings = Settings(data=str(folder), fsync="never")
        with closing(Backends(settings)) as backends:
            backends.storage.migrate()
            backends.storage.initialise(SECRET, now_ms(), bytes(32))
            for number in range(experiments):
                for storage in (backends.storage, engines.storage):
                    made = lifecycle.convert_definition(_definition(number))
                    lifecycle.create(storage, made, f"salt {number}", now_ms())
        self._worker = Worker(settings, now_ms(), "aa11")
        self._shipper = Shipper(
            FileReader(log_folder(settings)),
            JetSink(engines.stream, NODE),
            Outbox(Path(settings.data)),
            NODE,
            engines.stream.partitions,
        )
        self._shipper.announce(now_ms())

    def step(self) -> None:
        """Make the decisions that are due by now, and send what was made."""
        now_s = time.monotonic()
        self._owed += (now_s - self._paced_s) * self._rate
        self._paced_s = now_s
        count = min(int(self._owed), MOST_AT_ONCE)
        # What a slow machine owes it does not make up for.
        self._owed = min(self._owed - count, self._rate)
        self.decide(count)
        self.ship()

    def decide(self, count: int) -> None:
        """Make decisions of all experiments in turn, some with a reward."""
        at_ms = now_ms()
        for _ in range(count):
            self._next += 1
            context = {"device": ("mobile", "desktop")[self._next % 2]}
            key = f"hero-{self._next % self._experiments}"
            request = DecisionRequest(key, context=context)
            decided = decide(self._worker.serving, request, at_ms, os.urandom(9))
            self.made[decided.decision.number] += 1
            if self._next % REWARD_EVERY == 0:
                report = RewardReport(decided.decision.id, 1.0)
                record_reward(self._worker.serving, report, at_ms)

    def ship(self) -> None:
        """Send what lies in the log, and the marks."""
        now_s = time.monotonic()
        if now_s - self._shipped_s >= SHIP_EVERY_S:
            self._shipped_s = now_s
            self._shipper.step(now_ms())

    def pause(self) -> None:
        """Make no decisions for a while: none is owed for it later."""
        self._owed, self._rate = 0.0, 0.0

    def close(self) -> None:
        """Send that the node has ended, and let go of all."""
        self._worker.close()
        self._shipper.finish(now_ms())
        self._shipper.close()


def _definition(number: int) -> dict[str, Any]:
    return {
        "key": f"hero-{number}",
        "variants": [{"key": one} for one in "abc"],
        "reward": {"window_seconds": 1},
    }
