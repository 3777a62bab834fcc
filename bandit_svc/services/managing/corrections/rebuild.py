"""Make anew what an experiment has learned, as a job.

Owns the job's result, which says what the learner may take over.
"""

from contextlib import closing

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Payload
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.managing.corrections.anew import Anew, name_of
from bandit_svc.services.managing.corrections.corrected_order import (
    CorrectedOrder,
    changes_of,
)
from bandit_svc.services.managing.jobs import OnProgress
from bandit_svc.storage.interface import Storage

PASSES = 3
"""Through what was joined meanwhile; the learner does the rest."""


def rebuild(
    storage: Storage,
    experiment: Experiment,
    request: Payload,
    on_progress: OnProgress,
) -> Payload:
    """Make sums, candidates and model anew in a store beside this one.

    Raises:
        Unavailable: the store can't be used.
        Conflict: what is made anew has changed meanwhile, or can't be read.
        PolicyError: the model can't be trained.
    """
    del request
    number = experiment.number
    state = storage.corrections.state(number)
    definitions = Definitions(storage.experiments)
    changes = changes_of(storage, definitions, state)
    order = CorrectedOrder(storage.joins, changes)
    total = PASSES * storage.joins.last_position(number)
    done = 0

    def time_is_up() -> bool:
        nonlocal done
        done += 1
        on_progress(min(done, total), total)
        return False

    storage.forget_beside(name_of(number))
    with closing(storage.beside(name_of(number))) as beside:
        beside.migrate()
        anew = Anew(storage, beside, definitions, experiment, order)
        for _ in range(PASSES):
            if not anew.advance(time_is_up):
                break
        anew.keep()
    return {
        "learned": state.learned,
        "wanted": state.wanted,
        "base": anew.base,
        "changes": [list(change) for change in changes],
    }
