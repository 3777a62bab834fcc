"""The policies that are evaluated beside the served one, by label.

Owns the labels of a report's policies and the checks of those that an analyst names.
"""

from collections.abc import Mapping, Sequence

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.json_shape import escape_pointer
from bandit_svc.domain.limits import MAX_CANDIDATES, MAX_STRING_LENGTH
from bandit_svc.domain.model_version import ModelVersionMeta
from bandit_svc.domain.plain_values import Spec
from bandit_svc.domain.variant import KEY_RULE, is_key
from bandit_svc.errors import InvalidInput
from bandit_svc.services.policy_inputs import baseline_spec
from policies.base import PolicyError
from policies.spec import named_variants, normalise_spec

UNIFORM = "uniform"
BASELINE = "baseline"
FIXED = "fixed:"
"""Precedes a variant's key. A name can't hold a colon, so no name looks the same."""
MODEL = "model"
"""The kind of a published model as a target, `model:17`; see frozen_target."""

TREATED_BASELINE = "check:scorecard"
"""The baseline from the treatment's decisions alone, as the scorecard compares it."""


def standing_specs(definition: Definition) -> dict[str, Spec]:
    """Return the candidates that every experiment has, by label."""
    fixed = {
        f"{FIXED}{v.key}": {"kind": "fixed", "variant": v.key}
        for v in definition.active_variants
    }
    return {
        UNIFORM: {"kind": "uniform"},
        BASELINE: baseline_spec(definition),
        **fixed,
    }


def candidate_specs(definition: Definition) -> dict[str, Spec]:
    """Return all candidates by label, in the order of the report."""
    named = {str(c["name"]): without_name(c) for c in definition.candidates}
    return {**standing_specs(definition), **named}


def evaluated_specs(definition: Definition) -> dict[str, Spec]:
    """Return the candidates with what only a check reads, by label."""
    return candidate_specs(definition) | checked_specs(definition)


def checked_specs(definition: Definition) -> dict[str, Spec]:
    """Return what only a check reads, by label."""
    return {TREATED_BASELINE: baseline_spec(definition)}


def normalised_candidates(definition: Definition) -> tuple[Spec, ...]:
    """Check the candidates that an analyst names, and fill in every default.

    A candidate without a name is named by its kind and its explorer.

    Raises:
        InvalidInput: there are too many, a spec or a name is refused, or two have the
            same name.
    """
    if len(definition.candidates) > MAX_CANDIDATES:
        raise InvalidInput.at(
            "/candidates",
            f"there are {len(definition.candidates)} candidates; at most "
            f"{MAX_CANDIDATES} are allowed. Fixed variants, uniform and the baseline "
            "are evaluated without being named",
        )
    checked: dict[str, Spec] = {}
    for index, candidate in enumerate(definition.candidates):
        pointer = f"/candidates/{index}"
        spec = checked_spec(without_name(candidate), pointer)
        _check_variants(definition, spec, pointer)
        name = candidate.get("name", default_name(spec))
        _check_name(name, checked, pointer)
        checked[name] = {"name": name, **spec}
    return tuple(checked.values())


def asked_specs(
    definition: Definition,
    asked: Sequence[str | Spec],
    models: Sequence[ModelVersionMeta] = (),
    pointer: str = "/policy",
) -> dict[str, Spec]:
    """Return the policies that a caller asks about, by label.

    Args:
        asked: each a label (`uniform`, `baseline`, `fixed:KEY` of any variant, the
            name of a candidate, `model:VERSION`), or a spec with or without a name.
            An empty sequence asks about all candidates.
        models: the stored model versions.
        pointer: JSON pointer of a policy; `{}` in it is replaced by its index.

    Raises:
        InvalidInput: a label is unknown, a spec is refused, or two have one label.
    """
    known = candidate_specs(definition)
    if not asked:
        return known
    # Retired variants can be asked about, although reports leave them out.
    for variant in definition.variants:
        label = f"{FIXED}{variant.key}"
        known.setdefault(label, {"kind": "fixed", "variant": variant.key})
    found: dict[str, Spec] = {}
    for index, one in enumerate(asked):
        at = pointer.format(index)
        if isinstance(one, str):
            label, spec = one, known.get(one) or _model_spec(one, models, at)
        else:
            spec = checked_spec(without_name(one), at)
            _check_variants(definition, spec, at)
            label = one.get("name", default_name(spec))
            # The spec of a known candidate may have its name.
            if not isinstance(label, str) or spec != known.get(label):
                _check_name(label, found, at)
        found[label] = spec
    return found


def _model_spec(label: str, models: Sequence[ModelVersionMeta], pointer: str) -> Spec:
    """Return the spec and spans of a version, from which it is rebuilt if pruned."""
    kind, _, version = label.partition(":")
    if kind != MODEL:
        raise InvalidInput.at(
            pointer,
            f"policy {label[:MAX_STRING_LENGTH]!r} is not known; pass uniform, "
            "baseline, fixed:KEY, model:VERSION, the name of a candidate, or a spec",
        )
    for meta in models:
        if version == str(meta.version):
            return {
                "kind": MODEL,
                "version": meta.version,
                "policy": meta.policy,
                "spans": [list(span) for span in meta.spans],
            }
    kept = [meta.version for meta in models]
    which = (
        f"versions {min(kept)} to {max(kept)} are stored"
        if kept
        else "no model is published yet"
    )
    raise InvalidInput.at(
        pointer, f"{label[:MAX_STRING_LENGTH]!r} is not a stored model version; {which}"
    )


def without_name(candidate: Spec) -> Spec:
    """Return the policy's own settings."""
    return {key: value for key, value in candidate.items() if key != "name"}


def default_name(spec: Spec) -> str:
    """Return the name of a policy without one: its kind and its explorer."""
    return "-".join(str(spec[key]) for key in ("kind", "explorer") if key in spec)


def checked_spec(spec: Spec, pointer: str) -> Spec:
    """Normalise a spec; errors are located at its JSON pointer.

    Raises:
        InvalidInput: the spec is refused.
    """
    try:
        return normalise_spec(spec)
    except PolicyError as error:
        field = "" if error.field is None else field_pointer(error.field)
        raise InvalidInput.at(pointer + field, error.message) from error


def field_pointer(field: str) -> str:
    """Return a policy's field as a JSON pointer: `rules.3.when` is `/rules/3/when`.

    The last part of a field may be a variant's key, which may hold dots itself:
    `weights.KEY`, `rules.3.then.KEY`.
    """
    steps = field.split(".", 3 if field.startswith("rules.") else 1)
    return "".join(f"/{escape_pointer(step)}" for step in steps)


def _check_variants(definition: Definition, spec: Spec, pointer: str) -> None:
    # Retired variants count too, so that no candidate prevents a retirement.
    known = {v.key for v in definition.variants}
    for field, key in named_variants(spec):
        if key not in known:
            raise InvalidInput.at(
                pointer + field_pointer(field),
                f"{key!r} is not a variant of this experiment",
            )


def _check_name(name: object, taken: Mapping[str, Spec], pointer: str) -> None:
    if not (isinstance(name, str) and is_key(name)):
        raise InvalidInput.at(f"{pointer}/name", KEY_RULE.replace("a key", "a name"))
    if name in {UNIFORM, BASELINE}:
        raise InvalidInput.at(
            f"{pointer}/name",
            f"policy {name!r} is evaluated for every experiment; leave this one out, "
            "or give it another name",
        )
    if name in taken:
        raise InvalidInput.at(
            f"{pointer}/name",
            f'two policies have the name {name!r}; give one of them another "name"',
        )
