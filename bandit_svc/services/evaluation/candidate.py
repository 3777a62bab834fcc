"""A policy that is scored on the decisions of another one.

Owns how a joined decision is scored under it and then learned from, the same way in
the learner's tick and in an evaluation on demand, so that they can't differ.

A candidate's value is that of its own pmf, without the exploration floor. Only
decisions of the treatment group are scored: they were drawn by the served policy,
with its floor. A policy that learns is scored on each of them before it learns from
it, so that its pmf is predictable and the estimate honest.

Also owns the weight of one logged decision under another policy's chances.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import decode_decision
from bandit_svc.domain.experiment import TREATMENT, Definition
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.progressive.corrected import Correction
from bandit_svc.ope.progressive.weighted import Scores
from bandit_svc.services.evaluation.labels import FIXED
from bandit_svc.services.evaluation.reward_predictor import Predictor
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import Learning, teach
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.storage.rows import EvaluationRow, JoinedRow
from policies.base import Action, Policy, PolicyError
from policies.pmf import validate_pmf
from policies.spec import build_policy


class Weighed(NamedTuple):
    """One decision under one policy: its weight, and what the model says of it."""

    weight: float
    correction: Correction | None


def weighed_variant(
    decision: Decision, index: int, predicted: Sequence[float] | None
) -> Weighed:
    """Weigh a decision for a policy that shows one variant for certain."""
    matches = decision.chosen == index
    weight = 1.0 / decision.propensity if matches else 0.0
    if predicted is None:
        return Weighed(weight, None)
    direct, chance = predicted[index], decision.pmf[index]
    largest = max(weight, 1.0 / chance if chance > 0.0 else math.inf)
    of_chosen = predicted[decision.chosen]
    return Weighed(weight, Correction(of_chosen, direct, *_peaks(largest, direct)))


def weighed_pmf(
    decision: Decision, pmf: Sequence[float], predicted: Sequence[float] | None
) -> Weighed:
    """Weigh a decision for a policy's whole pmf, (K,) like the decision's own."""
    chosen = decision.chosen
    weight = pmf[chosen] / decision.propensity
    if predicted is None:
        return Weighed(weight, None)
    of_chosen = predicted[chosen]
    peaks = list(_peaks(weight, of_chosen))
    direct = 0.0
    for target, logged, value in zip(pmf, decision.pmf, predicted, strict=True):
        if target > 0.0:
            direct += target * value
            ratio = target / logged if logged > 0.0 else math.inf
            up, down = _peaks(ratio, value)
            peaks[0] = max(peaks[0], up)
            peaks[1] = max(peaks[1], down)
    return Weighed(weight, Correction(of_chosen, min(direct, 1.0), peaks[0], peaks[1]))


def _peaks(weight: float, predicted: float) -> tuple[float, float]:
    if weight == math.inf:
        return math.inf, math.inf
    return weight * predicted, weight * (1.0 - predicted)


REFERENCES = frozenset({"fixed", "uniform", "weighted"})
"""Kinds that don't learn: their chances follow from the spec alone."""


class Bounds:
    """How large weights could be, from what was known before each choice."""

    def __init__(self, definitions: Definitions, number: int) -> None:
        self._definitions = definitions
        self._number = number
        self._of_revision: dict[int, tuple[float, int]] = {}

    def bound(self, decision: Decision) -> float | None:
        """Give K / f, or None where the decision had no exploration floor.

        K is the number of the experiment's active variants, or of the request's own
        if those are more; narrowed requests so have the bound of the others.
        """
        known = self._of_revision.get(decision.revision)
        if known is None:
            definition = self._definitions.at(self._number, decision.revision)
            known = (0.0, 0)
            if definition is not None:
                count = len(definition.active_variants)
                known = (definition.exploration_floor, count)
            self._of_revision[decision.revision] = known
        floor, count = known
        if floor <= 0.0 or decision.propensity <= 0.0:
            return None
        return max(count, len(decision.variants)) / floor


