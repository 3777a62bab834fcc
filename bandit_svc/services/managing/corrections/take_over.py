"""Serve what was made anew: sums, candidates, model and joined rewards, all at once.

Owns the last steps, in the process that joins and learns: what was joined meanwhile is
added, the model is checked as before each publication, and all of it replaces what was
learned from the former rewards in one transaction.
"""

from contextlib import closing

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.times import Deadline
from bandit_svc.errors import Conflict
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.train import round_trip_fault
from bandit_svc.services.managing.corrections.anew import Anew, name_of
from bandit_svc.services.managing.corrections.corrected_order import (
    CorrectedOrder,
    changes_from,
)
from bandit_svc.services.policy_inputs import actions_of
from bandit_svc.storage.corrections import TakeOver
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import JobRow


def take_over(
    storage: Storage,
    definitions: Definitions,
    experiment: Experiment,
    made: JobRow,
    now_ms: int,
    time_is_up: Deadline,
) -> bool:
    """Replace what an experiment has learned by what was made anew.

    Call it while nothing joins or learns.

    Args:
        storage: the service's.
        definitions: of the experiments.
        experiment: as it is now.
        made: the job by which it was made anew.
        now_ms: the time.
        time_is_up: when the others get their turn.

    Returns:
        False where decisions that were joined meanwhile are still to be added.

    Raises:
        Conflict: what was made anew has changed since, or another model was restored.
        PolicyError: the model can't be trained.
    """
    number, name = experiment.number, name_of(experiment.number)
    result = made.result or {}
    changes = changes_from(result["changes"])
    order = CorrectedOrder(storage.joins, changes)
    with closing(storage.beside(name)) as beside:
        anew = Anew(storage, beside, definitions, experiment, order)
        behind = anew.advance(time_is_up)
        anew.keep()
    if behind:
        return False
    newest = storage.model_versions.latest_versions().get(number, 0)
    model = None
    if anew.model is not None:
        model = anew.model_version(newest + 1, now_ms)
        actions = actions_of(experiment.definition.active_variants)
        fault = round_trip_fault(
            experiment.definition, anew.model, model.state, actions
        )
        if fault is not None:
            raise Conflict(f"the model that was made anew can't be published: {fault}")
    taken = TakeOver(
        number=number,
        name=name,
        learned=result["wanted"],
        changes=changes,
        model=model,
        parent_version=newest,
        now_ms=now_ms,
        took_ms=max(0, now_ms - (made.started_at_ms or now_ms)),
    )
    if not storage.corrections.take_over(taken):
        raise Conflict("another model was restored at this moment; it is made anew")
    return True
