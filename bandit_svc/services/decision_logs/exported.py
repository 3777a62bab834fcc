"""One joined decision as other tools read it.

Owns its fields, whatever the form of the file.
"""

from typing import Any

import msgspec

from bandit_svc.domain.events.decision_id import split_slot
from bandit_svc.domain.programmes.membership import Membership
from bandit_svc.domain.slots.rewards import earned_reward
from bandit_svc.domain.splits.branch import Branch
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.storage.rows import JoinedRow
from policies.base import Action


class Exported(msgspec.Struct, frozen=True):
    """One joined decision.

    Attributes:
        actions: the eligible variants with their features, in the order of `pmf`.
        chosen: index into `actions`.
        group_chance, treatment_pmf, baseline_pmf: as in the decision; None where an
            earlier version decided.
        programme: the group of the unit in the experiment's programme, if it is in one.
        branch: of a policy split; None outside of one.
        reward: the aggregate that counted, or the default, in the experiment's units;
            of a slot what policies learn from.
        slate_id, slot: the page of a slot and its number; None of any other decision.
        slot_reward: what a slot adds to its page, for estimates of whole pages.
        shown: the caller's own system chose, with `propensity`, None where unknown;
            `pmf` is then certain of it, and `treatment_pmf` the policy's.
    """

    decision_id: str
    revision: int
    model_version: int
    decided_at_ms: int
    group: str
    unit_id: str | None
    context: dict[str, Any]
    actions: tuple[Action, ...]
    pmf: tuple[float, ...]
    chosen: int
    propensity: float | None
    reward: float
    group_chance: float | None
    treatment_pmf: tuple[float, ...] | None
    baseline_pmf: tuple[float, ...] | None
    programme: Membership | None
    branch: Branch | None
    slate_id: str | None = None
    slot: int | None = None
    slot_reward: float | None = None
    shown: bool = False


def exported_of(row: JoinedRow, examples: JoinedExamples) -> Exported:
    """Return a joined decision, or a slot of a page, as it is exported.

    Args:
        row: whose variants are known to `examples`.
        examples: of its experiment.
    """
    decision = row.decision
    return Exported(
        slate_id=split_slot(decision.id)[0] if row.place else None,
        slot=row.place or None,
        slot_reward=_slot_reward(row),
        decision_id=decision.id,
        revision=decision.revision,
        model_version=decision.model_version,
        decided_at_ms=decision.decided_at_ms,
        group=decision.group,
        unit_id=decision.unit_id,
        context=decision.context,
        actions=examples.actions(decision),
        pmf=decision.pmf,
        chosen=decision.chosen,
        propensity=decision.told_propensity,
        reward=row.reward,
        group_chance=decision.group_chance,
        treatment_pmf=decision.treatment_pmf,
        baseline_pmf=decision.baseline_pmf,
        programme=decision.programme,
        branch=decision.branch,
        shown=decision.shown is not None,
    )


def _slot_reward(row: JoinedRow) -> float | None:
    return None if row.slots is None else earned_reward(row.slots, row.place)
