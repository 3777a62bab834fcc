"""Evaluate a policy on the decisions of another one.

Owns how a joined decision is evaluated under a candidate and then learned from, the
same way in the learner's tick and in an evaluation on demand, so that they can't
differ.

A candidate's value is that of its own pmf, without the exploration floor. Only
decisions of the treatment group are evaluated: they were drawn by the served policy,
with its floor. A policy that learns is evaluated on each of them before it learns
from it: its pmf then depends on the past alone, as the intervals need.

Also owns the weight of one logged decision under another policy's pmf.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import TREATMENT, Definition
from bandit_svc.domain.plain_values import Spec
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.progressive.corrected import Correction
from bandit_svc.ope.progressive.weighted import WeightedRewards
from bandit_svc.services.evaluation.labels import FIXED
from bandit_svc.services.evaluation.reward_predictor import RewardPredictor
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples, teach
from bandit_svc.services.policy_inputs import policy_of, reward_range
from bandit_svc.storage.rows import EvaluationRow, JoinedRow
from policies.base import Policy, PolicyError
from policies.context_free.fixed import eligible_shares
from policies.pmf import validate_pmf
from policies.spec import fixed_weights


class WeightedDecision(NamedTuple):
    """One decision under one policy: its weight, and the model's predictions."""

    weight: float
    correction: Correction | None


def weight_of_variant(
    decision: Decision, index: int, predicted: Sequence[float] | None
) -> WeightedDecision:
    """Return a decision's weight for a policy that always shows one variant."""
    matches = decision.chosen == index
    weight = 1.0 / decision.propensity if matches else 0.0
    if predicted is None:
        return WeightedDecision(weight, None)
    direct, chance = predicted[index], decision.pmf[index]
    largest = max(weight, 1.0 / chance if chance > 0.0 else math.inf)
    of_chosen = predicted[decision.chosen]
    return WeightedDecision(
        weight, Correction(of_chosen, direct, *_peaks(largest, direct))
    )


def weight_of_pmf(
    decision: Decision, pmf: Sequence[float], predicted: Sequence[float] | None
) -> WeightedDecision:
    """Return a decision's weight for a policy's pmf, (K,) like the decision's own."""
    chosen = decision.chosen
    weight = pmf[chosen] / decision.propensity
    if predicted is None:
        return WeightedDecision(weight, None)
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
    return WeightedDecision(
        weight, Correction(of_chosen, min(direct, 1.0), peaks[0], peaks[1])
    )


def _peaks(weight: float, predicted: float) -> tuple[float, float]:
    # The largest that weight * (predicted - reward) and its negative can be for a
    # reward in [0, 1]; infinity times a prediction of 0 would be no number.
    if weight == math.inf:
        return math.inf, math.inf
    return weight * predicted, weight * (1.0 - predicted)


