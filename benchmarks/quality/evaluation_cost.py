"""The learner's cost of progressive evaluation.

`python -m benchmarks.quality.evaluation_cost` prints one table: decisions a second
through ingest, join, evaluate and train, without candidates, with the 8 that an
experiment of 6 variants has, and with two that learn beside them. Every round runs
each case in turn, over a copy of the same log.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.evaluation.progressive import ProgressiveEvaluator
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import ingest
from bandit_svc.services.learning.join import join
from bandit_svc.services.learning.train import Trainer
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.storage.rows import EvaluationChanges
from bandit_svc.wiring import Backends, Worker

EVENTS = 6_000
ROUNDS = 5
VARIANTS = 6
START_MS = 1_790_000_000_000
CASES: Mapping[str, tuple[Mapping[str, Any], ...] | None] = {
    "no candidates": None,
    "8 candidates": (),
    "8, and linear + vw": ({"kind": "linear"}, {"kind": "vw"}),
}


class NoCandidates:
    """A keeper of candidates that has none."""

    def changes(self, now_ms: int, *, publishing: bool) -> EvaluationChanges | None:
        """Return no changes."""
        del now_ms, publishing
        return None

    def kept(self, changes: EvaluationChanges, now_ms: int) -> None:
        """Ignore the candidates."""


def written(folder: Path) -> None:
    """Write the log of one experiment: half of the decisions get a reward."""
    settings = Settings(data=str(folder), fsync="never")
    with closing(Backends(settings)) as backends:
        backends.storage.migrate()
        backends.storage.initialise(bytes(32), START_MS)
        definition = lifecycle.convert_definition(
            {
                "key": "hero",
                "variants": [{"key": f"v{i}"} for i in range(VARIANTS)],
                "reward": {"window_seconds": 1},
            }
        )
        lifecycle.create(backends.storage, definition, "salt", START_MS)
    with closing(Worker(settings, START_MS, "ab12")) as worker:
        for number in range(EVENTS):
            context = {"device": ("mobile", "desktop")[number % 2], "hour": number % 24}
            request = DecisionRequest("hero", unit_id=f"u{number}", context=context)
            entropy = number.to_bytes(9, "big")
            made = decide(worker.serving, request, START_MS, entropy).decision
            if number % 2:
                report = RewardReport(made.id, 1.0)
                record_reward(worker.serving, report, START_MS)


def seconds(
    log: Path, folder: Path, candidates: tuple[Mapping[str, Any], ...] | None
) -> float:
    """Process a copy of the log in every step of a tick; return the seconds."""
    shutil.copytree(log, folder)
    settings = Settings(data=str(folder), fsync="never")
    now_ms = START_MS + 60_000
    with closing(Backends(settings)) as backends:
        storage = backends.storage
        if candidates:
            patch = {"candidates": [dict(c) for c in candidates]}
            lifecycle.change(storage, "hero", patch, now_ms)
        experiment = storage.experiments.get("hero")
        definitions = Definitions(storage.experiments)
        begun_s = time.perf_counter()
        ingest(storage.facts, backends.reader, backends.decoder, definitions, now_ms)
        join(storage.joins, definitions, now_ms, now_ms)
        _evaluate_and_train(backends, definitions, experiment, now_ms, candidates)
        return time.perf_counter() - begun_s


def _evaluate_and_train(
    backends: Backends,
    definitions: Definitions,
    experiment: Experiment,
    now_ms: int,
    candidates: tuple[Mapping[str, Any], ...] | None,
) -> None:
    ports = (backends.storage, definitions, experiment.number)
    if candidates is None:
        trainer = Trainer(*ports, NoCandidates())
    else:
        evaluator = ProgressiveEvaluator(*ports, keep_every_ms=0)
        evaluator.step(experiment, time_is_up=lambda: False)
        trainer = Trainer(*ports, evaluator)
    trainer.step(experiment, 0, now_ms, publish_every_ms=0, time_is_up=lambda: False)


def main() -> None:
    """Measure and print the table."""
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as root:
        log = Path(root) / "log"
        written(log)
        for number in range(ROUNDS):
            for name, candidates in CASES.items():
                folder = Path(root) / f"{number}-{len(taken[name])}-{name[:3]}"
                taken[name].append(seconds(log, folder, candidates))
                shutil.rmtree(folder)
    first = next(iter(CASES))
    print(f"{EVENTS} decisions and {EVENTS // 2} rewards, medians of {ROUNDS} rounds")
    for name, times in taken.items():
        ratio = statistics.median(
            one / base for one, base in zip(times, taken[first], strict=True)
        )
        speed = EVENTS / statistics.median(times)
        print(f"{name:20} {speed:8,.0f} decisions/s   {ratio:.2f} x the time")


if __name__ == "__main__":
    main()
