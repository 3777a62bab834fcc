"""Which variants of a definition are eligible for a context at a time.

Owns what `when`, `from` and `until` of a variant mean, and the sentence that says why
one is out. All of it follows from the definition, the logged context and the time of
the decision, so that the reasons are told again for any decision of the log. Pure.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec import UNSET

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import InvalidInput
from policies.rules.language import RuleError, parse_condition

NONE_OUT: Mapping[str, str] = {}

_condition = lru_cache(maxsize=4_096)(parse_condition)
"""Compiled once for each text: a decision calls closures and parses nothing."""


def check_conditions(variants: Sequence[Variant], pointer: str = "/variants") -> None:
    """Refuse a condition that can't be read.

    Raises:
        InvalidInput: with the pointer to the variant's `when`, and the column.
    """
    for index, variant in enumerate(variants):
        if variant.when is not UNSET:
            try:
                _condition(variant.when)
            except RuleError as error:
                raise InvalidInput.at(
                    f"{pointer}/{index}/when",
                    f"the condition can't be read {error}",
                ) from error


def why_out(variant: Variant, context: Context, now_ms: int) -> str | None:
    """Return why a variant is not eligible, None if it is."""
    if not variant.is_conditional:
        return None
    out = variant.out_of_season(now_ms)
    if out is None and variant.when is not UNSET:
        out = None if _condition(variant.when)(context) else f"when: {variant.when}"
    return out


def without_those_out(
    variants: Sequence[Variant], context: Context, now_ms: int
) -> tuple[Variant, ...]:
    """Return the variants whose conditions hold, in order."""
    return tuple([v for v in variants if why_out(v, context, now_ms) is None])


def ineligible(definition: Definition, decision: Decision) -> Mapping[str, str]:
    """Return the variants that were kept out of a decision, and why.

    Caps and quiet hours are told as they were when it was made.

    Args:
        definition: of the revision that decided.
        decision: as it was logged.
    """
    kept_out = decision.kept_out or NONE_OUT
    if decision.inline_variants is not None:
        return kept_out
    eligible = frozenset(decision.variants)
    reasons = {
        v.key: why_out(v, decision.context, decision.decided_at_ms)
        for v in definition.active_variants
        if v.is_conditional and v.key not in eligible
    }
    return {**kept_out, **{k: why for k, why in reasons.items() if why is not None}}