class WeightBounds:
    """The largest weight that was possible, known before each choice."""

    def __init__(self, definitions: Definitions, number: int) -> None:
        self._definitions = definitions
        self._number = number
        self._of_revision: dict[int, tuple[float, int]] = {}

    def bound(self, decision: Decision) -> float | None:
        """Return K / f, or None where the decision had no exploration floor f.

        K is the number of the experiment's active variants, or of the request's own
        if those are more; requests with fewer variants share the bound of the others.
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
    """One candidate: its spec and policy, how far it has come, its sums so far.

    Attributes:
        policy: None where the pmf follows from the spec alone.
        rewards: its weighted rewards.
        cursor: the last joined position that was evaluated and learned from.
        first_ms: when the first decision in `rewards` was made; None if there is none,
            or if an earlier version added it.
        last_ms: when the last one was.
        changed: true if it has advanced since it was last stored.
        stored_rarely: its state is large, as that of a policy that learns.
        needs_maximum: it counts rewards in [0, 1].
    """

    def __init__(self, label: str, spec: Spec, policy: Policy | None) -> None:
        self.label = label
        self.spec = dict(spec)
        self.policy = policy
        self.rewards = WeightedRewards(audited=label.startswith(FIXED))
        self.cursor = 0
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self.changed = False
        self.stored_rarely = policy is not None
        self.needs_maximum = True
        self._weights = (policy is None and fixed_weights(spec)) or {}
        # A policy of one variant, as most of a report's are, needs no pmf.
        self._only = next(iter(self._weights)) if len(self._weights) == 1 else None
        # A fixed variant is evaluated only where it was eligible; the baseline shows
        # another one elsewhere, as it does in the holdout.
        self._strict = label.startswith(FIXED)

    def row(self) -> EvaluationRow:
        """Return the row to store."""
        state = b"" if self.policy is None else self.policy.dump()
        rewards = self.rewards.encode()
        times = self.first_ms, self.last_ms
        return EvaluationRow(self.label, self.spec, self.cursor, rewards, state, *times)

    def weigh(
        self,
        decision: Decision,
        examples: JoinedExamples,
        predicted: Sequence[float] | None = None,
    ) -> WeightedDecision | None:
        """Return a decision's weight; None where the candidate has no pmf for it.

        Args:
            decision: of the treatment group.
            examples: for the decision's actions.
            predicted: (K,) rewards of the eligible variants in [0, 1], if there is a
                model.

        Raises:
            PolicyError: a policy that learns returns no valid pmf.
        """
        variants = decision.variants
        if self.policy is not None:
            actions = examples.actions(decision)
            pmf = self.policy.pmf(decision.context, actions)
            validate_pmf(pmf, len(actions), 0.0)
            return weight_of_pmf(decision, pmf, predicted)
        if self._only in variants:
            return weight_of_variant(decision, variants.index(self._only), predicted)
        if self._strict:
            return None
        shares = eligible_shares(self._weights, variants)
        pmf = shares or [1.0 / len(variants)] * len(variants)
        return weight_of_pmf(decision, pmf, predicted)

    def evaluate(
        self,
        decision: Decision,
        reward: float,
        bound: float | None,
        examples: JoinedExamples,
        predicted: Sequence[float] | None = None,
    ) -> None:
        """Add one decision of the treatment group to the sums.

        Args:
            decision: the decision.
            reward: scaled to [0, 1].
            bound: the largest weight that was possible; None where it is unknown.
            examples: for the decision's actions.
            predicted: as for `weigh`.
        """
        if bound is None:
            self.rewards.unbounded += 1
            return
        try:
            weighted = self.weigh(decision, examples, predicted)
        except PolicyError:
            # As in learning: one decision must not stop those behind it.
            return
        if weighted is not None:
            self._extend_period(decision.decided_at_ms)
            self.rewards.add(weighted.weight, reward, bound, weighted.correction)

    def _extend_period(self, at_ms: int) -> None:
        """Take the time of the next decision in `rewards` into the period."""
        if self.last_ms is None:
            # Sums without their times are an earlier version's.
            self.first_ms = None if self.rewards.stretches else at_ms
            self.last_ms = at_ms
        elif at_ms > self.last_ms:
            self.last_ms = at_ms
        elif self.first_ms is not None and at_ms < self.first_ms:
            self.first_ms = at_ms

    def pass_over(self, decision: Decision) -> None:
        """Take note of a decision that is not evaluated; a sum needs none of it."""


def new_candidate(label: str, spec: Spec, definition: Definition) -> Candidate:
    """Build a candidate at the start of the log.

    Raises:
        PolicyError: the spec is refused.
    """
    if fixed_weights(spec) is not None:
        return Candidate(label, spec, None)
    return Candidate(label, spec, policy_of(definition, spec))


def restored_candidate(row: EvaluationRow, definition: Definition) -> Candidate:
    """Build a candidate in its stored state; at the start if that can't be read.

    Raises:
        PolicyError: the spec is refused.
    """
    candidate = new_candidate(row.policy, row.spec, definition)
    try:
        rewards = WeightedRewards.decode(row.scores)
        if candidate.policy is not None:
            candidate.policy.load(row.state)
    except (LoggedDataError, PolicyError):
        return new_candidate(row.policy, row.spec, definition)
    candidate.rewards, candidate.cursor = rewards, row.cursor
    candidate.first_ms, candidate.last_ms = row.first_ms, row.last_ms
    return candidate


def evaluate_and_learn(
    candidates: Sequence[Candidate],
    rows: Sequence[JoinedRow],
    definition: Definition,
    examples: JoinedExamples,
    bounds: WeightBounds,
    predictor: RewardPredictor | None = None,
) -> None:
    """Evaluate candidates on the next joined decisions, each before it learns from it.

    Args:
        candidates: all at the same cursor, right before the first row.
        rows: in the recorded order.
        definition: for the reward range, which never changes.
        examples: of the experiment.
        bounds: of the experiment.
        predictor: at the same cursor; learns what the policies learn from. Without
            one there are only weighted rewards.
    """
    scale = reward_range(definition)
    learners = [c.policy for c in candidates if c.policy is not None]
    for row in rows:
        decision = row.decision
        predicted = None
        if predictor is not None:
            predicted = predictor.predict(row, decision, examples)
        reward, bound = scale.scaled(row.reward), bounds.bound(decision)
        # Without a maximum there is no sum of rewards in [0, 1], only one of weights.
        bounded = reward if scale.maximum is not None else 0.0
        for candidate in candidates:
            if decision.group == TREATMENT:
                earned = bounded if candidate.needs_maximum else reward
                candidate.evaluate(decision, earned, bound, examples, predicted)
            else:
                candidate.pass_over(decision)
        if row.learnable and learners:
            actions = examples.actions(decision)
            for policy in learners:
                teach(policy, decision, actions, row.reward)
        if predictor is not None:
            predictor.learn(row, decision, examples)
    for candidate in candidates:
        candidate.cursor = rows[-1].position
        candidate.changed = True
    if predictor is not None:
        predictor.cursor = rows[-1].position
