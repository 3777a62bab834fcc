"""Evaluate any policies over the whole log of an experiment.

Owns the full recomputation: it walks the joined decisions from nothing, as the
learner's candidates did while they came, so for these both give the same numbers.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bandit_svc.domain.experiment import BASELINE, Experiment
from bandit_svc.domain.reward import MAIN_METRIC
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.moments import Moments
from bandit_svc.services.candidate import Bounds, Candidate, new_candidate, walk
from bandit_svc.services.candidate_specs import standing_specs
from bandit_svc.services.definitions import Definitions
from bandit_svc.services.evaluation_health import propensity_audit, scorecard
from bandit_svc.services.learning import Learning
from bandit_svc.services.report_policies import Evaluated, policies
from bandit_svc.services.report_values import Json
from bandit_svc.storage.interface import Storage
from policies.base import PolicyError


def evaluate(
    storage: Storage,
    experiment: Experiment,
    asked: Mapping[str, Mapping[str, Any]],
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Json:
    """Give the contract's `policies` and `health` for the policies asked about.

    Args:
        asked: normalised specs by label; see candidate_specs.asked_specs.
        on_progress: told how many joined decisions are done, of how many.

    Raises:
        InvalidInput: a policy can't be built.
    """
    # The standing ones cost little, and the health rests on them.
    specs = {**standing_specs(experiment.definition), **asked}
    candidates = {
        label: _built(label, spec, experiment) for label, spec in specs.items()
    }
    definitions = Definitions(storage.experiments)
    learning = Learning(storage.joins, definitions, experiment.number)
    bounds = Bounds(definitions, experiment.number)
    total = storage.joins.last_position(experiment.number)
    for rows in learning.rows((0, total)):
        group = list(candidates.values())
        walk(group, rows, experiment.definition, learning, bounds)
        on_progress(rows[-1].position, total)
    found = {label: Evaluated(c.scores.summary()) for label, c in candidates.items()}
    return {
        "policies": policies(experiment, {label: found[label] for label in asked}),
        "health": [
            propensity_audit(found),
            scorecard(storage, experiment, found, _holdout(storage, experiment)),
        ],
    }


def _built(label: str, spec: Mapping[str, Any], experiment: Experiment) -> Candidate:
    try:
        return new_candidate(label, spec, experiment.definition)
    except PolicyError as error:
        raise InvalidInput(f"policy {label} is refused: {error.message}") from error


def _holdout(storage: Storage, experiment: Experiment) -> Moments:
    total = Moments()
    for tally in storage.joins.tallies(experiment.number):
        if tally.group == BASELINE and tally.metric == MAIN_METRIC:
            total = total.merge(Moments(tally.n, tally.total, tally.total_squares))
    return total
