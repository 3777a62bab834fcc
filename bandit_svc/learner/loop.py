"""The learner's tick: ingest, join, evaluate, train, publish.

Owns the order of the steps and the trainers. Each step is a use case of its own;
wakefulness.py decides which experiments have work. Takes the clock. After
a kill at any place, the next tick repeats work and counts nothing twice.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from bandit_svc.clock import deadline_in, elapsed_s
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.splits.step import Step
from bandit_svc.domain.times import Deadline
from bandit_svc.learner.apprentices import follow_apprentice
from bandit_svc.learner.archiving import ArchiveState, Archiving
from bandit_svc.learner.relearning import Relearning
from bandit_svc.learner.scoring.scored import Evaluating
from bandit_svc.learner.scoring.scorers import Scorers
from bandit_svc.learner.sharing.gathering import Gathering
from bandit_svc.learner.sharing.share import EVERYTHING, Everything
from bandit_svc.learner.splits import SplitWatch
from bandit_svc.learner.wakefulness import Sight, Wakefulness
from bandit_svc.services.evaluation.progressive import Progress, ProgressiveEvaluator
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import Ingested
from bandit_svc.services.learning.join import (
    sum_up,
)
from bandit_svc.services.learning.priors.begin_with_prior import begin_with_prior
from bandit_svc.services.learning.programmes.following import follow_programmes
from bandit_svc.services.learning.train import Trained, Trainer
from bandit_svc.services.people.following import Followed
from bandit_svc.storage.control.shares import ShardLost
from bandit_svc.wiring import Backends

# Seconds that an experiment evaluates, and again that it trains, before the others get
# their turn.
BUDGET_S = 0.25
# A tick begins no further experiment after so many seconds since the join, and the next
# tick begins with the next experiment. So a signal to stop is seen in time, each
# experiment gets its turn, and events become features while others catch up.
TICK_S = 0.3
GC_THRESHOLD = 50_000
"""Objects that the process makes between two collections of cyclic garbage.

