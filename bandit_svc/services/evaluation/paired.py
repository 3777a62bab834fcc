"""Compare candidate policies with a reference in pairs, in one pass over a log.

Owns the paired doubly robust term. All policies share one reward model that sees
everything and learns as they do, after it was asked:

    sum over actions of (pi(a) - pi'(a)) q(a)  +  (w - w') (r - q(chosen))

has, given the past, the difference of two policies' values as its mean, whatever q
is; a good q makes it vary less. See ope.sequences.paired.

Only decisions of the treatment group are compared, each before any policy learns from
it, as services.evaluation.candidate does. Everything follows from the log and the
policies, so that the result does not depend on the process, or on the other policies,
that a candidate was compared in.

Reference: Dudik, Langford and Li (2011), "Doubly robust policy evaluation and
learning", ICML, eq. (2), for two policies.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import TREATMENT, Experiment
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.progressive.weighted import Summary, WeightedRewards
from bandit_svc.ope.sequences.paired import PairedDifference, Term, paired_terms
from bandit_svc.services.evaluation.weighing.bounds import WeightBounds
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import JoinedRow
from policies.base import Action, Policy, PolicyError
from policies.pmf import validate_pmf
from policies.reward_model import RewardModel

Pmf = Sequence[float]


@dataclass(frozen=True, slots=True)
class PairedResult:
    """The result of the comparison for one policy.

    Attributes:
        summary: of its weighted rewards, as for any candidate.
        difference: of its value less the reference's; None of the reference.
        value: its doubly robust mean, of rewards in [0, 1]; None without a decision.
    """

    summary: Summary
    difference: PairedDifference | None
    value: float | None


class PairedCandidate:
    """A policy in the comparison."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.rewards = WeightedRewards()
        self._difference: PairedDifference | None = None
        self._n, self._total = 0, 0.0

    def evaluate(
        self,
        decision: Decision,
        actions: Sequence[Action],
        reward: float,
        predicted: Sequence[float],
        bound: float,
    ) -> Pmf | None:
        """Add a decision; return the policy's pmf, or None where it is not valid.

        Args:
            decision: of the treatment group.
            actions: the eligible ones.
            reward: in [0, 1].
            predicted: (K,), by the reward model.
            bound: the largest weight that was possible.
        """
        try:
            pmf = self.policy.pmf(decision.context, actions)
            validate_pmf(pmf, len(actions), 0.0)
        except PolicyError:
            return None
        chosen = decision.chosen
        weight = pmf[chosen] / decision.propensity
        self.rewards.add(weight, reward, bound)
        direct = sum(p * q for p, q in zip(pmf, predicted, strict=True))
        self._n += 1
        self._total += direct + weight * (reward - predicted[chosen])
        return pmf

    def compare(self, terms: tuple[Term, Term], bound: float) -> None:
        """Add the paired terms of a decision against the reference."""
        if self._difference is None:
            self._difference = PairedDifference(bound)
        self._difference.add(terms)

    def result(self) -> PairedResult:
        """Return the result so far."""
        value = self._total / self._n if self._n else None
        return PairedResult(self.rewards.summary(), self._difference, value)


def check_bounded(experiment: Experiment, command: str) -> None:
    """Raise where rewards have no maximum: bets on their differences need one.

    Raises:
        InvalidInput: the experiment declares no maximum reward.
    """
    if experiment.definition.reward.maximum is None:
        raise InvalidInput(
            f"{command} compares policies by rewards of a bounded range, and the "
            f"maximum of {experiment.key} is null. Evaluate policies one by one with "
            f"`bandit-svc evaluate {experiment.key} --estimand trajectory`, which needs"
            " no maximum, or measure in an experiment with a maximum"
        )


class PairedEvaluation:
    """One pass over the joined decisions of an experiment."""

    def __init__(
        self,
        storage: Storage,
        experiment: Experiment,
        reference: Policy,
        others: Sequence[Policy],
    ) -> None:
        definitions = Definitions(storage.experiments)
        self._examples = JoinedExamples(storage.joins, definitions, experiment.number)
        self._bounds = WeightBounds(definitions, experiment.number)
        self._scale = reward_range(experiment.definition)
        self._model = RewardModel(self._scale)
        self._reference = PairedCandidate(reference)
        self._others = [PairedCandidate(policy) for policy in others]

    def run(
        self, last: int, on_progress: Callable[[int], None] = lambda _position: None
    ) -> list[PairedResult]:
        """Evaluate up to a joined position; return the reference, then the others."""
        for rows in self._examples.rows((0, last)):
            waiting: list[JoinedRow] = []
            for row in rows:
                # The rewards of a page become known at once.
                if row.place <= 1:
                    self._learn(waiting)
                    waiting = []
                waiting.append(row)
                decision = row.decision
                if decision.group == TREATMENT and decision.shown is None:
                    actions = self._examples.actions(decision)
                    self._compare(decision, actions, self._scale.scaled(row.reward))
            self._learn(waiting)
            on_progress(rows[-1].position)
        return [c.result() for c in (self._reference, *self._others)]

    def _learn(self, rows: Sequence[JoinedRow]) -> None:
        for row in rows:
            if not row.learnable:
                continue
            decision = row.decision
            actions = self._examples.actions(decision)
            for candidate in (self._reference, *self._others):
                self._examples.teach(candidate.policy, row, actions)
            with suppress(PolicyError):
                self._model.learn(
                    decision.context,
                    actions,
                    decision.chosen,
                    decision.weighed_by,
                    row.reward,
                )

    def _compare(
        self, decision: Decision, actions: Sequence[Action], reward: float
    ) -> None:
        bound = self._bounds.bound(decision)
        if bound is None or min(decision.pmf) <= 0.0:
            for candidate in (self._reference, *self._others):
                candidate.rewards.unbounded += 1
            return
        try:
            predicted = self._model.predict(decision.context, actions)
        except PolicyError:
            return
        reference = self._reference.evaluate(
            decision, actions, reward, predicted, bound
        )
        for candidate in self._others:
            pmf = candidate.evaluate(decision, actions, reward, predicted, bound)
            if reference is not None and pmf is not None:
                terms = paired_terms(
                    (pmf, reference), decision.pmf, predicted, decision.chosen, reward
                )
                candidate.compare(terms, bound)
