"""24 h of traffic compressed: are memory, descriptors and the time of a decision flat?

Runs the service's own worker and learner, each in its own process, on a clock that
the worker moves on: real decisions, rewards, event log, store and models, no HTTP.
Exits 1 if a decision was lost, or if the median of one of these in any later tenth is
more than 5 % above what it was in the second: the resident memory or the open files of
either, or the CPU time of a decision. By then the caches of both are full.

    python -m benchmarks.soak --decisions 1000000
"""

import argparse
import heapq
import json
import multiprocessing
import os
import statistics
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
from benchmarks.flatness import growth, memory_mib, open_files
from simulators.worlds.registry import world

START_MS = 1_790_000_000_000
DAY_MS = 86_400_000
WINDOW_MS = 1_800_000
SAMPLES = 100
# The worker waits when the learner is this far behind, as a day of real traffic
# would not leave it.
MAX_BACKLOG_BYTES = 8 * 1024 * 1024
SECRET = b"s" * 32
MEASURED = ("worker", "learner", "worker_files", "learner_files", "decision_us")


@dataclass
class Sample:
    """What was measured after a share of the decisions.

    Attributes:
        worker, learner: resident memory in MiB.
        worker_files, learner_files: open descriptors.
        decision_us: CPU time of a decision since the last sample, the median in µs.
    """

    done: int
    worker: float
    learner: float
    worker_files: int
    learner_files: int
    decision_us: float


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
    growing = [what for what in MEASURED if not _is_flat(samples, what)]
    flat = not growing
    complete = kept == options.decisions
    print(f"joined {kept:,} of {options.decisions:,} decisions; replay equal: {same}")
    print("all is flat" if flat else f"GROWS: {', '.join(growing)}")
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
    took_ns: list[int] = []
    samples = []
    for count in range(1, decisions + 1):
        now_ms = START_MS + count * DAY_MS // decisions
        clock.value = now_ms
        features = place.draw_context(rng, count)
        request = DecisionRequest(key, f"u{rng.integers(50_000)}", dict(features))
        began_ns = time.thread_time_ns()
        decision = decide(worker.serving, request, now_ms, rng.bytes(9)).decision
        took_ns.append(time.thread_time_ns() - began_ns)
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
            samples.append(_sample(count, learner_pid, took_ns))
            took_ns.clear()
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


def _sample(done: int, learner_pid: int, took_ns: list[int]) -> Sample:
    pid = os.getpid()
    return Sample(
        done,
        memory_mib(pid),
        memory_mib(learner_pid),
        open_files(pid),
        open_files(learner_pid),
        statistics.median(took_ns) / 1000,
    )


def _is_flat(samples: list[Sample], what: str) -> bool:
    values = [getattr(sample, what) for sample in samples]
    grown = growth(values)
    peak = max(values[len(samples) // 10 :])
    print(
        f"{what}: median {grown.reference:.1f} in the second tenth, at most "
        f"{grown.reached:.1f} in a later one ({grown.ratio:.3f}); peak {peak:.1f}"
    )
    return grown.is_flat


def _print(samples: list[Sample], took_s: float) -> None:
    print("decisions   worker MiB  learner MiB  files of both  CPU µs a decision")
    for sample in samples[len(samples) // 10 - 1 :: max(1, len(samples) // 10)]:
        files = f"{sample.worker_files}, {sample.learner_files}"
        print(
            f"{sample.done:>9,}   {sample.worker:>10.1f}  {sample.learner:>11.1f}  "
            f"{files:>13}  {sample.decision_us:>17.1f}"
        )
    print(f"took {took_s:.0f} s")


def _write(samples: list[Sample]) -> None:
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    rows = [vars(sample) for sample in samples]
    (folder / "soak.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    sys.exit(main())
