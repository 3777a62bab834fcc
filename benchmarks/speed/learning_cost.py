"""The learner's cost of a joined decision, against Vowpal Wabbit's own `learn`.

5 variants x 10 features, 3 rewards for 10 decisions, one decision a unit, a holdout of
0.1 whose decisions are learned from too, so that all that a learner does is in it. Each
round runs four contestants in turn, over the same decisions and in one process, by CPU
time:

- whole ticks (ingest, join, train, publish) over a copy of the event log, without
  candidates, of `vw`, and the same of `auto`;
- the same with 8 standing candidates, their reward model, and the doubly robust sums;
- `Workspace.learn` over the examples as texts in memory; and, as a figure without a
  goal, the same without Python's wrapper around each line.
"""

import contextlib
import gc
import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from vowpalwabbit import Workspace

from bandit_svc.domain.model_version import Span
from bandit_svc.learner.loop import GC_THRESHOLD
from bandit_svc.services.evaluation.progressive import ProgressiveEvaluator
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.learning.ingest import ingest
from bandit_svc.services.learning.join import MOST_AT_ONCE, join
from bandit_svc.services.learning.train import Trainer
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from benchmarks.quality.evaluation_cost import NoCandidates
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import EXPERIMENT, contexts, definition
from policies.vw.examples import ExampleWriter
from policies.vw.explorers import command_line
from policies.vw.scales import RunningScale

EVENTS_A_SECOND = 10_000
"""Decisions for each second that a contestant is given."""
REWARD_EVERY = 10
REWARDS_IN_THAT = 3
CANDIDATES = 8
START_MS = 1_790_000_000_000


class LearningCost:
    """Ours without and with candidates, and (d) Vowpal Wabbit alone."""

    name = "learning_cost"
    goals = (
        Goal(
            "learner, no candidates: joined decisions/s / VW's own learn",
            "joined_per_s ours",
            "learned_per_s Workspace.learn",
            ">=",
            0.35,
        ),
        Goal(
            "learner of auto, no candidates: joined decisions/s / VW's own learn",
            "joined_per_s ours, auto",
            "learned_per_s Workspace.learn",
            ">=",
            0.10,
        ),
        Goal(
            "learner, 8 candidates: CPU time / without",
            "cpu_us a decision, 8 candidates",
            "cpu_us a decision, no candidates",
            "<=",
            5.8,
        ),
    )

    def __init__(self) -> None:
        self._root: Path | None = None
        self._events = 0
        self._texts: list[str] = []
        self._arguments: list[str] = []

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Make a folder; the log is written in the first round."""
        usual = gc.get_threshold()
        # As in the learner's process.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        with tempfile.TemporaryDirectory() as root:
            self._root = Path(root)
            yield
        gc.unfreeze()
        gc.set_threshold(*usual)

    def measure(self, seconds: float) -> Figures:
        """Run each contestant over the same decisions."""
        self._prepare(int(seconds * EVENTS_A_SECOND))
        without = self._ticked(candidates=False)
        chosen = self._ticked(candidates=False, kind="auto")
        evaluated = self._ticked(candidates=True)
        wrapped = self._learned(bare=False)
        bare = self._learned(bare=True)
        return {
            "cpu_us a decision, no candidates": 1e6 * without / self._events,
            "cpu_us a decision, 8 candidates": 1e6 * evaluated / self._events,
            "joined_per_s ours": self._events / without,
            "joined_per_s ours, auto": self._events / chosen,
            "joined_per_s ours, 8 candidates": self._events / evaluated,
            "learned_per_s Workspace.learn": self._events / wrapped,
            "learned_per_s Workspace.learn_multi, no wrapping": self._events / bare,
        }

    def _prepare(self, events: int) -> None:
        if events == self._events or self._root is None:
            return
        shutil.rmtree(self._root / "log", ignore_errors=True)
        self._events = events
        _write(self._root / "log", events)
        folder = self._copied()
        with closing(Backends(_settings(folder))) as backends:
            self._texts, self._arguments = _examples(backends)

    def _copied(self) -> Path:
        assert self._root is not None, "only inside running()"  # noqa: S101
        folder = self._root / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._root / "log", folder)
        return folder

    def _ticked(self, *, candidates: bool, kind: str = "vw") -> float:
        """Return the CPU seconds of the learner's ticks over all decisions."""
        with closing(Backends(_settings(self._copied()))) as backends:
            storage = backends.storage
            lifecycle.change(storage, EXPERIMENT, {"policy": {"kind": kind}}, START_MS)
            experiment = storage.experiments.get(EXPERIMENT)
            definitions = Definitions(storage.experiments)
            ports = (storage, definitions, experiment.number)
            evaluator = (
                ProgressiveEvaluator(*ports, keep_every_ms=0) if candidates else None
            )
            trainer = Trainer(*ports, evaluator or NoCandidates())
            began_s = time.process_time()
            facts, reader = storage.facts, backends.reader
            now_ms = START_MS + 60_000
            ingest(facts, reader, backends.decoder, definitions, now_ms)
            joins = storage.joins
            learned, version, more = 0, 0, True
            while more:
                more = join(joins, definitions, now_ms, now_ms, most=MOST_AT_ONCE).more
                if evaluator is not None:
                    evaluator.step(experiment, time_is_up=lambda: False)
                trained = trainer.step(
                    experiment,
                    version,
                    now_ms,
                    # As often as a backlog leaves the time for it.
                    publish_every_ms=60_000 if more else 0,
                    time_is_up=lambda: False,
                )
                learned += trained.learned
                version = trained.published or version
            used_s = time.process_time() - began_s
        if learned != self._events or trained.published is None:
            raise RuntimeError(f"the ticks are not whole: {trained}")
        return used_s

    def _learned(self, *, bare: bool) -> float:
        """Return the CPU seconds that Vowpal Wabbit takes for all examples."""
        workspace = Workspace(arg_list=self._arguments)
        texts = self._texts
        began_s = time.process_time()
        if bare:
            for text in texts:
                examples = workspace._parse(text)  # noqa: SLF001 - what `learn` calls
                workspace.learn_multi(examples)
                workspace._finish_example_multi_ex(examples)  # noqa: SLF001 - as above
        else:
            for text in texts:
                workspace.learn(text)
        used_s = time.process_time() - began_s
        workspace.finish()
        return used_s


