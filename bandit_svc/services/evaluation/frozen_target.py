"""Target policies that stay as they are: a published model, a policy made elsewhere.

Owns how a published version becomes a target, and what is said of the decisions that
it has learned from: on these an estimate would flatter it, so they don't count.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.services.values import Json
from bandit_svc.storage.interface import Snapshots
from policies.base import Action, Context, Policy, PolicyError
from policies.spec import build_policy


class FrozenPolicy:
    """Another policy, which learns nothing any more."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Ask the policy."""
        return self._policy.pmf(context, actions)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Do nothing."""

    def dump(self) -> bytes:
        """Give the policy's state."""
        return self._policy.dump()

    def load(self, state: bytes) -> None:
        """Replace the policy's state."""
        self._policy.load(state)


def frozen_model(
    snapshots: Snapshots,
    experiment: Experiment,
    spec: Mapping[str, Any],
    examples: JoinedExamples,
) -> Policy:
    """Give a published version as it was; built again if it is kept no more.

    Args:
        spec: as candidate_specs.asked_specs gives it for `model:17`.

    Raises:
        PolicyError: its spec is refused by this version of the policies.
    """
    kept = snapshots.get(experiment.number, spec["version"])
    if kept is not None:
        policy = build_policy(spec["policy"], reward_range(experiment.definition))
        try:
            policy.load(kept.state)
            return FrozenPolicy(policy)
        except PolicyError:
            # Damaged, or of another version of the policies: the log has it too.
            pass
    spans = tuple((first, last) for first, last in spec["spans"])
    return FrozenPolicy(
        examples.replay(dict(spec["policy"]), experiment.definition, spans)
    )


def learned_until(spec: Mapping[str, Any]) -> int:
    """Give the last joined position that a version can know of."""
    return max((last for _, last in spec["spans"]), default=0)


def with_training(row: Json, spec: Mapping[str, Any]) -> Json:
    """Say in a version's row which decisions count; refuse where none is left."""
    version, until = spec["version"], learned_until(spec)
    if row["n"] == 0:
        reason = (
            f"Version {version} had learned from the log up to joined decision "
            f"{until:,}, and none of the treatment that it could be asked about has "
            "matured since. On what it learned from, an estimate would flatter it; ask "
            "again later."
        )
        return row | {"refused": reason, "note": None}
    note = (
        f"Version {version} learned from the first {until:,} joined decisions, so only "
        "those after them count."
    )
    return row | {"note": note}
