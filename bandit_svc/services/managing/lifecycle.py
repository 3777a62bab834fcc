"""Create, change and restore experiments.

Owns the checks of a whole definition and what a revision may change. What was
learned survives every change.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from bandit_svc.domain.experiment import Definition, Experiment, check_definition
from bandit_svc.domain.json_shape import converted
from bandit_svc.domain.model_version import (
    ModelVersion,
    ModelVersionMeta,
    leaving_out,
)
from bandit_svc.domain.plain_values import Payload, Spec
from bandit_svc.domain.splits.split import Split
from bandit_svc.errors import Conflict, InvalidInput, NotFound, WayOut
from bandit_svc.ope.sequences.asymptotic import OPTIMISED_COUNT
from bandit_svc.services.evaluation.labels import (
    checked_spec,
    field_pointer,
    normalised_candidates,
)
from bandit_svc.services.learning.splits.comparison import evidence_now
from bandit_svc.services.managing.check_prior import check_prior
from bandit_svc.services.managing.merge_patch import merged_patch
from bandit_svc.services.managing.rehearsal import check_rehearsal
from bandit_svc.services.managing.splits.settling import (
    begun,
    check_alone,
    resolved_spec,
    settled,
)
from bandit_svc.services.policy_inputs import with_limits
from bandit_svc.services.serving.conditions import check_conditions
from bandit_svc.services.serving.enriching.calendars import check_countries
from bandit_svc.storage.interface import Storage
from policies.shares.settings import NAME as MAX_SHARES
from policies.spec import named_variants

SOMEBODY = "a change of the definition"
"""Who takes a step of a split, where nobody is named."""
SALT_BYTES = 8
"""Of an experiment's salt."""

# What is learned and reported depends on these, so they are fixed for life.
_FIXED_REWARD = ("aggregate", "default", "minimum", "maximum", "learn_on")


def create(
    storage: Storage,
    definition: Definition,
    salt: str,
    now_ms: int,
    who: str = SOMEBODY,
) -> Experiment:
    """Check and store a new experiment.

    Args:
        salt: random text that decides the groups of units.
        who: creates it, kept with the first step of its split.

    Raises:
        InvalidInput: a field is out of its range; the pointer names it.
        Conflict: the key is taken.
    """
    definition = checked_definition(definition)
    _check_programme(storage, definition)
    check_prior(storage, definition)
    check_rehearsal(definition)
    definition, steps = begun(definition, 1, now_ms, who)
    experiment = storage.experiments.create(definition, salt, now_ms)
    if steps:
        storage.splits.keep(experiment.number, steps)
    return experiment


def change(
    storage: Storage,
    key: str,
    patch: Payload,
    now_ms: int,
    note: str = "",
    revision: int | None = None,
    who: str = SOMEBODY,
) -> Experiment:
    """Apply a JSON merge patch (RFC 7396) as the next revision.

    Args:
        note: who or what changes it and why, kept with the revision.
        revision: the one that the caller has seen; None takes the current one.
        who: changes it, kept with the steps of its split.

    Raises:
        NotFound: there is no experiment of that key.
        InvalidInput: the result is not valid, or a fixed field would change.
        Conflict: it is archived, or was changed by somebody else meanwhile.
    """
    experiment = storage.experiments.get(key)
    _check_revision(experiment, revision)
    definition, steps = settled(
        experiment.definition,
        changed_definition(experiment, patch),
        experiment.revision + 1,
        now_ms,
        who,
        evidence_now(storage, experiment),
    )
    if definition == experiment.definition:
        return experiment
    _check_programme(storage, definition)
    check_prior(storage, definition, experiment)
    if steps:
        return storage.splits.revise(experiment, definition, now_ms, steps, note)
    return storage.experiments.revise(experiment, definition, now_ms, note)


def changed_definition(experiment: Experiment, patch: Payload) -> Definition:
    """Return an experiment's definition after a patch; store nothing.

    `variants` is replaced as a list; a variant that is missing from it is
    retired, since decisions of the past still name it.

    Raises:
        InvalidInput: the result is not valid, or a fixed field would change.
        Conflict: the experiment is archived.
    """
    old = experiment.definition
    if old.status == "archived":
        raise Conflict(
            f"experiment {old.key!r} is archived for good and can't be changed; create "
            "a new one"
        )
    merged = merged_patch(msgspec.to_builtins(old), patch)
    merged["split"] = _merged_split(old.split, patch, merged.get("split"))
    if isinstance(merged.get("variants"), list):
        merged["variants"] = _with_retired(merged["variants"], old)
    definition = checked_definition(convert_definition(merged))
    _check_fixed(old, definition)
    if _rehearsed(old) != _rehearsed(definition):
        check_rehearsal(definition)
    return definition


