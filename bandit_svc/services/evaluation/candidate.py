"""Evaluate a policy on the decisions of another one.

Owns how a joined decision is evaluated under a candidate and then learned from, the
same way in the learner's tick and in an evaluation on demand, so that they can't
differ.

A candidate's value is that of its own pmf, without the exploration floor. The first
decision of each unit is weighed by what either group could have shown, a later one of
the treatment by the pmf that it was drawn from; see ope.progressive.weighing. All
candidates have the same decisions and weights, so that no two numbers of a report
answer one question. A policy that learns is evaluated on each decision before it learns
from it: its pmf then depends on the past alone, as the intervals need.
"""

from collections.abc import Sequence
from math import isclose

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Definition
from bandit_svc.domain.plain_values import Spec
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.progressive.weighing import (
    Draw,
    WeightedDecision,
    mixed_draw,
    weight_of_action,
    weight_of_pmf,
)
from bandit_svc.ope.progressive.weighted import WeightedRewards
from bandit_svc.ope.uplift.history_weights import CHANCE_DIGITS
from bandit_svc.services.evaluation.labels import FIXED, TREATED_BASELINE
from bandit_svc.services.evaluation.reward_predictor import RewardPredictor
from bandit_svc.services.evaluation.weighing.bounds import WeightBounds
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.learning.parts.slot_rows import part_of_page
from bandit_svc.services.policy_inputs import policy_of, reward_range
from bandit_svc.storage.rows import EvaluationRow, JoinedRow
from policies.base import Policy, PolicyError, RewardRange
from policies.context_free.fixed import eligible_shares
from policies.pmf import validate_pmf
from policies.spec import fixed_weights

LOGGED_DIGITS = 1e-6


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
        of_pages: it takes what a slot adds to its page, in reward units.
        mixes_groups: it is asked about first decisions of both groups; else about the
            treatment's alone.
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
        self.of_pages = False
        self.mixes_groups = label != TREATED_BASELINE
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
        draw: Draw,
        examples: JoinedExamples,
        predicted: Sequence[float] | None = None,
    ) -> tuple[WeightedDecision, Sequence[float] | int] | None:
        """Return a decision's weight, and the pmf or the only variant that it is of.

        None where the candidate has no pmf for it.

        Args:
            decision: that was made.
            draw: the chances that it is weighed by.
            examples: for the decision's actions.
            predicted: (K,) rewards of the eligible variants in [0, 1], if there is a
                model.

        Raises:
            PolicyError: a policy that learns returns no valid pmf.
        """
        variants = decision.variants
        pmf: Sequence[float]
        if self.policy is not None:
            actions = examples.actions(decision)
            pmf = self.policy.pmf(decision.context, actions)
            validate_pmf(pmf, len(actions), 0.0)
        elif self._only in variants:
            index = variants.index(self._only)
            return weight_of_action(draw, index, predicted), index
        elif self._strict:
            return None
        else:
            shares = eligible_shares(self._weights, variants)
            pmf = shares or [1.0 / len(variants)] * len(variants)
        return weight_of_pmf(draw, pmf, predicted), pmf

    def evaluate(
        self,
        decision: Decision,
        draw: Draw,
        reward: float,
        examples: JoinedExamples,
        predicted: Sequence[float] | None = None,
    ) -> None:
        """Add one decision to the sums.

        Args:
            decision: the decision.
            draw: the chances that it is weighed by.
            reward: scaled to [0, 1].
            examples: for the decision's actions.
            predicted: as for `weigh`.
        """
        if draw.bound is None and not draw.baseline_chance:
            self.rewards.unbounded += 1
            return
        try:
            found = self.weigh(decision, draw, examples, predicted)
        except PolicyError:
            # As in learning: one decision must not stop those behind it.
            return
        if found is None:
            return
        weighted, target = found
        as_baseline = draw.baseline_chance > 0 and _is_baselines(decision, target)
        bound = draw.largest_weight(as_baseline=as_baseline)
        if bound is None:
            self.rewards.unbounded += 1
            return
        self._extend_period(decision.decided_at_ms)
        self.rewards.units += draw.is_first
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

    def take_shown(
        self, decision: Decision, reward: float, predicted: Sequence[float] | None
    ) -> None:
        """Take note of what the caller's own system showed; see apprentice/watch.py.

        Args:
            decision: such a one.
            reward: scaled to [0, 1], or at least 0 without a maximum.
            predicted: as for `weigh`.
        """


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


