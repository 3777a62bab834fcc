"""Shapes of answers that read what is stored.

Owns the structs of decisions, experiments, models and evaluations as callers get
them, the lists of them, and the answers of batches. openapi.py describes them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Definition, Experiment, Group
from bandit_svc.domain.model_version import ModelVersionMeta
from bandit_svc.domain.slots.places import slot_decisions
from bandit_svc.domain.splits.branch import Branch
from bandit_svc.domain.times import timestamp, timestamp_or_none
from bandit_svc.http.answers import ProgrammeMark, programme_mark
from bandit_svc.http.local.records import LocalRecord, local_record
from bandit_svc.storage.rows import DecisionView, RewardRow


class DecisionBatchAnswer(msgspec.Struct):
    """The answer to POST /v1/decisions/batch: a DecisionAnswer or a Problem each."""

    decisions: Sequence[Any]


class RewardBatchAnswer(msgspec.Struct):
    """The answer to POST /v1/rewards/batch: a RewardAnswer or a Problem each."""

    rewards: Sequence[Any]


class ActivationBatchAnswer(msgspec.Struct):
    """The answer to POST /v1/activations/batch: an answer or a problem each."""

    activations: Sequence[Any]


class ActivationAnswer(msgspec.Struct):
    """The answer to an activation: it is durable."""

    decision_id: str
    activated_at: str
    status: str = "accepted"


class VariantChance(msgspec.Struct):
    """An eligible variant and its chances.

    Attributes:
        probability: with which it was drawn.
        treatment: in the learning policy's group, floor included; null where it was
            not logged, as by earlier versions.
        baseline: in the holdout.
    """

    variant: str
    probability: float
    treatment: float | None
    baseline: float | None


class RewardRecord(msgspec.Struct):
    """One reward of a decision.

    Attributes:
        value: as it was reported, or corrected since.
        source: what its report named: the decision, or a unit whose decision it was
            credited to (`unit`, or `event`).
        conflicts: refused other values.
        corrected_from: the value that it was reported with; absent where it still has
            that one.
        clipped: true where an end of the declared range counts in place of the value;
            else absent.
        slot: of a page that it was reported for; absent where it is for all of the
            decision.
    """

    metric: str
    reward_id: str | None
    value: float
    occurred_at: str
    received_at: str
    late: bool
    source: str
    conflicts: int
    clipped: bool | msgspec.UnsetType = msgspec.UNSET
    corrected_from: float | msgspec.UnsetType = msgspec.UNSET
    slot: int | msgspec.UnsetType = msgspec.UNSET


class SlotRecord(msgspec.Struct):
    """One slot of a page; GET /v1/decisions/{decision_id} has the rest of it.

    Attributes:
        decision_id: of the slot.
        propensity: given what stands above it.
        pinned: the request has set it, so that nothing was drawn.
    """

    slot: int
    decision_id: str
    variant: str
    propensity: float
    pinned: bool


class BranchRecord(msgspec.Struct):
    """The branch of a policy split that a decision was made in.

    Attributes:
        split: the number of the split.
        name: `current`, or the name of the other policy.
        share: of units that the branch had then.
    """

    split: int
    name: str
    share: float


CALLER = "caller"
"""The source of what the caller's own system showed."""


class DecisionRecord(msgspec.Struct):
    """One logged decision with its rewards and its state.

    Attributes:
        state: deferred, open, joined, or what else became of it.
        group_chance: the chance with which it fell into its group.
        source: who chose: the policy, the baseline, a fallback, or the caller's own
            system (`caller`). Then `propensity` is what the caller gave, null where
            that is unknown, and `treatment` what the policy would have drawn from.
        reward: the aggregated reward; null until the decision has matured.
        position: the place in the joined order; null until then.
        trace_id: the caller's own name for the request that it was made by
            (X-Request-Id or traceparent); null where it gave none.
        unit_id: that the request named.
        group_id: the oldest id of the same person, which decided the group.
        unit_unread: what is known of the unit could not be read, so that the choice was
            made without it.
        without_consent: the unit or its browser denied consent; nothing of the unit
            was kept, and the decision is reported apart.
        ineligible: the variants that their own conditions kept out, each with the
            reason; absent where there is none.
        programme: the group of the unit in the experiment's programme; absent where it
            is in none.
        branch: of a policy split; absent outside of one.
        local: the client that made it in its own process; absent of one that the
            service made.
        slots: of a page, in order; its `variant`, `variants` and `propensity` are
            those of the first one. Absent of any other decision.
        enriched: the keys of the context that enrichers have put there, by enricher;
            absent where there is none.
    """

    decision_id: str
    experiment: str
    revision: int
    state: str
    unit_id: str | None
    group_id: str | None
    group: Group
    group_chance: float | None
    context: dict[str, Any]
    variants: list[VariantChance]
    variant: str
    propensity: float | None
    source: str
    model_version: int
    deferred: bool
    request_id: str | None
    decided_at: str
    exposed_at: str | None
    closes_at: str | None
    rewards: list[RewardRecord]
    reward: float | None
    position: int | None
    trace_id: str | None
    unit_unread: bool
    without_consent: bool
    ineligible: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET
    programme: ProgrammeMark | msgspec.UnsetType = msgspec.UNSET
    branch: BranchRecord | msgspec.UnsetType = msgspec.UNSET
    local: LocalRecord | msgspec.UnsetType = msgspec.UNSET
    slots: list[SlotRecord] | msgspec.UnsetType = msgspec.UNSET
    enriched: Mapping[str, Sequence[str]] | msgspec.UnsetType = msgspec.UNSET


