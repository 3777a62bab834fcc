"""Teach a policy what the caller's own system showed.

Owns what is learned of a choice that follows a rule. Its reward is learned as any
other. But where a rule shows one variant alone, the log says nothing of the others, and
a policy would take them for as good as the mean. So the rule counts as evidence against
them: where the policy would have chosen another variant, it learns once that this one
earns the least possible reward. It does so only while it disagrees, so that the other
variant is lowered to the shown one and no further; and the more seldom the longer the
log is, so that this becomes a vanishing share of what is learned. What it shows live
corrects it. All of it follows from the log: same log, same model.
"""

import math
import zlib
from collections.abc import Sequence

from bandit_svc.domain.events.decision import Decision
from policies.base import Action, Policy, PolicyError

EACH_UP_TO = 2_000
"""Positions of the joined order up to which each disagreement is learned; behind them
the share that is learned falls with the root of the position."""
_HASHES = 2.0**32


def teach_disagreement(
    policy: Policy,
    decision: Decision,
    actions: Sequence[Action],
    least: float,
    position: int,
) -> None:
    """Teach what a rule of the caller says of the policy's own choice.

    Args:
        policy: before it learns from the decision.
        decision: that the caller's own system made.
        actions: the eligible ones.
        least: the smallest possible reward.
        position: of the decision in the joined order.

    Raises:
        PolicyError: the policy has no pmf for it, or refuses the example.
    """
    shown = decision.shown
    if shown is None or not shown.is_rule or not _is_due(decision.id, position):
        return
    pmf = policy.pmf(decision.context, actions)
    own = likeliest(pmf)
    if own != decision.chosen:
        policy.learn(decision.context, actions, own, 1.0, least)


def likeliest(pmf: Sequence[float]) -> int:
    """Return the index of the largest chance, the first of equal ones."""
    return max(range(len(pmf)), key=pmf.__getitem__)


def teach_shown(
    policy: Policy,
    decision: Decision,
    actions: Sequence[Action],
    reward: float,
    least: float,
    position: int,
) -> int:
    """Teach one such decision; return 0 if the policy refuses it, else 1.

    Args:
        reward: of the decision.
        policy, decision, actions, least, position: as of `teach_disagreement`.
    """
    try:
        teach_disagreement(policy, decision, actions, least, position)
        policy.learn(
            decision.context, actions, decision.chosen, decision.weighed_by, reward
        )
    except PolicyError:
        return 0
    return 1


def _is_due(decision_id: str, position: int) -> bool:
    if position <= EACH_UP_TO:
        return True
    share = math.sqrt(EACH_UP_TO / position)
    return zlib.crc32(decision_id.encode()) < share * _HASHES
