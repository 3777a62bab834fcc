"""Follow corrections: when what was learned is made anew, and when it is taken over.

Owns the pauses between two times. Making anew is a job (jobs.py), so that a tick does
not wait for it; what was made anew is taken over between the join and the training of a
tick. Killed at any place, the job is done again, or its result is taken over by the
next learner.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from os import urandom

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.times import Deadline, has_passed
from bandit_svc.errors import Conflict
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.managing.corrections.anew import name_of
from bandit_svc.services.managing.corrections.take_over import take_over
from bandit_svc.services.managing.jobs import ID_BYTES
from bandit_svc.storage.corrections import CorrectionState
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import CORRECTION, JobRow
from policies.base import PolicyError

LEAST_PAUSE_MS = 10_000
"""Between two times that one experiment is made anew; corrections are gathered."""
PAUSE_RATIO = 4
"""The pause is this many times as long as the last time took, if that is longer."""
_MOST_QUEUED = 1_000

Writing = Callable[[int], AbstractContextManager[None]]
"""Returns a block in which to write of the experiment with a number."""

_log = logging.getLogger(__name__)


class Relearned(msgspec.Struct):
    """The work of one look.

    Attributes:
        taken: numbers of experiments of which another model and other sums are in the
            store than before.
        behind: true if one could not be taken over yet for what is joined meanwhile.
    """

    taken: set[int] = set()
    behind: bool = False


class Relearning:
    """Looks after the corrections of all experiments. The caller holds the lease."""

    def __init__(
        self,
        storage: Storage,
        definitions: Definitions,
        writing: Writing = lambda _: nullcontext(),
    ) -> None:
        """Begin with nothing in memory.

        Args:
            storage: the service's.
            definitions: of the experiments.
            writing: a block for the writes of each experiment.
        """
        self._storage = storage
        self._definitions = definitions
        self._writing = writing

    def look(
        self,
        experiments: Iterable[Experiment],
        now_ms: int,
        turn: Callable[[], Deadline],
    ) -> Relearned:
        """Queue what is due, and take over what was made anew."""
        done = Relearned()
        waiting = self._storage.corrections.waiting()
        if not waiting:
            return done
        known = {experiment.number: experiment for experiment in experiments}
        for state in waiting:
            experiment = known.get(state.number)
            if experiment is not None:
                with self._writing(experiment.number):
                    taken = self._follow(experiment, state, now_ms, turn())
                if taken:
                    done.taken.add(state.number)
                done.behind |= taken is False
        return done

    def _follow(
        self,
        experiment: Experiment,
        state: CorrectionState,
        now_ms: int,
        time_is_up: Deadline,
    ) -> bool | None:
        """Go one step on with an experiment.

        Returns:
            Whether it was taken over, False if it is behind; None if there is nothing.
        """
        jobs = self._storage.jobs
        newest = next(iter(jobs.all(state.number, CORRECTION)), None)
        if newest is not None and newest.finished_at_ms is None:
            return None
        if newest is not None and newest.status == "done":
            whole = jobs.get(state.number, newest.id)
            if whole is not None and self._is_for(state, whole):
                return self._take_over(experiment, whole, now_ms, time_is_up)
        if _is_due(state, newest, now_ms):
            row = JobRow(urandom(ID_BYTES).hex(), state.number, CORRECTION, {}, now_ms)
            jobs.add(row, _MOST_QUEUED)
        return None

    def _is_for(self, state: CorrectionState, made: JobRow) -> bool:
        """Return whether a job's result goes on from what is learned now."""
        return (
            made.result is not None
            and made.result["learned"] == state.learned < made.result["wanted"]
            and self._storage.is_beside(name_of(state.number))
        )

    def _take_over(
        self,
        experiment: Experiment,
        made: JobRow,
        now_ms: int,
        time_is_up: Deadline,
    ) -> bool | None:
        name = name_of(experiment.number)
        taken = None
        try:
            taken = take_over(
                self._storage,
                self._definitions,
                experiment,
                made,
                now_ms,
                time_is_up,
            )
        except (Conflict, PolicyError) as error:
            _log.warning("experiment %s: %s", experiment.key, error.message)
        if taken is not False:
            self._storage.forget_beside(name)
        if taken:
            _log.info("experiment %s follows its corrections", experiment.key)
        return taken


def _is_due(state: CorrectionState, newest: JobRow | None, now_ms: int) -> bool:
    """Return whether an experiment may be made anew again."""
    pause_ms = max(LEAST_PAUSE_MS, PAUSE_RATIO * state.took_ms)
    finished_ms = None if newest is None else newest.finished_at_ms
    times = [at for at in (state.learned_at_ms, finished_ms) if at is not None]
    return has_passed(pause_ms, max(times, default=None), now_ms)
