"""What a changed definition means for its split: begun, changed, ended.

Owns the fields that the service keeps (`since`, `state`, the resolved spec), and the
steps that follow from a change. Pure.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.plain_values import Spec
from bandit_svc.domain.splits.split import CANDIDATE, Split, State
from bandit_svc.domain.splits.step import NO_EVIDENCE, Evidence, Kind, Step
from bandit_svc.errors import Conflict, InvalidInput
from bandit_svc.services.evaluation.labels import without_name


class Settled(NamedTuple):
    """A definition with the split that it will have, and the steps of its splits."""

    definition: Definition
    steps: Sequence[Step]


def resolved_spec(definition: Definition, split: Split) -> Spec:
    """Return the spec of a split's other policy.

    Raises:
        InvalidInput: the split brings none, and no candidate has its name.
    """
    if split.policy is not None:
        return split.policy
    candidates = {str(one.get("name")): one for one in definition.candidates}
    found = candidates.get(split.name)
    if found is None and split.name == CANDIDATE and len(candidates) == 1:
        (found,) = candidates.values()
    if found is None:
        named = ", ".join(candidates) or "none"
        raise InvalidInput.at(
            f"/split/policies/{split.name}",
            f"{split.name!r} is not the name of a candidate; the candidates are: "
            f"{named}. Name one of them, or give the policy's spec in /split/policy",
        )
    return without_name(found)


def begun(definition: Definition, revision: int, now_ms: int, who: str) -> Settled:
    """Return the definition of a new experiment, or of one that had no split."""
    split = definition.split
    if split is None:
        return Settled(definition, ())
    split = replace(split, since=revision, state="training")
    reason = split.reason or "the definition was given a split"
    step = Step(revision, revision, now_ms, "begun", 0.0, reason, who)
    return Settled(replace(definition, split=split), (step,))


def settled(
    old: Definition,
    new: Definition,
    revision: int,
    now_ms: int,
    who: str,
    evidence: Evidence = NO_EVIDENCE,
) -> Settled:
    """Return the next definition, and the steps that its change is.

    Args:
        old: as it is stored.
        new: as it was asked for, checked.
        revision: of the new one.
        now_ms: the time.
        who: changes it.
        evidence: of the split as it is.

    Raises:
        InvalidInput: the policy would change under a split.
    """
    before, after = old.split, new.split
    if before is None:
        return begun(new, revision, now_ms, who)
    if after is None:
        reason = "the definition was changed to one without a split"
        return Settled(new, (_ended(before, revision, now_ms, reason, who, evidence),))
    _check_same_policy(old, new)
    if (before.name, before.policy) != (after.name, after.policy):
        anew = begun(new, revision, now_ms, who)
        reason = "the definition was given another split"
        ended = _ended(before, revision, now_ms, reason, who, evidence)
        return Settled(anew.definition, (ended, *anew.steps))
    kept = replace(after, since=before.since, state=_state(before, after))
    kind = _kind(before, kept)
    steps: tuple[Step, ...] = ()
    if kind is not None:
        reason = kept.reason or f"the definition was changed: {kind}"
        share = kept.served_share
        steps = (Step(before.id, revision, now_ms, kind, share, reason, who, evidence),)
    return Settled(replace(new, split=kept), steps)


def _ended(
    split: Split, revision: int, now_ms: int, reason: str, who: str, evidence: Evidence
) -> Step:
    return Step(split.id, revision, now_ms, "ended", 0.0, reason, who, evidence)


def _state(before: Split, after: Split) -> State:
    """Return the state: one in training starts by itself; others pause and resume."""
    if before.state == "training" or after.state == "training":
        return before.state
    return after.state


def _kind(before: Split, after: Split) -> Kind | None:
    if before.state != after.state:
        return "paused" if after.state == "paused" else "resumed"
    if before.share != after.share:
        return "changed"
    return None if before == after else "changed"


def check_alone(definition: Definition) -> None:
    """Refuse another policy than the one that a split compares.

    Raises:
        Conflict: there is a split.
    """
    if definition.split is not None:
        raise Conflict(
            "that model was made by another policy, and the policy of now is compared "
            f"with {definition.split.name!r} in a split; end the split first "
            "(split = null)"
        )


def _check_same_policy(old: Definition, new: Definition) -> None:
    if old.policy != new.policy:
        raise InvalidInput.at(
            "/policy",
            "the policy is compared with another one in a split, so it can't be "
            "changed; end the split first (split = null)",
        )
