"""Evaluate any policies over the whole log of an experiment.

Owns the full recomputation: candidates go through the joined decisions from the
start, as the learner's did while these came, so both have the same numbers.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from msgspec.structs import replace

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import BASELINE, Experiment
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.estimators.registry import PROGRESSIVE
from bandit_svc.ope.progressive.weighted import Summary
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.services.checks.check import Check
from bandit_svc.services.evaluation.candidate import (
    Candidate,
    evaluate_and_learn,
    new_candidate,
)
from bandit_svc.services.evaluation.checks import propensity_audit, scorecard
from bandit_svc.services.evaluation.frozen_target import (
    frozen_model,
    learned_until,
    with_training,
)
from bandit_svc.services.evaluation.history_watch import ONE_STEP_NOTE, history
from bandit_svc.services.evaluation.labels import (
    MODEL,
    checked_specs,
    standing_specs,
)
from bandit_svc.services.evaluation.reward_predictor import RewardPredictor
from bandit_svc.services.evaluation.rows import (
    CandidateProgress,
    Clustering,
    policies,
    reward_model_quality,
)
from bandit_svc.services.evaluation.slates.slates import SlateCandidate, slate_rows
from bandit_svc.services.evaluation.trajectories import (
    TrajectoryCandidate,
    trajectory_rows,
)
from bandit_svc.services.evaluation.weighing.bounds import WeightBounds
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.learning.uplift_sums import kept_uplift
from bandit_svc.services.values import (
    ONE_STEP,
    SLATE,
    TRAJECTORY,
    Estimand,
    PolicyRow,
    RewardModelQuality,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import JoinedRow
from policies.adapters import FrozenPolicy
from policies.base import Chooser, PolicyError

Target = Mapping[str, Any] | Chooser


class Evaluation(msgspec.Struct, frozen=True):
    """Estimates of target policies, and checks of the log."""

    policies: tuple[PolicyRow, ...]
    reward_model: RewardModelQuality
    health: tuple[Check, ...]


def evaluate(
    storage: Storage,
    experiment: Experiment,
    asked: Mapping[str, Target],
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    estimators: Collection[str] = tuple(PROGRESSIVE),
    estimand: Estimand = ONE_STEP,
) -> Evaluation:
    """Evaluate the policies asked about over every joined decision.

    Args:
        storage: where the experiment is.
        experiment: whose log it is.
        asked: normalised specs by label, see labels.asked_specs; or policies, taken
            as they are, which learn nothing.
        on_progress: called with the number of joined decisions done, and of all.
        estimators: names of those to return; the sums hold all of them. A trajectory
            has its own one.
        estimand: what the estimates of the policies asked about are of.

    Raises:
        InvalidInput: a policy can't be built.
    """
    # The checks need the standing policies, which cost little.
    definition = experiment.definition
    targets: dict[str, Target] = {
        **standing_specs(definition),
        **checked_specs(definition),
    }
    along: dict[str, TrajectoryCandidate] = {}
    if estimand == ONE_STEP:
        targets |= asked
    definitions = Definitions(storage.experiments)
    examples = JoinedExamples(storage.joins, definitions, experiment.number)
    bounds = WeightBounds(definitions, experiment.number)
    candidates = {
        label: _built(label, target, experiment, storage, examples)
        for label, target in targets.items()
    }
    if estimand == TRAJECTORY:
        along = {
            label: TrajectoryCandidate(
                _built(label, target, experiment, storage, examples)
            )
            for label, target in asked.items()
        }
    slates: dict[str, SlateCandidate] = {}
    if estimand == SLATE:
        slates = {
            label: SlateCandidate(_built(label, target, experiment, storage, examples))
            for label, target in asked.items()
        }
    # A published model is evaluated from where it had stopped learning.
    begins = {label: _begins(target) for label, target in asked.items()}
    predictor = RewardPredictor(experiment.definition)
    total = storage.joins.last_position(experiment.number)
    for rows in examples.rows((0, total)):
        for part in split(rows, set(begins.values())):
            first = part[0].position
            both = (*candidates.items(), *along.items(), *slates.items())
            group = [c for label, c in both if begins.get(label, 0) < first]
            evaluate_and_learn(
                group, part, experiment.definition, examples, bounds, predictor
            )
            late = (*along.items(), *slates.items())
            _pass_over([c for label, c in late if begins[label] >= first], part)
        on_progress(rows[-1].position, total)
    found = {
        label: CandidateProgress(
            c.rewards.summary(), first_ms=c.first_ms, last_ms=c.last_ms
        )
        for label, c in candidates.items()
    }
    histories = history(storage, experiment.number)
    return Evaluation(
        policies=(
            _one_step_rows(
                asked,
                policies(
                    experiment,
                    {label: found[label] for label in asked},
                    _clustering(storage, experiment),
                    estimators,
                ),
                found,
                histories,
            )
            if estimand == ONE_STEP
            else trajectory_rows(experiment, along.values())
            if estimand == TRAJECTORY
            else slate_rows(experiment, slates.values())
        ),
        reward_model=reward_model_quality(predictor.quality),
        health=(
            propensity_audit(experiment, found),
            scorecard(storage, experiment, found, _holdout(storage, experiment)),
            histories,
        ),
    )


def _clustering(storage: Storage, experiment: Experiment) -> Clustering:
    kept = kept_uplift(storage.joins, experiment.number)
    return Clustering() if kept is None else Clustering.of(kept.sums)


def _one_step_rows(
    asked: Mapping[str, Target],
    rows: tuple[PolicyRow, ...],
    found: Mapping[str, CandidateProgress],
    histories: Check,
) -> tuple[PolicyRow, ...]:
    if histories.status == "warn":
        rows = tuple(replace(row, note=ONE_STEP_NOTE) for row in rows)
    return tuple(
        _told(row, asked[row.policy], found[row.policy].summary) for row in rows
    )


def _pass_over(
    candidates: Sequence[Candidate],
    rows: Sequence[JoinedRow],
) -> None:
    """Let the units of decisions that a published model has learned from not count."""
    if candidates:
        for row in rows:
            decision = row.decision
            for candidate in candidates:
                candidate.pass_over(decision)


def split(rows: Sequence[JoinedRow], positions: Iterable[int]) -> list[list[JoinedRow]]:
    """Split rows, in their order, after each of these positions."""
    known = [row.position for row in rows]
    cuts = sorted({0, len(rows), *(bisect_right(known, at) for at in positions)})
    return [list(rows[i:j]) for i, j in pairwise(cuts)]


def _built(
    label: str,
    target: Target,
    experiment: Experiment,
    storage: Storage,
    examples: JoinedExamples,
) -> Candidate:
    try:
        if not isinstance(target, Mapping):
            return Candidate(label, {"kind": "given"}, FrozenPolicy(target))
        if target["kind"] == MODEL:
            policy = frozen_model(storage.model_versions, experiment, target, examples)
            return Candidate(label, target, policy)
        return new_candidate(label, target, experiment.definition)
    except PolicyError as error:
        raise InvalidInput(f"policy {label} is refused: {error.message}") from error


def _begins(target: Target) -> int:
    if isinstance(target, Mapping) and target["kind"] == MODEL:
        return learned_until(target)
    return 0


def _told(row: PolicyRow, target: Target, summary: Summary) -> PolicyRow:
    if isinstance(target, Mapping) and target["kind"] == MODEL:
        return with_training(row, target, summary)
    return row


def _holdout(storage: Storage, experiment: Experiment) -> Moments:
    total = Moments()
    for tally in storage.joins.tallies(experiment.number):
        if tally.group == BASELINE and tally.metric == MAIN_METRIC:
            total = total.merge(Moments(tally.n, tally.total, tally.total_squares))
    return total