def _is_baselines(decision: Decision, target: Sequence[float] | int) -> bool:
    """Return true if a pmf, or an only variant, is what the baseline group draws from.

    Not where there is one variant: all policies have that in common.
    """
    baseline = decision.baseline_pmf
    if baseline is None or len(baseline) == 1:
        return False
    if isinstance(target, int):
        return baseline[target] == 1.0
    # The log has fewer digits than a computed pmf.
    pairs = zip(target, baseline, strict=True)
    return all(isclose(t, b, rel_tol=LOGGED_DIGITS) for t, b in pairs)


def draw_of(decision: Decision, bound: float | None, *, is_first: bool) -> Draw | None:
    """Return the chances that a decision is weighed by; None if it has none.

    Args:
        decision: of either group.
        bound: the largest weight of the treatment's own draws.
        is_first: true if nothing of its unit came before.
    """
    if decision.shown is not None:
        return None
    chance = decision.group_chance
    programme = decision.programme
    treatment, baseline = decision.treatment_pmf, decision.baseline_pmf
    if is_first and chance is not None and treatment and baseline:
        # 1 - (1 - h) differs from h in the last bit, and with it the bound of weights.
        h = round(chance if decision.group == BASELINE else 1 - chance, CHANCE_DIGITS)
        if programme is not None:
            h = round(programme.baseline_share, CHANCE_DIGITS)
        if 0 < h < 1:
            return mixed_draw(decision.chosen, treatment, baseline, h, bound)
    own = own_draw(decision, bound)
    return None if own is None else own._replace(is_first=is_first)


def own_draw(decision: Decision, bound: float | None) -> Draw | None:
    """Return the chances of the treatment's own draw; None in the baseline group."""
    if decision.group != TREATMENT or decision.shown is not None:
        return None
    return Draw(decision.chosen, decision.pmf, decision.propensity, bound)


def evaluate_and_learn(
    candidates: Sequence[Candidate],
    rows: Sequence[JoinedRow],
    definition: Definition,
    examples: JoinedExamples,
    bounds: WeightBounds,
    predictor: RewardPredictor,
) -> None:
    """Evaluate candidates on the next joined decisions, each before it learns from it.

    The rewards of a page become known at once, so that nothing is learned from one of
    its slots before all of them are evaluated.

    Args:
        candidates: all at the same cursor, right before the first row.
        rows: in the recorded order.
        definition: for the reward range, which never changes.
        examples: of the experiment.
        bounds: of the experiment; knows on which decisions candidates are evaluated.
        predictor: at the same cursor; learns what the policies learn from, and knows
            which units have come.
    """
    scale = reward_range(definition)
    learners = [c.policy for c in candidates if c.policy is not None]
    waiting: list[JoinedRow] = []
    evaluated = True
    for row in rows:
        if row.place <= 1:
            _learn(waiting, learners, examples, predictor)
            evaluated = bounds.is_evaluated(row.decision)
        waiting.append(row)
        decision = row.decision
        if not evaluated and decision.shown is None:
            for candidate in candidates:
                candidate.pass_over(decision)
            continue
        _evaluate(candidates, row, scale, examples, bounds, predictor)
    _learn(waiting, learners, examples, predictor)
    for candidate in candidates:
        candidate.cursor = rows[-1].position
        candidate.changed = True
    predictor.cursor = rows[-1].position


def _evaluate(
    candidates: Sequence[Candidate],
    row: JoinedRow,
    scale: RewardRange,
    examples: JoinedExamples,
    bounds: WeightBounds,
    predictor: RewardPredictor,
) -> None:
    """Evaluate candidates on one joined decision."""
    decision = row.decision
    bound = bounds.bound(decision)
    mixed = draw_of(decision, bound, is_first=predictor.is_first(decision))
    own = own_draw(decision, bound)
    predicted = None
    if mixed is not None or decision.shown is not None:
        predicted = predictor.predict(row, decision, examples)
    reward = scale.scaled(row.reward)
    # Without a maximum there is no sum of rewards in [0, 1], only one of weights.
    bounded = reward if scale.maximum is not None else 0.0
    for candidate in candidates:
        draw = mixed if candidate.mixes_groups else own
        if decision.shown is not None:
            candidate.take_shown(decision, reward, predicted)
        elif draw is None:
            candidate.pass_over(decision)
        else:
            earned = bounded if candidate.needs_maximum else reward
            if candidate.of_pages:
                earned = part_of_page(row)
            candidate.evaluate(decision, draw, earned, examples, predicted)


def _learn(
    waiting: list[JoinedRow],
    learners: Sequence[Policy],
    examples: JoinedExamples,
    predictor: RewardPredictor,
) -> None:
    """Let policies and the reward model learn what waits; nothing waits then."""
    for row in waiting:
        decision = row.decision
        if row.learnable and learners:
            actions = examples.actions(decision)
            for policy in learners:
                examples.teach(policy, row, actions)
        predictor.pass_on(row, decision, examples)
    waiting.clear()
