"""The branches of a split as a worker serves them.

Owns which branch a request is served in, and the loaded model of the other policy.
"""

from bandit_svc.domain.events.decision_id import uniform_from_id
from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.splits.branch import Branch
from bandit_svc.domain.splits.split import (
    branch_of,
    is_other,
    uniform_of_branch,
)
from bandit_svc.errors import Unavailable
from bandit_svc.services.policy_inputs import policy_of
from bandit_svc.services.serving.served_experiment import (
    LoadedPolicy,
    ServedExperiment,
    load_policy,
)
from bandit_svc.storage.interface import Storage
from policies.base import PolicyError


def in_branch(
    served: ServedExperiment, unit_id: str | None, decision_id: str
) -> tuple[ServedExperiment, Branch | None]:
    """Return the experiment with the policy of a unit's branch, and the branch.

    A unit of the holdout has a branch too: what the treatment would have drawn for it
    is drawn from there. It is outside of the split, so that the caller logs none.

    Args:
        served: one with a split that serves.
        unit_id: None for a decision that is a unit of its own.
        decision_id: of the decision.
    """
    split = served.experiment.definition.split
    if split is None or served.other is None:
        return served, None
    if unit_id is None:
        uniform = uniform_from_id(decision_id, b"split")
    else:
        uniform = uniform_of_branch(served.experiment.salt, split.id, unit_id)
    branch = branch_of(split, uniform)
    return served.other if is_other(branch) else served, branch


def load_other(storage: Storage, experiment: Experiment) -> LoadedPolicy | None:
    """Return the other policy of a split that serves, None if there is none.

    One whose newest model is of another policy, or of none, begins untrained.

    Raises:
        PolicyError: its model is damaged.
    """
    definition = experiment.definition
    split = definition.split
    if split is None or split.policy is None or not split.served_share:
        return None
    published = storage.branch_versions.latest(experiment.number)
    if published is None or published.meta.policy != split.policy:
        return _untrained(definition)
    return load_policy(definition, published)


def load_other_or_untrained(
    storage: Storage, experiment: Experiment
) -> LoadedPolicy | None:
    """Return the other policy; an untrained one where its model is damaged.

    So it is too where the server of the store is away.
    """
    try:
        return load_other(storage, experiment)
    except PolicyError:
        return _untrained(experiment.definition)
    except Unavailable:
        if not storage.is_on_server:
            raise
        return _untrained(experiment.definition)


def _untrained(definition: Definition) -> LoadedPolicy | None:
    split = definition.split
    if split is None or split.policy is None:
        return None
    return LoadedPolicy(policy_of(definition, split.policy), 0, 0)