class Candidate:
    """One candidate: what it is, how far it has come, what it has earned so far.

    Attributes:
        cursor: the last joined position that was scored and learned from.
        changed: whether it has moved since it was last kept.
    """

    def __init__(
        self, label: str, spec: Mapping[str, Any], policy: Policy | None
    ) -> None:
        self.label = label
        self.spec = dict(spec)
        self.policy = policy
        self.scores = Scores(audited=label.startswith(FIXED))
        self.cursor = 0
        self.changed = False
        self._only: str | None = spec["variant"] if spec["kind"] == "fixed" else None
        self._weights: Mapping[str, float] = spec.get("weights", {})
        # What always shows one variant is asked about only where it was eligible;
        # the baseline shows another one there, as it does in the holdout.
        self._strict = label.startswith(FIXED)

    def row(self) -> EvaluationRow:
        """Give what is to be kept."""
        state = b"" if self.policy is None else self.policy.dump()
        scores = self.scores.encode()
        return EvaluationRow(self.label, self.spec, self.cursor, scores, state)

    def weighed(
        self,
        decision: Decision,
        learning: Learning,
        predicted: Sequence[float] | None = None,
    ) -> Weighed | None:
        """Weigh a decision by its chances; None where it has no answer.

        Args:
            predicted: rewards of the eligible variants in [0, 1], if there is a model.

        Raises:
            PolicyError: a policy that learns gives no valid pmf.
        """
        variants = decision.variants
        if self.policy is not None:
            actions = learning.actions(decision)
            pmf = self.policy.pmf(decision.context, actions)
            validate_pmf(pmf, len(actions), 0.0)
            return weighed_pmf(decision, pmf, predicted)
        if self._only in variants:
            return weighed_variant(decision, variants.index(self._only), predicted)
        if self._strict:
            return None
        total = 0.0
        if self._weights:
            total = math.fsum(self._weights.get(key, 0.0) for key in variants)
        if total == 0.0:
            # As the policy itself does where none of its variants is eligible.
            return weighed_pmf(decision, [1 / len(variants)] * len(variants), predicted)
        pmf = [self._weights.get(key, 0.0) / total for key in variants]
        return weighed_pmf(decision, pmf, predicted)

    def score(
        self,
        decision: Decision,
        reward: float,
        bound: float | None,
        learning: Learning,
        predicted: Sequence[float] | None = None,
    ) -> None:
        """Count one decision of the treatment group.

        Args:
            reward: scaled to [0, 1].
            bound: how large a weight could be; None where it can't be told.
            predicted: as for `weighed`.
        """
        if bound is None:
            self.scores.unbounded += 1
            return
        try:
            weighed = self.weighed(decision, learning, predicted)
        except PolicyError:
            # As in learning: one decision can't hold up those behind it.
            return
        if weighed is not None:
            self.scores.add(weighed.weight, reward, bound, weighed.correction)


def new_candidate(
    label: str, spec: Mapping[str, Any], definition: Definition
) -> Candidate:
    """Build a candidate that has seen nothing.

    Raises:
        PolicyError: the spec is refused.
    """
    if spec["kind"] in REFERENCES:
        return Candidate(label, spec, None)
    return Candidate(label, spec, build_policy(spec, reward_range(definition)))


def kept_candidate(row: EvaluationRow, definition: Definition) -> Candidate:
    """Build a candidate that goes on where it was kept; anew if that can't be read.

    Raises:
        PolicyError: the spec is refused.
    """
    candidate = new_candidate(row.policy, row.spec, definition)
    try:
        scores = Scores.decode(row.scores)
        if candidate.policy is not None:
            candidate.policy.load(row.state)
    except (LoggedDataError, PolicyError):
        return new_candidate(row.policy, row.spec, definition)
    candidate.scores, candidate.cursor = scores, row.cursor
    return candidate


def walk(
    candidates: Sequence[Candidate],
    rows: Sequence[JoinedRow],
    definition: Definition,
    learning: Learning,
    bounds: Bounds,
    predictor: Predictor | None = None,
) -> None:
    """Score the next joined decisions under each candidate, then let it learn.

    Args:
        candidates: all at the same cursor, right before the first row.
        rows: in the recorded order.
        definition: for the reward range, which is the same for life.
        predictor: at the same cursor; learns what the policies learn from. Without
            one there are only weighted rewards.
    """
    scale = reward_range(definition)
    learners = [c.policy for c in candidates if c.policy is not None]
    for row in rows:
        decision = decode_decision(row.line)
        if decision.group == TREATMENT:
            reward, bound = scale.scaled(row.reward), bounds.bound(decision)
            predicted = None
            if predictor is not None:
                actions = learning.actions(decision)
                predicted = predictor.predicted(decision, actions, reward)
            for candidate in candidates:
                candidate.score(decision, reward, bound, learning, predicted)
        if row.learnable and (learners or predictor is not None):
            _learn(learners, predictor, row, decision, learning.actions(decision))
    for candidate in candidates:
        candidate.cursor = rows[-1].position
        candidate.changed = True
    if predictor is not None:
        predictor.cursor = rows[-1].position


def _learn(
    learners: Sequence[Policy],
    predictor: Predictor | None,
    row: JoinedRow,
    decision: Decision,
    actions: Sequence[Action],
) -> None:
    for policy in learners:
        teach(policy, decision, actions, row.reward)
    if predictor is not None:
        predictor.learn(decision, actions, row.reward)
