"""From joined decisions to a policy's examples.

Owns the one way in which a joined decision is learned, so that training and
replay can't differ.
"""

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.learning.thinning import ALL, is_learned
from bandit_svc.domain.model_version import Span
from bandit_svc.domain.plain_values import Spec
from bandit_svc.services.learning.apprentice.teaching import teach_shown
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.parts.slot_rows import by_slot
from bandit_svc.services.policy_inputs import actions_of, policy_of
from bandit_svc.storage.joined.joins import JoinedOrder
from bandit_svc.storage.rows import JoinedRow
from policies.base import Action, Policy, PolicyError

BATCH = 500
ELIGIBLE_KEPT = 1_000
_Place = tuple[int, int, tuple[str, ...]]
"""The number of an experiment, its revision, and keys of eligible variants."""


class JoinedExamples:
    """Teaches policies the joined decisions of one experiment."""

    def __init__(
        self, joins: JoinedOrder, definitions: Definitions, number: int
    ) -> None:
        self._joins = joins
        self._definitions = definitions
        self._number = number
        self._actions: dict[tuple[int, int], dict[str, Action]] = {}
        self._eligible: dict[_Place, tuple[Action, ...]] = {}

    def rows(self, span: Span) -> Iterator[list[JoinedRow]]:
        """Yield the joined decisions of first < position <= last, in batches.

        Those whose revision is damaged in the store are left out.
        """
        position, last = span
        while position < last:
            rows = self._joins.after(
                self._number, position, min(BATCH, last - position)
            )
            if not rows:
                return
            known = [row for row in rows if self.knows(row.decision)]
            if known:
                yield self.by_slot(self._thinned(known))
            position = rows[-1].position

    def _thinned(self, rows: list[JoinedRow]) -> list[JoinedRow]:
        """Return the rows with those marked that are not to be learned from.

        What an import has brought is learned whole.
        """
        revisions = {row.decision.revision for row in rows if row.position > 0}
        shares = {revision: self._learn_share(revision) for revision in revisions}
        if all(share >= ALL for share in shares.values()):
            return rows
        return [
            row
            if row.position < 0
            or is_learned(row.decision.id, shares[row.decision.revision])
            else replace(row, learnable=False)
            for row in rows
        ]

    def _learn_share(self, revision: int) -> float:
        definition = self._definition_at(revision)
        return ALL if definition is None else definition.learn_share

    def by_slot(self, rows: Sequence[JoinedRow]) -> list[JoinedRow]:
        """Return joined decisions with the slots of a page in its place."""
        return by_slot(rows, self._definition_at)

    def learn(self, policy: Policy, row: JoinedRow) -> int:
        """Teach one row; return 1 if it was learned from, 0 if it is not to be.

        A row that the policy refuses is passed over, here as in every replay, so
        that one row can't hold up those behind it.
        """
        if not row.learnable:
            return 0
        return self.teach(policy, row, self.actions(row.decision))

    def teach(self, policy: Policy, row: JoinedRow, actions: Sequence[Action]) -> int:
        """Teach a learnable row; return 0 if the policy refuses it, else 1."""
        decision = row.decision
        if decision.shown is None:
            return teach(policy, decision, actions, row.reward)
        definition = self._definition_at(decision.revision)
        least = row.reward if definition is None else definition.reward.minimum
        return teach_shown(policy, decision, actions, row.reward, least, row.position)

    def knows(self, decision: Decision) -> bool:
        """Return whether the variants of a decision are known."""
        if decision.inline_variants is not None:
            return True
        return bool(self._variants_of(decision))

    def actions(self, decision: Decision) -> tuple[Action, ...]:
        """Return the eligible actions of a decision, in the order of its pmf."""
        if decision.inline_variants is not None:
            return actions_of(decision.inline_variants)
        place = (decision.number, decision.revision, decision.variants)
        found = self._eligible.get(place)
        if found is None:
            known = self._variants_of(decision)
            found = tuple(known[key] for key in decision.variants)
            if len(self._eligible) >= ELIGIBLE_KEPT:
                self._eligible.clear()
            # The very same tuple each time, by which policies know it again.
            self._eligible[place] = found
        return found

    def replay(
        self,
        spec: Spec,
        definition: Definition,
        spans: tuple[Span, ...],
        on_progress: Callable[[int], None] = lambda _done: None,
    ) -> Policy:
        """Build a policy from nothing but its spec and the log.

        Args:
            on_progress: told, after each batch, how many rows are done.
        """
        policy = policy_of(definition, spec)
        done = 0
        for span in spans:
            for rows in self.rows(span):
                for row in rows:
                    self.learn(policy, row)
                done += len(rows)
                on_progress(done)
        return policy

    def _definition_at(self, revision: int) -> Definition | None:
        return self._definitions.at(self._number, revision)

    def _variants_of(self, decision: Decision) -> dict[str, Action]:
        # What a prior has brought is of another experiment.
        place = (decision.number, decision.revision)
        known = self._actions.get(place)
        if known is None:
            definition = self._definitions.at(*place)
            variants = () if definition is None else definition.variants
            known = {action.key: action for action in actions_of(variants)}
            self._actions[place] = known
        return known


def teach(
    policy: Policy, decision: Decision, actions: Sequence[Action], reward: float
) -> int:
    """Teach one decision; return 0 if the policy refuses it, else 1."""
    try:
        policy.learn(
            decision.context, actions, decision.chosen, decision.propensity, reward
        )
    except PolicyError:
        return 0
    return 1
