"""Which variants a request may be shown.

Owns what a request's `variants` and `exclude`, and the variants' own conditions, leave
of an experiment's variants, and what is refused of them.
"""

from collections.abc import Sequence
from typing import assert_never

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.variant import Variant, check_listing, check_variants
from bandit_svc.errors import InvalidInput, NothingEligible
from bandit_svc.services.serving.brought.checked_variants import check_whole
from bandit_svc.services.serving.conditions import without_those_out


def eligible_variants(
    definition: Definition,
    asked: Sequence[str | Variant] | None,
    exclude: Sequence[str],
    context: Context,
    now_ms: int,
) -> tuple[Variant, ...]:
    """Return the active variants, or those of the request, that may be shown.

    A retired variant may be excluded: callers keep lists of what was dismissed.

    Raises:
        InvalidInput: a variant of the request is not allowed or not valid, or an
            exclusion names no variant.
        NothingEligible: none is left.
    """
    variants = definition.active_variants
    if asked is not None:
        variants = _request_variants(definition, asked)
    if exclude:
        _check_exclusions(definition, variants, exclude)
        excluded = frozenset(exclude)
        variants = tuple(v for v in variants if v.key not in excluded)
    asked_for = len(variants)
    variants = without_those_out(variants, context, now_ms)
    if not variants:
        left = "`variants` and `exclude`"
        if asked_for:
            left = f"the conditions of its variants (`when`, `from`, `until`; {left})"
        raise NothingEligible(
            f"no variant of {definition.key!r} is left after {left}; show your own "
            "default"
        )
    return variants


def _check_exclusions(
    definition: Definition, variants: Sequence[Variant], exclude: Sequence[str]
) -> None:
    """Refuse a mistyped exclusion, whose variant would be shown."""
    known = {v.key for v in definition.variants} | {v.key for v in variants}
    for index, key in enumerate(exclude):
        if key not in known:
            raise InvalidInput.at(
                f"/exclude/{index}",
                f"{key[:128]!r} is not a variant of this experiment; they are "
                f"{_listed(definition)}",
            )


def _request_variants(
    definition: Definition, asked: Sequence[str | Variant]
) -> tuple[Variant, ...]:
    match definition.request_variants:
        case "refuse":
            raise InvalidInput.at(
                "/variants",
                "this experiment does not take variants from a request; set its "
                "request_variants to 'narrow' or 'replace'",
            )
        case "narrow":
            takes_whole = False
        case "replace":
            takes_whole = True
        case _:
            assert_never(definition.request_variants)
    known = {v.key: v for v in definition.active_variants}
    variants = []
    for index, item in enumerate(asked):
        if isinstance(item, Variant):
            if not takes_whole:
                raise InvalidInput.at(
                    f"/variants/{index}",
                    "this experiment takes keys of its own variants only; set its "
                    "request_variants to 'replace' to bring whole variants",
                )
            check_whole(item, f"/variants/{index}")
            variants.append(item)
        elif item in known:
            variants.append(known[item])
        else:
            raise InvalidInput.at(
                f"/variants/{index}",
                f"{item[:128]!r} is not an active variant of this experiment; they are "
                f"{_listed(definition)}",
            )
    if any(isinstance(item, Variant) for item in asked):
        check_variants(variants)
    else:
        # Their contents were checked when the experiment was defined.
        check_listing(variants)
    return tuple(variants)


def _listed(definition: Definition) -> str:
    return ", ".join(v.key for v in definition.active_variants[:20])
