"""Score the candidates of the experiments that a learner asks for.

Owns which experiment gets the next turn, and when rows are told. Only reads the store.
"""

from collections.abc import Callable, Iterable
from typing import Final

from bandit_svc.clock import deadline_in, elapsed_s
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.times import Deadline
from bandit_svc.learner.scoring.messages import (
    Alive,
    Ask,
    Channel,
    Forget,
    Message,
    Told,
)
from bandit_svc.services.evaluation.progressive import ProgressiveEvaluator
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.storage.interface import Storage

TURN_S: Final = 0.25
"""Seconds for which one experiment goes on before the others get their turn."""
ALIVE_EVERY_S: Final = 1.0
LOOK_EVERY_S: Final = 0.1
"""Seconds between two looks whether rows are due, while some are untold."""


class Scored:
    """One experiment in the memory of a scorer."""

    def __init__(self, ask: Ask, evaluator: ProgressiveEvaluator) -> None:
        self.ask = ask
        self.evaluator = evaluator
        self.experiment: Experiment | None = None
        self.waits = True


class Scoring:
    """All experiments of one scorer."""

    def __init__(
        self,
        storage: Storage,
        channel: Channel,
        now_ms: Callable[[], int],
        keep_every_ms: int,
        clock_s: Callable[[], float] = elapsed_s,
    ) -> None:
        """Begin with no experiment.

        Args:
            storage: the service's; only read.
            channel: to the learner.
            now_ms: for the pauses between rows that are told.
            keep_every_ms: such a pause.
            clock_s: measures turns.
        """
        self._storage = storage
        self._channel = channel
        self._now_ms = now_ms
        self._keep_every_ms = keep_every_ms
        self._clock_s = clock_s
        self._definitions = Definitions(storage.experiments)
        self._known: dict[int, Scored] = {}
        self._alive_s = clock_s()

    def turn(self) -> float | None:
        """Take note of what was asked, and give each experiment with work one turn.

        Returns:
            Seconds after which to come back, if nothing is asked before; None for any.

        Raises:
            ChannelClosed: the learner is gone.
        """
        self._listen()
        for number in [n for n, one in self._known.items() if one.waits]:
            # It may have been forgotten while the others had their turns.
            if number in self._known:
                self._step(self._known[number])
                self._listen()
        untold = False
        for one in self._known.values():
            if one.evaluator.is_unsaved:
                self._tell(one)
                untold |= one.evaluator.is_unsaved
        if any(one.waits for one in self._known.values()):
            return 0.0
        return LOOK_EVERY_S if untold else None

    def _listen(self) -> None:
        self._note(self._channel.received())

    def _note(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if isinstance(message, Forget):
                self._known.pop(message.number, None)
            elif isinstance(message, Ask):
                known = self._known.get(message.number)
                if known is None or known.ask.life != message.life:
                    evaluator = ProgressiveEvaluator(
                        self._storage,
                        self._definitions,
                        message.number,
                        keep_every_ms=self._keep_every_ms,
                    )
                    self._known[message.number] = Scored(message, evaluator)
                else:
                    known.ask, known.waits = message, True

    def _step(self, one: Scored) -> None:
        ask = one.ask
        experiment = one.experiment
        if experiment is None or experiment.revision < ask.revision:
            experiment = one.experiment = self._storage.experiments.numbered(ask.number)
        if experiment is None:
            one.waits = False
            self._tell(one, done=True)
            return
        progress = one.evaluator.step(experiment, time_is_up=self._time_is_up())
        one.waits = progress.behind > 0
        self._tell(
            one,
            done=not one.waits,
            evaluated=progress.evaluated,
            faults=progress.faults,
        )

    def _tell(
        self,
        one: Scored,
        *,
        done: bool = False,
        evaluated: int = 0,
        faults: tuple[str, ...] = (),
    ) -> None:
        """Send how far an experiment has come, with the rows that are due."""
        now_ms = self._now_ms()
        changes = one.evaluator.changes(now_ms, publishing=False)
        if changes is not None:
            one.evaluator.kept(changes, now_ms)
        elif not (done or evaluated or faults):
            return
        number, life = one.ask.number, one.ask.life
        reached = one.evaluator.reached
        self._channel.send(
            Told(number, life, evaluated, reached, done, faults, changes)
        )

    def _time_is_up(self) -> Deadline:
        """Return the end of a turn; it is asked after each batch."""
        due = deadline_in(TURN_S, self._clock_s)

        def asked() -> bool:
            now_s = self._clock_s()
            if now_s - self._alive_s >= ALIVE_EVERY_S:
                self._alive_s = now_s
                self._channel.send(Alive())
            return due()

        return asked
