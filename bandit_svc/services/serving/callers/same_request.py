"""Tell whether a request that came again is the same one.

Owns which of its fields must be those of the first decision. Pure but for the reading
of the request.
"""

from typing import Protocol

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.slots.places import possible_variants
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import Conflict, FieldError
from bandit_svc.services.serving.apprentice.taking import Told, told_alike
from bandit_svc.services.serving.brought.checked_variants import CheckedVariants
from bandit_svc.services.serving.callers.visits import UNIT_NAMESPACE
from bandit_svc.services.serving.eligibility import eligible_variants
from bandit_svc.services.serving.enriching.enrichers import without_filled
from bandit_svc.services.serving.slots.asked import Asking, alike, page_asked


class Asked(Asking, Told, Protocol):
    """What a request for a decision says."""

    @property
    def unit_id(self) -> str | None:
        """The unit."""

    @property
    def context(self) -> Context:
        """Features of the request."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Keys of variants that must not be chosen."""

    @property
    def variants(self) -> tuple[str | Variant, ...] | None:
        """The only ones that may be chosen."""

    @property
    def defer(self) -> bool:
        """True if it counts only once it is activated."""


def check_same_request(made_with: Definition, first: Decision, request: Asked) -> None:
    """Refuse to answer one request with the decision of another.

    Args:
        made_with: the definition at the revision of the first decision.

    Raises:
        Conflict: the unit, the context or the variants differ from the first's.
    """
    eligible = eligible_variants(
        made_with, request.variants, request.exclude, first.context, first.decided_at_ms
    )
    if first.kept_out:
        eligible = tuple([v for v in eligible if v.key not in first.kept_out])
    asked = page_asked(made_with, request)
    differing = [
        name
        for name, same in (
            ("unit_id", request.unit_id == (first.asked_unit_id or first.unit_id)),
            (
                "context",
                _as_sent(made_with, request.context) == _as_asked(made_with, first),
            ),
            ("variants", tuple(v.key for v in eligible) == possible_variants(first)),
            ("variants", brought_variants(eligible, request) == first.inline_variants),
            ("slots", alike(asked, first, deferred=request.defer)),
            *told_alike(request, first),
        )
        # Of a decision without consent neither unit nor context is kept.
        if not (same or (first.without_consent and name in {"unit_id", "context"}))
    ]
    if differing:
        raise Conflict(
            f"this request_id was answered already, for another {differing[0]}; send "
            "the same request to get its answer again, or choose another request_id",
            *(
                FieldError(f"/{name}", "differs from the first request of this id")
                for name in dict.fromkeys(differing)
            ),
        )


def _as_asked(made_with: Definition, decision: Decision) -> Context:
    """Return the context of a decision without what the service has added."""
    context = without_filled(decision.context, decision.filled)
    if not made_with.features:
        return context
    return {n: v for n, v in context.items() if n != UNIT_NAMESPACE}


def _as_sent(made_with: Definition, context: Context) -> Context:
    """Return the context of a request without what is read of it and never kept."""
    enrich = made_with.enrich
    if enrich is None:
        return context
    taken = enrich.taken_keys
    return {n: v for n, v in context.items() if n not in taken}


def brought_variants(
    variants: tuple[Variant, ...], request: Asked
) -> tuple[Variant, ...] | None:
    """Return the variants that the log must carry because no revision has them."""
    if type(variants) is CheckedVariants:
        return variants
    if request.variants and any(isinstance(v, Variant) for v in request.variants):
        return variants
    return None
