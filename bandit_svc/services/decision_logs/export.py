"""Export the joined decisions of an experiment for other tools.

Owns the pass over them in the recorded order; the forms of files are in `writers`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from bandit_svc.domain.events.decision_id import split_slot
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.programmes.membership import Membership
from bandit_svc.domain.slots.rewards import earned_reward
from bandit_svc.domain.splits.branch import Branch
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.storage.interface import Storage
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
    propensity: float
    reward: float
    group_chance: float | None
    treatment_pmf: tuple[float, ...] | None
    baseline_pmf: tuple[float, ...] | None
    programme: Membership | None
    branch: Branch | None
    slate_id: str | None = None
    slot: int | None = None
    slot_reward: float | None = None


GroupChoice = Literal["treatment", "baseline", "all"]
BATCH_ROWS = 2_000


def export(
    storage: Storage,
    experiment: Experiment,
    group: GroupChoice = "treatment",
    on_progress: Callable[[int], None] = lambda _position: None,
) -> Iterator[list[Exported]]:
    """Yield every joined decision in the recorded order, a batch at a time.

    Decisions that are joined during the export are left out.

    Args:
        storage: where the experiment is.
        experiment: whose decisions.
        group: of the decisions. Only those of the treatment were drawn with a
            probability above 0 for every variant, as off-policy estimates need.
        on_progress: called with the position reached, after each batch.
    """
    examples = JoinedExamples(
        storage.joins, Definitions(storage.experiments), experiment.number
    )
    last = storage.joins.last_position(experiment.number)
    position = 0
    while position < last:
        limit = min(BATCH_ROWS, last - position)
        rows = storage.joins.after(experiment.number, position, limit)
        if not rows:
            break
        batch = []
        known = [row for row in rows if examples.knows(row.decision)]
        for row in examples.by_slot(known):
            decision = row.decision
            if group not in {"all", decision.group}:
                continue
            batch.append(
                Exported(
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
                    propensity=decision.propensity,
                    reward=row.reward,
                    group_chance=decision.group_chance,
                    treatment_pmf=decision.treatment_pmf,
                    baseline_pmf=decision.baseline_pmf,
                    programme=decision.programme,
                    branch=decision.branch,
                )
            )
        if batch:
            yield batch
        position = rows[-1].position
        on_progress(position)


def _slot_reward(row: JoinedRow) -> float | None:
    return None if row.slots is None else earned_reward(row.slots, row.place)
