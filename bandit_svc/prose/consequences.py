"""Describe what a change of an experiment will do, before it is made.

Owns the words. What is said here is what services.managing.lifecycle and the learner
do.
"""

from collections.abc import Iterator

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import ModelVersionMeta
from bandit_svc.domain.numbers import count, counted, percent
from bandit_svc.domain.plain_values import Spec

_STATUS = {
    "running": (
        "Requests for a decision are answered again, from the next one on.",
        "The model is the one that the learner has now; nothing was forgotten.",
    ),
    "paused": (
        (
            "From the next request on no decision is made: callers get a 409 and show "
            "their own default."
        ),
        "Decisions of before keep waiting for their rewards, and are learned from.",
        "It can be resumed at any time.",
    ),
    "archived": (
        (
            "It can't be undone: an archived experiment never decides again, and can't "
            "be changed. To stop it for a while, pause it."
        ),
        (
            "From the next request on no decision is made: callers get a 409 and show "
            "their own default."
        ),
        "Its report, its decisions and its models stay.",
    ),
}


def consequences(experiment: Experiment, new: Definition) -> list[str]:
    """Return what happens if an experiment gets a new definition.

    Gives nothing where nothing differs.
    """
    old = experiment.definition
    if new == old:
        return []
    found = [*_status(old, new), *_holdout(old, new), *_floor(old, new)]
    found += [*_variants(old, new), *_baseline(old, new), *_policy(old, new)]
    found += _split(old, new)
    revision = experiment.revision + 1
    return [*found, f"This becomes revision {revision}; the older ones are kept."]


def restore_consequences(
    newest: ModelVersionMeta, old: ModelVersionMeta, policy: Spec
) -> list[str]:
    """Return what happens if an older model version is restored.

    Args:
        newest: the version that serves now.
        policy: the served policy's settings of now.
    """
    lost = max(0, newest.learned - old.learned)
    found = [
        (
            f"Version {count(old.version)}, which had learned from "
            f"{counted(old.learned, 'decision')}, serves again at once, under a new "
            "version number."
        ),
        (
            f"What the versions after it have learned, {counted(lost, 'decision')}, is "
            "left out of the model for good. The decisions and their rewards stay in "
            "reports."
        ),
        "From now on the restored model learns on, from what matures next.",
    ]
    if old.policy != policy:
        found.append(
            "The policy's settings were others then; they go back with the model, as "
            "a revision of the experiment."
        )
    return found


def _status(old: Definition, new: Definition) -> Iterator[str]:
    if old.status != new.status:
        yield from _STATUS[new.status]


def _holdout(old: Definition, new: Definition) -> Iterator[str]:
    if old.holdout == new.holdout:
        return
    grows = new.holdout > old.holdout
    moved = percent(abs(new.holdout - old.holdout))
    there, back = ("the bandit", "the baseline") if grows else _OTHER_WAY
    yield (
        f"The holdout is {percent(new.holdout)} of the units instead of "
        f"{percent(old.holdout)}, from the next decision on."
    )
    yield (
        f"{moved} of all units move from {there} to {back}, and may see another "
        "variant than before. Every other unit stays in its group."
    )
    yield (
        "Decisions that were made keep their group, so the report goes on; the check "
        "of the sample ratio counts anew, from this change on."
    )
    if not new.holdout:
        yield "Without a holdout the report can't say any more what the bandit earns."


_OTHER_WAY = ("the baseline", "the bandit")


def _floor(old: Definition, new: Definition) -> Iterator[str]:
    if old.exploration_floor == new.exploration_floor:
        return
    floor, k = new.exploration_floor, len(new.active_variants)
    yield (
        f"{percent(floor)} of the bandit's choices are made by even chance, instead "
        f"of {percent(old.exploration_floor)}, from the next decision on."
    )
    if floor:
        yield (
            f"Each of the {k} variants is then shown with a chance of at least "
            f"{percent(floor / k)}, and a decision of the log weighs at most "
            f"{k / floor:.0f} in what other policies would have earned."
        )
    else:
        yield (
            "A chance may then be 0, so what other policies would have earned can't "
            "be estimated from these decisions."
        )
    yield "The model stays as it is: the floor is mixed in after it."


def _variants(old: Definition, new: Definition) -> Iterator[str]:
    before = {v.key for v in old.active_variants}
    after = {v.key for v in new.active_variants}
    for key in sorted(before - after):
        yield (
            f"{key} gets no traffic from the next request on; its chance goes to the "
            "others."
        )
        yield (
            f"Decisions that showed {key} still wait for their rewards, and are "
            "learned from. It stays in the report, and can be brought back."
        )
    for key in sorted(after - before):
        yield (
            f"{key} can be chosen again from the next request on, with what the model "
            "knows of it."
        )


def _baseline(old: Definition, new: Definition) -> Iterator[str]:
    if old.baseline != new.baseline:
        spec = new.baseline or {}
        what = spec.get("variant", spec.get("kind"))
        yield (
            f"The holdout is shown {what} from the next request on, so the report "
            "compares with another baseline than before."
        )


def _split(old: Definition, new: Definition) -> Iterator[str]:
    if old.split == new.split:
        return
    if old.split is not None:
        yield (
            f"The split with {old.split.name} ends: the policy has all units again, "
            "from the next request on."
        )
    if new.split is None:
        return
    name, share = new.split.name, percent(new.split.share)
    yield (
        f"{name} is trained in the background, from the whole log; then {share} of the "
        "bandit's units get it, each one for as long as the split goes on."
    )
    steps = ", ".join(percent(one) for one in new.split.ramp if one > new.split.share)
    yield (
        f"After each batch of rewards both are compared by unit. By "
        f"{new.split.advance_when} its share grows: {steps or 'no further'}; by "
        f"{new.split.rollback_when} it ends by itself."
    )
    if new.split.ramp[-1] >= 1:
        yield f"At 100.0 % {name} becomes the policy, with the model that it has then."


def _policy(old: Definition, new: Definition) -> Iterator[str]:
    if old.policy != new.policy:
        yield (
            "The new policy is trained in the background, from the whole log of "
            "this experiment."
        )
        yield (
            "It is swapped in when it has caught up; until then the old one serves "
            "and learns on. Nothing is forgotten."
        )
        yield "The old policy is kept in the revisions, and its models can be restored."
