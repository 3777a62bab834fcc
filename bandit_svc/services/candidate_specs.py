"""Which policies are evaluated beside the served one, and what they are called.

Owns the labels of a report's policies and the checks of those that an analyst names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.json_shape import escape_pointer
from bandit_svc.domain.limits import MAX_CANDIDATES
from bandit_svc.domain.variant import KEY_RULE, is_key
from bandit_svc.errors import InvalidInput
from bandit_svc.services.running import baseline_spec
from policies.base import PolicyError
from policies.spec import normalise_spec

Spec = dict[str, Any]

UNIFORM = "uniform"
BASELINE = "baseline"
FIXED = "fixed:"
"""Before a variant's key. A name can't hold a colon, so no other label looks so."""


def standing_specs(definition: Definition) -> dict[str, Spec]:
    """Give the candidates that every experiment has, by label."""
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
    """Give all candidates by label, in the order of the report."""
    named = {str(c["name"]): without_name(c) for c in definition.candidates}
    return {**standing_specs(definition), **named}


def normalised_candidates(definition: Definition) -> tuple[Spec, ...]:
    """Check the candidates that an analyst names, and fill in every default.

    A candidate without a name is called by its kind and its explorer.

    Raises:
        InvalidInput: there are too many, a spec or a name is refused, or two have the
            same name.
    """
    if len(definition.candidates) > MAX_CANDIDATES:
        raise InvalidInput.at(
            "/candidates",
            f"there are {len(definition.candidates)} candidates; at most "
            f"{MAX_CANDIDATES} are evaluated. Fixed variants, uniform and the baseline "
            "are evaluated anyway",
        )
    checked: dict[str, Spec] = {}
    for index, candidate in enumerate(definition.candidates):
        pointer = f"/candidates/{index}"
        spec = checked_spec(without_name(candidate), pointer)
        _check_variant(definition, spec, pointer)
        name = candidate.get("name", default_name(spec))
        _check_name(name, checked, pointer)
        checked[name] = {"name": name, **spec}
    return tuple(checked.values())


def asked_specs(
    definition: Definition, asked: Sequence[str | Mapping[str, Any]]
) -> dict[str, Spec]:
    """Give the policies that somebody asks about, by label.

    Args:
        asked: each a label (`uniform`, `baseline`, `fixed:KEY` of any variant, the
            name of a candidate), or a spec with or without a name. Nothing asks about
            all candidates.

    Raises:
        InvalidInput: a label is unknown, a spec is refused, or two have one label.
    """
    known = candidate_specs(definition)
    if not asked:
        return known
    for variant in definition.variants:
        label = f"{FIXED}{variant.key}"
        known.setdefault(label, {"kind": "fixed", "variant": variant.key})
    found: dict[str, Spec] = {}
    for one in asked:
        if isinstance(one, str):
            if one not in known:
                raise InvalidInput(
                    f"--policy {one!r} is not known; say uniform, baseline, fixed:KEY, "
                    "the name of a candidate, a spec as JSON, or @FILE"
                )
            label, spec = one, known[one]
        else:
            spec = checked_spec(without_name(one), "/policy")
            label = one.get("name", default_name(spec))
            if spec != known.get(label):
                _check_name(label, found, "/policy")
        found[label] = spec
    return found


def without_name(candidate: Mapping[str, Any]) -> Spec:
    """Give the policy's own settings."""
    return {key: value for key, value in candidate.items() if key != "name"}


def default_name(spec: Mapping[str, Any]) -> str:
    """Call a policy by its kind and its explorer."""
    return "-".join(str(spec[key]) for key in ("kind", "explorer") if key in spec)


def checked_spec(spec: Mapping[str, Any], pointer: str) -> Spec:
    """Normalise the spec that stands at a pointer.

    Raises:
        InvalidInput: it is refused.
    """
    try:
        return normalise_spec(spec)
    except PolicyError as error:
        # "weights.KEY" is the only nested field; a key may hold dots itself.
        steps = [] if error.field is None else error.field.split(".", 1)
        field = "".join(f"/{escape_pointer(step)}" for step in steps)
        raise InvalidInput.at(pointer + field, error.message) from error


def _check_variant(
    definition: Definition, spec: Mapping[str, Any], pointer: str
) -> None:
    # A retired one too, so that a candidate never stands in the way of retiring.
    named = spec.get("variant")
    if named is not None and named not in {v.key for v in definition.variants}:
        raise InvalidInput.at(
            f"{pointer}/variant", f"{named!r} is not a variant of this experiment"
        )


def _check_name(name: object, taken: Mapping[str, Spec], pointer: str) -> None:
    if not (isinstance(name, str) and is_key(name)):
        raise InvalidInput.at(f"{pointer}/name", KEY_RULE.replace("a key", "a name"))
    if name in {UNIFORM, BASELINE}:
        raise InvalidInput.at(
            f"{pointer}/name",
            f"every experiment has a policy {name!r}, which is evaluated anyway; leave "
            "this one out, or give it another name",
        )
    if name in taken:
        raise InvalidInput.at(
            f"{pointer}/name",
            f'two policies are called {name!r}; give one another "name"',
        )