class ExperimentRecord(Definition, frozen=True, kw_only=True):
    """An experiment: its definition, its revision and its times."""

    revision: int
    created_at: str
    revised_at: str


class ExperimentList(msgspec.Struct):
    """Every experiment."""

    experiments: list[ExperimentRecord]


class RevisionRecord(msgspec.Struct):
    """One definition that an experiment has had, and why it was changed."""

    revision: int
    revised_at: str
    note: str
    definition: dict[str, Any]


class RevisionList(msgspec.Struct):
    """Every definition that an experiment has had, oldest first."""

    experiment: str
    revisions: list[RevisionRecord]


class ModelRecord(msgspec.Struct):
    """One published model version; `learned` decisions went into it."""

    version: int
    policy: dict[str, Any]
    learned: int
    sha256: str
    created_at: str
    restored_from: int | None
    serving: bool


class ModelList(msgspec.Struct):
    """The kept model versions, newest first."""

    experiment: str
    models: list[ModelRecord]


class Health(msgspec.Struct):
    """The answer to GET /healthz."""

    status: str
    version: str


class Readiness(msgspec.Struct):
    """The answer to GET /readyz where decisions can be made durably.

    Attributes:
        status: ready, or degraded.
        reasons: why it is degraded, a sentence each.
    """

    status: str
    reasons: list[str] | msgspec.UnsetType = msgspec.UNSET


def decision_record(
    view: DecisionView, definition: Definition, out: Mapping[str, str]
) -> DecisionRecord:
    """Return a logged decision as its caller gets it.

    Args:
        view: of the decision.
        definition: of its experiment, for the ranges of rewards.
        out: why variants were not eligible.
    """
    decision = view.decision
    return DecisionRecord(
        decision_id=decision.id,
        experiment=decision.experiment,
        revision=decision.revision,
        state=view.state,
        unit_id=decision.asked_unit_id or decision.unit_id,
        group_id=decision.unit_id,
        group=decision.group,
        group_chance=decision.group_chance,
        context=decision.context,
        variants=[VariantChance(*one) for one in decision.chances],
        variant=decision.variant,
        propensity=decision.told_propensity,
        source=decision.source if decision.shown is None else CALLER,
        model_version=decision.model_version,
        deferred=decision.deferred,
        request_id=decision.request_id,
        decided_at=timestamp(decision.decided_at_ms),
        exposed_at=timestamp_or_none(view.exposed_at_ms),
        closes_at=timestamp_or_none(view.closes_at_ms),
        rewards=[_reward_record(reward, definition) for reward in view.rewards],
        reward=view.joined_reward,
        position=view.joined_position,
        trace_id=decision.trace_id,
        unit_unread=decision.unit_unread,
        without_consent=decision.without_consent,
        ineligible=out or msgspec.UNSET,
        programme=programme_mark(decision.programme),
        branch=_branch_record(decision.branch),
        local=local_record(decision.local),
        slots=_slot_records(decision),
        enriched={f.enricher: f.keys for f in decision.filled} or msgspec.UNSET,
    )


def _branch_record(branch: Branch | None) -> BranchRecord | msgspec.UnsetType:
    if branch is None:
        return msgspec.UNSET
    return BranchRecord(branch.split, branch.name, branch.share)


def _slot_records(decision: Decision) -> list[SlotRecord] | msgspec.UnsetType:
    page = decision.slots
    if page is None:
        return msgspec.UNSET
    pins = page.pins(decision.variant)
    return [
        SlotRecord(at, slot.id, slot.variant, slot.propensity, at in pins)
        for at, slot in enumerate(slot_decisions(decision), 1)
    ]


def experiment_record(experiment: Experiment) -> ExperimentRecord:
    """Return an experiment as its caller gets it."""
    return ExperimentRecord(
        **msgspec.structs.asdict(experiment.definition),
        revision=experiment.revision,
        created_at=timestamp(experiment.created_at_ms),
        revised_at=timestamp(experiment.revised_at_ms),
    )


def model_record(meta: ModelVersionMeta, *, serving: bool) -> ModelRecord:
    """Return a model version as its caller gets it."""
    return ModelRecord(
        version=meta.version,
        policy=meta.policy,
        learned=meta.learned,
        sha256=meta.sha256,
        created_at=timestamp(meta.created_at_ms),
        restored_from=meta.restored_from,
        serving=serving,
    )


def _reward_record(reward: RewardRow, definition: Definition) -> RewardRecord:
    clipped = definition.clip(reward.metric, reward.value) != reward.value
    return RewardRecord(
        metric=reward.metric,
        reward_id=reward.reward_id or None,
        value=reward.value,
        occurred_at=timestamp(reward.occurred_at_ms),
        received_at=timestamp(reward.received_at_ms),
        late=reward.late,
        source=reward.source,
        conflicts=reward.conflicts,
        clipped=clipped or msgspec.UNSET,
        corrected_from=(
            msgspec.UNSET if reward.corrected_from is None else reward.corrected_from
        ),
        slot=reward.slot or msgspec.UNSET,
    )