A batch of decisions is so many, and they all live to its end.
"""

_NEVER = -1

_log = logging.getLogger(__name__)


class Tick(msgspec.Struct):
    """The work of one tick; `trained` and `evaluated` by experiment key.

    `joined_counts` are counters that the join has raised, by (experiment number, name);
    `followed` are the facts about units that were applied.
    Experiments without work are left out. `unseen` is how many experiments a learner
    that has just begun has still to look at; `stepped` are the numbers of those that
    were evaluated and trained; `split_steps` are those that their splits have taken, by
    number; `archive` is how far it is, where that was looked at; `behind` is how many
    joined decisions are still to enter the sums of an uplift, by experiment key; `cut`
    is true if experiments, or decisions that are due, have to wait for the next tick.
    """

    ingested: Ingested
    joined: int
    joined_counts: Mapping[tuple[int, str], int] = {}
    trained: dict[str, Trained] = {}
    evaluated: dict[str, Progress] = {}
    behind: dict[str, int] = {}
    followed: Followed = msgspec.field(default_factory=Followed)
    unseen: int = 0
    stepped: set[int] = set()
    cut: bool = False
    split_steps: dict[int, Step] = {}
    archive: ArchiveState | None = None

    @property
    def idle(self) -> bool:
        """True if nothing was ingested, joined, learned or evaluated, and none waits.

        A tick that only published, or in which training failed, is idle too.
        """
        return (
            not self.ingested.records
            and not self.joined
            and not self.followed.facts
            and not self.unseen
            and not self.behind
            and not self.cut
            and not self.split_steps
            and not any(t.learned or t.behind for t in self.trained.values())
            # While a reward model catches up, its candidates are behind and nothing
            # is evaluated.
            and not any(p.evaluated or p.behind for p in self.evaluated.values())
        )


class Learner:
    """Trains every experiment of a store. The caller holds the lease."""

    def __init__(
        self,
        backends: Backends,
        now_ms: Callable[[], int],
        *,
        clock_holds: Callable[[], bool] = lambda: False,
        budget_s: float = BUDGET_S,
        clock_s: Callable[[], float] = elapsed_s,
        on_batch: Callable[[], None] = lambda: None,
        share: Everything = EVERYTHING,
    ) -> None:
        """Begin with nothing in memory.

        Args:
            backends: the store and the log.
            now_ms: the agreed time.
            clock_holds: asked whether the clock is in doubt, so that nothing is joined.
            budget_s: seconds of an experiment's turn.
            clock_s: measures budgets.
            on_batch: called after each piece of work, the longest of which takes
                seconds.
            share: the part of the work that is this learner's.
        """
        self._share = share
        self._scorers: Scorers | None = None
        self._storage = backends.storage
        self._backends = backends
        self._settings = backends.settings
        self._now_ms = now_ms
        self._clock_holds = clock_holds
        self._budget_s = budget_s
        self._clock_s = clock_s
        self._on_batch = on_batch
        self._definitions = Definitions(backends.storage.experiments)
        self._trainers: dict[int, tuple[Evaluating, Trainer]] = {}
        self._gathering = Gathering(
            backends, self._definitions, share, on_batch, self._turn
        )
        self._relearning = Relearning(
            backends.storage, self._definitions, share.writing
        )
        self._splits = SplitWatch(
            backends.storage,
            self._definitions,
            self._settings.publish_every_ms,
            on_batch,
        )
        self._archiving = None
        if self._settings.archive:
            self._archiving = Archiving(backends.storage, self._settings.keep_days)
        self._wakefulness = Wakefulness(self._settings.publish_every_ms)
        self._experiments: list[Experiment] = []
        self._experiments_version = _NEVER
        self._positions: Mapping[int, int] | None = None
        self._last_stepped = 0
        self._moved_new: set[int] = set()
        """Experiments never looked at, with decisions that were joined since."""

    def score_with(self, scorers: Scorers) -> None:
        """Let other processes evaluate candidates; call it before the first tick.

        Args:
            scorers: with no experiment.
        """
        self._scorers = scorers

    def tick(self) -> Tick:
        """Do one round of every step."""
        # Read before the ingest, so that what closed by then has all its rewards.
        now_ms = self._now_ms()
        # A decision that is joined too early has lost its rewards for good.
        hold = self._clock_holds()
        if self._scorers is not None:
            self._scorers.look()
        if self._share.look():
            self._follow_share()
        before = self._positions
        if before is None:
            before = self._storage.joins.last_positions()
        gathered = self._gathering.step(self._own(), now_ms, hold=hold)
        positions = self._storage.joins.last_positions() if gathered.joined else before
        self._positions = positions
        tick = Tick(
            gathered.ingested,
            gathered.joined,
            gathered.counts,
            followed=gathered.followed,
            cut=gathered.more or gathered.followed.more,
        )
        self._learn(tick, before, positions, now_ms)
        if self._share.is_main:
            with self._share.main_duties():
                self._finish(tick, positions, now_ms)
        tick.unseen = len(self._wakefulness.new(self._own()))
        return tick

    def _follow_share(self) -> None:
        """Forget what is in memory of experiments that another learner may have had."""
        self._positions = None
        for experiment in self._all():
            number = experiment.number
            if not self._share.stayed(number):
                self._forget(number)
                self._wakefulness.forget(number)

    def _forget(self, number: int) -> None:
        self._trainers.pop(number, None)
        self._splits.forget(number)
        if self._scorers is not None:
            self._scorers.forget(number)

    def _learn(
        self,
        tick: Tick,
        before: Mapping[int, int],
        positions: Mapping[int, int],
        now_ms: int,
    ) -> None:
        """Evaluate and train the experiments with work, as far as the time goes."""
        relearned = self._relearning.look(self._own(), now_ms, self._turn)
        for number in relearned.taken:
            # What it knows was learned from the former rewards.
            self._forget(number)
        tick.cut |= relearned.behind
        versions = self._storage.model_versions.latest_versions()
        time_is_up = deadline_in(TICK_S, self._clock_s)
        for experiment in self._due(versions, before, positions):
            if time_is_up() and tick.stepped:
                tick.cut = True
                break
            number = experiment.number
            try:
                with self._share.writing(number):
                    self._step(experiment, versions, positions, now_ms, tick)
            except ShardLost as error:
                # Its next holder begins from the store, as this learner does if it
                # gets it back.
                _log.warning("%s", error.message)
                self._forget(number)
            self._last_stepped = number

    def _finish(self, tick: Tick, positions: Mapping[int, int], now_ms: int) -> None:
        """Do what is of all experiments."""
        behind = follow_programmes(self._storage, self._all(), positions, self._turn())
        tick.cut |= behind > 0
        if self._archiving is not None:
            tick.archive = self._archiving.look(self._all(), now_ms)

    def _due(
        self,
        versions: Mapping[int, int],
        before: Mapping[int, int],
        positions: Mapping[int, int],
    ) -> Iterator[Experiment]:
        """Yield experiments with work, then those that were never looked at.

        Of the latter, those with newly joined decisions have their turn among the
        former, or a learner that is behind would never come to what it took from one
        that died. Of the others: the first, and more while the budget lasts.
        """
        # Round-robin: experiments that the last tick skipped come first.
        experiments = sorted(self._own(), key=lambda e: e.number <= self._last_stepped)
        new = {e.number for e in self._wakefulness.new(experiments)}
        moved = {n for n, last in positions.items() if before.get(n) != last}
        self._moved_new = (self._moved_new | moved) & new
        due = self._wakefulness.due(experiments, versions, positions)
        turns = {e.number for e in due} | self._moved_new
        yield from (e for e in experiments if e.number in turns)
        time_is_up = deadline_in(self._budget_s, self._clock_s)
        others = (e for e in experiments if e.number in new - turns)
        for index, experiment in enumerate(others):
            if index == 0 or not time_is_up():
                yield experiment

    def _own(self) -> Sequence[Experiment]:
        return self._share.own(self._all())

    def _all(self) -> list[Experiment]:
        version = self._storage.experiments.version()
        if version != self._experiments_version:
            self._experiments = self._storage.experiments.all()
            self._experiments_version = version
        return self._experiments

    def _step(
        self,
        experiment: Experiment,
        versions: Mapping[int, int],
        positions: Mapping[int, int],
        now_ms: int,
        tick: Tick,
    ) -> None:
        """Evaluate and train one experiment; release it when it has become quiet."""
        number, key = experiment.number, experiment.key
        tick.stepped.add(number)
        newest = versions.get(number, 0)
        evaluator, trainer = self._trainer(number)
        behind = sum_up(
            self._storage.joins,
            self._definitions,
            number,
            self._turn(),
        )
        if behind:
            tick.behind[key] = behind
        if begin_with_prior(self._storage, self._definitions, experiment, now_ms):
            _log.info("experiment %s begins with its prior", key)
        # Candidates are evaluated before anything learns from the same decisions.
        progress = tick.evaluated[key] = evaluator.step(
            experiment, time_is_up=self._turn()
        )
        for fault in progress.faults:
            _log.error("experiment %s: %s", key, fault)
        trained = tick.trained[key] = trainer.step(
            experiment,
            newest,
            now_ms,
            publish_every_ms=self._settings.publish_every_ms,
            time_is_up=self._turn(),
        )
        if trained.fault is not None:
            _log.error("experiment %s: %s", key, trained.fault)
        followed = self._splits.step(experiment, now_ms, self._turn)
        tick.cut |= followed.behind > 0
        if followed.step is not None:
            tick.split_steps[number] = followed.step
        version = newest if trained.published is None else trained.published
        if version and not trained.behind:
            follow_apprentice(self._storage, experiment, now_ms)
        sight = Sight(experiment.revision, version, positions.get(number, 0))
        busy = behind > 0 or followed.busy or is_busy(trained, progress)
        if self._wakefulness.leave(number, sight, now_ms, busy=busy):
            # What is not in the store by now is learned again from the log.
            self._forget(number)

    def _turn(self) -> Deadline:
        """Return the end of a turn; it is asked after each batch."""
        self._on_batch()
        time_is_up = deadline_in(self._budget_s, self._clock_s)

        def asked() -> bool:
            self._on_batch()
            return time_is_up()

        return asked

    def _trainer(self, number: int) -> tuple[Evaluating, Trainer]:
        found = self._trainers.get(number)
        if found is None:
            ports = (self._storage, self._definitions, number)
            evaluator = self._evaluator(number)
            trainer = Trainer(*ports, evaluator, self._on_batch)
            found = self._trainers[number] = (evaluator, trainer)
        return found

    def _evaluator(self, number: int) -> Evaluating:
        if self._scorers is not None:
            return self._scorers.evaluator(self._storage.joins, number)
        return ProgressiveEvaluator(
            self._storage,
            self._definitions,
            number,
            keep_every_ms=self._settings.publish_every_ms,
        )

    def drain(self, timeout_s: float) -> bool:
        """Tick until a tick is idle (return True) or the time is over (False)."""
        time_is_up = deadline_in(timeout_s, self._clock_s)
        while not time_is_up():
            if self.tick().idle:
                return True
        return False


def is_busy(trained: Trained, progress: Progress) -> bool:
    """Return true if a step has done anything, or has left anything to do.

    A fault and the pause after it count, so an experiment whose training fails never
    sleeps.
    """
    return bool(
        trained.learned
        or trained.published
        or trained.fault
        or trained.waits
        or trained.behind
        or progress.evaluated
        or progress.behind
    )