def _rehearsed(definition: Definition) -> Payload:
    """Return what a rehearsal of a definition depends on."""
    split = definition.split
    other = None if split is None else split.policy
    return {
        "policies": (definition.policy, other),
        "variants": definition.variants,
    }


def _merged_split(old: Split | None, patch: Payload, merged: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the split of a patched definition: another policy's is a new one."""
    asked = patch.get("split")
    shares = asked.get("policies") if isinstance(asked, Mapping) else None
    if old is None or not isinstance(shares, Mapping):
        return merged
    named = {name for name, share in shares.items() if share is not None}
    if named <= set(old.policies):
        return merged
    return asked


def restore(
    storage: Storage,
    key: str,
    version: int,
    now_ms: int,
    revision: int | None = None,
) -> ModelVersionMeta:
    """Serve an older model again, and learn on from now on top of it.

    What the newer models had learned since is left out for good, so that a model
    spoilt by bad rewards stays out. A changed spec goes back with its model. One that
    has learned rewards which were corrected since is made anew with them.

    Args:
        revision: the one that the caller has seen; None takes the current one.

    Raises:
        NotFound: there is no experiment of that key, or no such version is kept.
        Conflict: the learner published at the same moment again and again, or
            somebody changed the experiment meanwhile; repeat.
    """
    experiment = storage.experiments.get(key)
    _check_revision(experiment, revision)
    number = experiment.number
    old = storage.model_versions.get(number, version)
    if old is None:
        raise NotFound(
            f"experiment {key!r} keeps no model version {version}",
            way_out=WayOut(
                api=f"GET /v1/experiments/{key}/models lists those that are kept",
                command="its page lists those that are kept",
                page="its page lists those that are kept",
            ),
        )
    definition = experiment.definition
    policy = _checked_policy(definition, old.meta.policy)
    if definition.policy != policy:
        check_alone(definition)
        definition = msgspec.structs.replace(definition, policy=policy)
        note = f"restore: model version {version} and the policy that it was made by"
        storage.experiments.revise(experiment, definition, now_ms, note)
    for _ in range(RESTORE_TRIES):
        newest = storage.model_versions.latest(number) or old
        meta = _restored(old.meta, newest.meta, now_ms)
        restored = ModelVersion(meta=meta, state=old.state)
        if storage.model_versions.publish(restored, newest.meta.version):
            if version in storage.corrections.outdated(number):
                storage.corrections.learn_again(number)
            return meta
    raise Conflict("the learner published a model at the same moment; repeat")


# A learner publishes a few times a second, and may do so between two steps of ours.
RESTORE_TRIES = 5


def _restored(
    old: ModelVersionMeta, newest: ModelVersionMeta, now_ms: int
) -> ModelVersionMeta:
    return msgspec.structs.replace(
        old,
        version=newest.version + 1,
        spans=leaving_out(old.spans, newest.spans),
        created_at_ms=now_ms,
        restored_from=old.version,
    )


def convert_definition(raw: Any) -> Definition:  # noqa: ANN401 - any JSON
    """Read a definition from plain JSON values.

    Raises:
        InvalidInput: a type is wrong or a field is unknown; the pointer names it.
    """
    return converted(raw, Definition)


def _with_retired(listed: list[Any], old: Definition) -> list[Any]:
    # A list, since a key of any JSON type may stand there at this point.
    keys = [v.get("key") for v in listed if isinstance(v, Mapping)]
    missing = [v for v in old.variants if v.key not in keys]
    return [
        *listed,
        *(
            msgspec.to_builtins(msgspec.structs.replace(v, retired=True))
            for v in missing
        ),
    ]


def checked_definition(definition: Definition) -> Definition:
    """Check a whole definition, and fill in every default.

    Raises:
        InvalidInput: a field is out of its range; the pointer names it.
    """
    check_definition(definition)
    check_conditions(definition.variants)
    check_countries(definition.enrich)
    definition = msgspec.structs.replace(
        definition,
        policy=_checked_policy(definition, definition.policy),
        candidates=normalised_candidates(definition),
    )
    _check_named(definition, definition.policy, "/policy")
    definition = _with_checked_split(definition)
    baseline: Spec | None = definition.baseline
    if baseline is None:
        first = definition.active_variants[0].key
        baseline = {"kind": "fixed", "variant": first}
    baseline = checked_spec(baseline, "/baseline")
    _check_baseline(definition, baseline)
    return msgspec.structs.replace(definition, baseline=baseline)


def _check_programme(storage: Storage, definition: Definition) -> None:
    """Refuse a programme that does not exist.

    Raises:
        InvalidInput: with the pointer.
    """
    known = [one.key for one in storage.programmes.all()]
    if definition.programme is not None and definition.programme not in known:
        raise InvalidInput.at(
            "/programme",
            f"there is no programme {definition.programme[:128]!r}; create it with "
            "POST /v1/programmes first",
        )


def _checked_policy(
    definition: Definition, spec: Spec, pointer: str = "/policy"
) -> Spec:
    """Return the spec of a policy, with its variants' limits on their shares."""
    checked_spec(spec, pointer)
    return checked_spec(with_limits(definition, spec), pointer)


def _with_checked_split(definition: Definition) -> Definition:
    """Fill in the spec of the other policy of a split."""
    split = definition.split
    if split is None:
        return definition
    spec = resolved_spec(definition, split)
    spec = _checked_policy(definition, spec, "/split/policy")
    _check_named(definition, spec, "/split/policy")
    split = msgspec.structs.replace(split, policy=spec)
    return msgspec.structs.replace(definition, split=split)


def _check_baseline(definition: Definition, baseline: Spec) -> None:
    """The holdout is a fixed reference: it neither learns nor names the retired."""
    if baseline["kind"] not in {"fixed", "uniform", "weighted", "rules"}:
        raise InvalidInput.at(
            "/baseline/kind",
            f"the baseline is {baseline['kind']!r}; a reference does not learn, so it "
            "must be fixed, uniform, weighted or rules",
        )
    if MAX_SHARES in baseline:
        raise InvalidInput.at(
            f"/baseline/{MAX_SHARES}",
            f"a reference learns nothing, so it can't keep {MAX_SHARES}; leave it out",
        )
    _check_named(definition, baseline, "/baseline")


def _check_named(definition: Definition, spec: Spec, pointer: str) -> None:
    """A fixed policy and a rule table must name active variants."""
    active = {v.key for v in definition.active_variants}
    for field, key in named_variants(spec):
        if key not in active:
            raise InvalidInput.at(
                pointer + field_pointer(field),
                f"{key!r} is not an active variant; name one of the active variants, "
                f"or change the {pointer[1:]} together with the variants",
            )


def _check_revision(experiment: Experiment, seen: int | None) -> None:
    if seen is not None and seen != experiment.revision:
        raise Conflict(
            f"experiment {experiment.key!r} was changed by somebody else: revision "
            f"{seen} was seen, {experiment.revision} is the newest; look at it again "
            "and repeat"
        )


def _check_fixed(old: Definition, new: Definition) -> None:
    if old.key != new.key:
        raise InvalidInput.at("/key", "the key of an experiment can't be changed")
    if old.planned_decisions != new.planned_decisions:
        planned = old.planned_decisions or f"left out, and so {OPTIMISED_COUNT:,},"
        raise InvalidInput.at(
            "/planned_decisions",
            f"planned_decisions is {planned} for the life of the experiment: an "
            "interval that is made tightest after its rewards were seen would be "
            "peeking; create a new experiment to plan for another number",
        )
    for name in _FIXED_REWARD:
        before, after = getattr(old.reward, name), getattr(new.reward, name)
        if before != after:
            raise InvalidInput.at(
                f"/reward/{name}",
                f"{name} is {before} for the life of the experiment, since models and "
                "reports rest on it; create a new experiment to change it",
            )
    ranges = {m.name: (m.minimum, m.maximum) for m in old.metrics}
    for index, metric in enumerate(new.metrics):
        low, high = ranges.get(metric.name, (metric.minimum, metric.maximum))
        if (metric.minimum, metric.maximum) != (low, high):
            raise InvalidInput.at(
                f"/metrics/{index}/minimum",
                f"the range is {low:g} to {high:g} for the life of the experiment, "
                "since its sums were clipped to it; declare another metric",
            )
