"""24 h of traffic compressed: is the memory of worker and learner flat?

Runs the service's own worker and learner, each in its own process, on a clock that
the worker moves on: real decisions, rewards, event log, store and models, no HTTP.
Exits 1 if the resident memory of either, after the first tenth, ever exceeds by
more than 10 % what it was at the end of that tenth, or if a decision was lost.

    python -m benchmarks.soak --decisions 1000000
"""

import argparse
import heapq
import json
import multiprocessing
import os
import sys
import tempfile
import time
from ctypes import c_int64
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from bandit_svc.learner.loop import Learner
from bandit_svc.services.learning.replay import replay
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from simulators.worlds.registry import world

START_MS = 1_790_000_000_000
DAY_MS = 86_400_000
WINDOW_MS = 1_800_000
SAMPLES = 100
ALLOWED_GROWTH = 1.10
# The worker waits when the learner is this far behind, as a day of real traffic
# would not leave it.
MAX_BACKLOG_BYTES = 8 * 1024 * 1024
SECRET = b"s" * 32


@dataclass
class Sample:
    """Resident memory after a share of the decisions, in MiB."""

    done: int
    worker: float
    learner: float


def main() -> int:
    """Run the day, print ten rows, write every sample, say whether it is flat."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--policy", default="vw")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bandit-soak-") as name:
        settings = Settings(data=name)
        key = _create(settings, options.policy)
        began = time.monotonic()
        samples = _run(settings, key, options.decisions, options.seed)
        took_s = time.monotonic() - began
        kept, same = _verify(settings, key)
    _print(samples, took_s)
    _write(samples)
    flat = all(_is_flat(samples, who) for who in ("worker", "learner"))
    complete = kept == options.decisions
    print(f"joined {kept:,} of {options.decisions:,} decisions; replay equal: {same}")
    print("memory is flat" if flat else "memory GROWS")
    return 0 if flat and complete and same else 1


def _create(settings: Settings, policy: str) -> str:
    backends = Backends(settings)
    backends.storage.migrate()
    backends.storage.initialise(SECRET, START_MS)
    definition = world("hero").experiment() | {"policy": {"kind": policy}}
    definition["reward"] = {"window_seconds": WINDOW_MS / 1000}
    experiment = lifecycle.create(
        backends.storage, lifecycle.convert_definition(definition), "salt", START_MS
    )
    backends.close()
    return experiment.key


def _run(settings: Settings, key: str, decisions: int, seed: int) -> list[Sample]:
    context = multiprocessing.get_context("spawn")
    clock = context.Value(c_int64, START_MS)
    finished = context.Event()
    learner = context.Process(target=_learn, args=(settings, clock, finished))
    learner.start()
    try:
        return _serve(settings, key, decisions, seed, clock, learner.pid or 0)
    finally:
        finished.set()
        learner.join()


def _serve(
    settings: Settings,
    key: str,
    decisions: int,
    seed: int,
    clock: "Synchronized[int]",
    learner_pid: int,
) -> list[Sample]:
    """Decide and reward on the compressed clock; sample the memory of both."""
    place = world("hero")
    rng = np.random.default_rng(seed)
    worker = Worker(settings, START_MS, "soak")
    due: list[tuple[int, str, float]] = []
    samples = []
    for count in range(1, decisions + 1):
        now_ms = START_MS + count * DAY_MS // decisions
        clock.value = now_ms
        features = place.draw_context(rng, count)
        request = DecisionRequest(key, f"u{rng.integers(50_000)}", dict(features))
        decision = decide(worker.serving, request, now_ms, rng.bytes(9)).decision
        chance = place.expected_reward(features, decision.variant, count)
        if rng.random() < chance:
            delay_ms = int(rng.exponential(WINDOW_MS / 4))
            heapq.heappush(due, (now_ms + delay_ms, decision.id, 1.0))
        while due and due[0][0] <= now_ms:
            at_ms, decision_id, value = heapq.heappop(due)
            report = RewardReport(decision_id, value)
            record_reward(worker.serving, report, at_ms)
        if count % 200 == 0:
            worker.catalog.refresh_models()
            _wait_for_learner(worker)
        if count % max(1, decisions // SAMPLES) == 0:
            samples.append(Sample(count, _memory(os.getpid()), _memory(learner_pid)))
    clock.value = START_MS + 2 * DAY_MS
    worker.close()
    return samples


def _wait_for_learner(worker: Worker) -> None:
    while worker.reader.backlog_bytes(worker.storage.facts.cursors()) > (
        MAX_BACKLOG_BYTES
    ):
        time.sleep(0.05)


def _learn(settings: Settings, clock: "Synchronized[int]", finished: Event) -> None:
    """Tick as the learner's process does, then until nothing is left."""
    backends = Backends(settings)
    learner = Learner(backends, lambda: clock.value)
    while not finished.wait(settings.learner_tick_ms / 1000):
        learner.tick()
    learner.drain(timeout_s=600)
    backends.close()


def _verify(settings: Settings, key: str) -> tuple[int, bool]:
    backends = Backends(settings)
    experiment = backends.storage.experiments.get(key)
    kept = backends.storage.joins.last_position(experiment.number)
    same = replay(backends.storage, experiment).matches
    backends.close()
    return kept, same


def _memory(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _is_flat(samples: list[Sample], who: str) -> bool:
    tenth = len(samples) // 10
    reference = getattr(samples[tenth - 1], who)
    highest = max(getattr(sample, who) for sample in samples[tenth:])
    print(
        f"{who}: {reference:.1f} MiB after the first tenth, at most {highest:.1f} "
        f"later ({highest / reference:.3f})"
    )
    return bool(highest <= ALLOWED_GROWTH * reference)


def _print(samples: list[Sample], took_s: float) -> None:
    print("decisions   worker MiB  learner MiB")
    for sample in samples[len(samples) // 10 - 1 :: max(1, len(samples) // 10)]:
        print(f"{sample.done:>9,}   {sample.worker:>10.1f}  {sample.learner:>11.1f}")
    print(f"took {took_s:.0f} s")


def _write(samples: list[Sample]) -> None:
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    rows = [vars(sample) for sample in samples]
    (folder / "soak.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    sys.exit(main())
