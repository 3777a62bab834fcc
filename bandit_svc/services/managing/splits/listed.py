"""The splits of an experiment, as they are shown.

Owns how the steps that are kept, the plan of each split and what its comparison says
now come together. The API, the report and the pages show the same.
"""

from itertools import groupby
from typing import Literal

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Spec
from bandit_svc.domain.splits.split import Split, State
from bandit_svc.domain.splits.step import LAST, Evidence, Kind, Step
from bandit_svc.domain.times import timestamp
from bandit_svc.services.learning.splits.comparison import evidence_now
from bandit_svc.services.values import CONFIDENCE, Bounds
from bandit_svc.storage.interface import Storage

SplitState = State | Literal["rolled_back", "completed", "ended"]


class BranchCounts(msgspec.Struct, frozen=True):
    """Counts of the two branches; `other` is the other policy's."""

    current: int
    other: int


class StepShown(msgspec.Struct, frozen=True):
    """One step of a split.

    Attributes:
        share: of the other policy's branch from then on.
        revision: of the definition that the step made.
        estimate: of mean(other) - mean(current) when the step was taken, in units of
            the reward; null where it was not known.
        interval: that holds at every look.
        breached: the guardrails that were breached.
        who: `service`, or who asked for it.
    """

    at: str
    step: Kind
    share: float
    revision: int
    estimate: float | None
    interval: Bounds
    decisions: BranchCounts
    units: BranchCounts
    breached: tuple[str, ...]
    reason: str
    who: str


class SplitShown(msgspec.Struct, frozen=True):
    """One split.

    Attributes:
        split: its number: the revision that began it.
        name: of the other policy.
        share: of its branch now; 0 of a split that is over.
        margin_now: the margin in units of the reward; null where it is not known.
    """

    split: int
    state: SplitState
    name: str
    share: float
    policies: dict[str, float]
    policy: Spec
    ramp: tuple[float, ...]
    advance_when: str
    rollback_when: str
    margin: float
    margin_in: str
    begun_at: str
    ended_at: str | None
    estimate: float | None
    interval: Bounds
    confidence: float
    margin_now: float | None
    decisions: BranchCounts
    units: BranchCounts
    breached: tuple[str, ...]
    steps: tuple[StepShown, ...]


class Splits(msgspec.Struct, frozen=True):
    """All splits of an experiment; past ones newest first."""

    experiment: str
    current: SplitShown | None
    past: tuple[SplitShown, ...]


def splits_of(storage: Storage, experiment: Experiment) -> Splits:
    """Return the splits of an experiment."""
    now = experiment.definition.split
    steps = storage.splits.steps(experiment.number)
    if now is not None and all(step.since != now.id for step in steps):
        # The process that has created the experiment died before it kept the step.
        at_ms, reason = experiment.created_at_ms, now.reason
        steps.append(Step(now.id, now.id, at_ms, "begun", 0.0, reason))
    current = None
    past = []
    for since, group in groupby(steps, key=lambda step: step.since):
        taken = list(group)
        if now is not None and now.id == since:
            current = _shown(now, taken, evidence_now(storage, experiment))
            continue
        plan = storage.experiments.at_revision(experiment.number, since)
        if plan is not None and plan.split is not None:
            past.append(_shown(plan.split, taken, taken[-1].evidence))
    return Splits(experiment.key, current, tuple(reversed(past)))


def _shown(split: Split, steps: list[Step], evidence: Evidence) -> SplitShown:
    last = steps[-1]
    over = last.kind in LAST
    return SplitShown(
        split=split.id,
        state=_state(split, last),
        name=split.name,
        share=0.0 if over else split.served_share,
        policies=split.policies,
        policy=split.policy or {},
        ramp=split.ramp,
        advance_when=split.advance_when,
        rollback_when=split.rollback_when,
        margin=split.margin,
        margin_in=split.margin_in,
        begun_at=timestamp(steps[0].at_ms),
        ended_at=timestamp(last.at_ms) if over else None,
        estimate=evidence.estimate,
        interval=evidence.interval,
        confidence=CONFIDENCE,
        margin_now=evidence.margin,
        decisions=BranchCounts(*evidence.decisions),
        units=BranchCounts(*evidence.units),
        breached=evidence.breached,
        steps=tuple(_step(step) for step in steps),
    )


def _state(split: Split, last: Step) -> SplitState:
    match last.kind:
        case "rolled_back" | "completed" | "ended":
            return last.kind
        case _:
            return split.state


def _step(step: Step) -> StepShown:
    evidence = step.evidence
    return StepShown(
        at=timestamp(step.at_ms),
        step=step.kind,
        share=step.share,
        revision=step.revision,
        estimate=evidence.estimate,
        interval=evidence.interval,
        decisions=BranchCounts(*evidence.decisions),
        units=BranchCounts(*evidence.units),
        breached=evidence.breached,
        reason=step.reason,
        who=step.who,
    )
