"""The steps of a split, and what each makes of the definition.

Owns the revision of a step. A revision and its steps are one transaction, so that a
process that dies has taken a step whole or not at all.
"""

from typing import NamedTuple, assert_never

from msgspec.structs import replace

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.splits.split import Split
from bandit_svc.domain.splits.step import SERVICE, Evidence, Kind, Step
from bandit_svc.storage.interface import Storage

LAST_SHARE = 1.0
"""At which the other policy takes the place of the current one."""


class Asked(NamedTuple):
    """A step that is to be taken, on what evidence, and who asks for it."""

    kind: Kind
    reason: str
    evidence: Evidence
    who: str = SERVICE


def take_step(
    storage: Storage, experiment: Experiment, split: Split, asked: Asked, now_ms: int
) -> Step:
    """Store the revision of one step, with the step.

    Raises:
        Conflict: somebody changed the experiment meanwhile.
    """
    kind, reason, evidence, who = asked
    revision = experiment.revision + 1
    definition = experiment.definition
    following = split.next_share
    model = None
    if kind == "advanced" and following is not None and following >= LAST_SHARE:
        kind = "completed"
    share = split.share
    match kind:
        case "started" | "resumed":
            after = _with(definition, replace(split, state="running"))
        case "paused":
            after = _with(definition, replace(split, state="paused"))
        case "advanced":
            share = split.share if following is None else following
            after = _with(definition, split.at_share(share))
        case "completed":
            share = LAST_SHARE
            model = _in_place(storage, experiment, now_ms)
            policy = split.policy or definition.policy
            after = replace(definition, policy=policy, split=None)
        case "rolled_back" | "ended":
            share = 0.0
            after = _with(definition, None)
        case "begun" | "changed":
            raise ValueError(f"a step {kind} comes from a changed definition")
        case _:
            assert_never(kind)
    step = Step(split.id, revision, now_ms, kind, share, reason, who, evidence)
    note = f"split {split.id}, {kind}: {reason}"
    storage.splits.revise(experiment, after, now_ms, (step,), note, model)
    return step


def _with(definition: Definition, split: Split | None) -> Definition:
    return replace(definition, split=split)


def _in_place(
    storage: Storage, experiment: Experiment, now_ms: int
) -> ModelVersion | None:
    """Return the branch's model as the next version of the experiment's own.

    None where it has learned nothing: the changed policy begins as a new one does.
    """
    branch = storage.branch_versions.latest(experiment.number)
    if branch is None:
        return None
    newest = storage.model_versions.newest(experiment.number)
    version = 1 if newest is None else newest.version + 1
    meta = replace(
        branch.meta, version=version, created_at_ms=now_ms, restored_from=None
    )
    return ModelVersion(meta, branch.state)
