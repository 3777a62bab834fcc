"""Context-free epsilon-greedy: mostly the action with the best mean so far.

Owns the kind `epsilon_greedy`. Its pmf depends on the rewards alone, so that it is the
simplest learning baseline for a contextual policy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from policies.base import Action, Context, RewardRange, check_actions
from policies.change.settings import LATER_SETTINGS
from policies.context_free.tallies import TallyingPolicy
from policies.kind import PolicyKind
from policies.settings import Number


class EpsilonGreedyPolicy(TallyingPolicy):
    """Chooses the best mean with probability 1 - epsilon, else any; ties share.

    A mean is shrunk by one assumed reward of the overall mean. So an action without
    rewards counts as average: a variant that is added to a running experiment is
    explored, and doesn't receive all traffic until its first rewards arrive.
    """

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        super().__init__(spec, reward_range)
        self._epsilon: float = spec["epsilon"]

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the pmf for these actions; ignores the context."""
        del context
        check_actions(len(actions))
        means = [self._shrunk_mean(action.key) for action in actions]
        best = max(means)
        # Equal means share the greedy part, so that the order of actions has no effect.
        each = self._epsilon / len(actions)
        greedy = (1.0 - self._epsilon) / means.count(best)
        return [each + greedy if mean == best else each for mean in means]

    def _shrunk_mean(self, key: str) -> float:
        overall = self._tallies.all
        # Before any reward all means are 0, so the choice is uniform.
        mean = overall.total / overall.count if overall.count else 0.0
        tally = self._tallies.of(key)
        return (tally.total + mean) / (tally.count + 1)


KIND = PolicyKind(
    name="epsilon_greedy",
    summary="ignores the context; mostly chooses the variant with the best mean reward",
    build=EpsilonGreedyPolicy,
    settings=(
        Number("epsilon", 0.1, "share of choices made uniformly at random", 0.0, 1.0),
    ),
    later=LATER_SETTINGS,
    examples=(
        {"kind": "epsilon_greedy"},
        {"kind": "epsilon_greedy", "memory": 100},
    ),
)