def _settings(folder: Path) -> Settings:
    return Settings(data=str(folder), fsync="never")


def _write(folder: Path, events: int) -> None:
    """Write the event log: decisions of an untrained model, and their rewards."""
    body: dict[str, Any] = definition() | {
        "policy": {"kind": "vw"},
        "holdout": 0.1,
        "learn_from_baseline": True,
    }
    body["candidates"] = [
        {"kind": "weighted", "weights": {v["key"]: n for n, v in enumerate(_of(body))}}
    ]
    with closing(Backends(_settings(folder))) as backends:
        backends.storage.migrate()
        backends.storage.initialise(bytes(32), START_MS)
        made = lifecycle.convert_definition(body)
        lifecycle.create(backends.storage, made, "salt", START_MS)
    with closing(Worker(_settings(folder), START_MS, "ab12")) as worker:
        drawn = itertools.cycle(contexts(2_000))
        for number, context in zip(range(events), drawn, strict=False):
            request = DecisionRequest(EXPERIMENT, f"u-{number}", context=context)
            entropy = number.to_bytes(9, "big")
            decision = decide(worker.serving, request, START_MS, entropy).decision
            if number % REWARD_EVERY < REWARDS_IN_THAT:
                report = RewardReport(decision.id, 1.0)
                record_reward(worker.serving, report, START_MS)


def _of(body: dict[str, Any]) -> list[dict[str, Any]]:
    variants: list[dict[str, Any]] = body["variants"]
    return variants


def _examples(backends: Backends) -> tuple[list[str], list[str]]:
    """Return the joined decisions as labelled texts, and the model's command line."""
    storage = backends.storage
    definitions = Definitions(storage.experiments)
    facts, reader = storage.facts, backends.reader
    now_ms = START_MS + 60_000
    ingest(facts, reader, backends.decoder, definitions, now_ms)
    join(storage.joins, definitions, now_ms, now_ms)
    experiment = storage.experiments.get(EXPERIMENT)
    examples = JoinedExamples(storage.joins, definitions, experiment.number)
    bounds, writer = reward_range(experiment.definition), ExampleWriter()
    scale = RunningScale(bounds)
    texts = []
    whole: Span = (0, storage.joins.last_position(experiment.number))
    for rows in examples.rows(whole):
        for row in rows:
            decision = row.decision
            shared, label = scale.learned(decision.context, row.reward)
            texts.append(
                writer.labelled(
                    shared,
                    examples.actions(decision),
                    decision.chosen,
                    decision.propensity,
                    label,
                )
            )
    return texts, command_line(experiment.definition.policy)
