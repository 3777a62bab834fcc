"""Which experiments can be decided outside of the service.

Owns the sentence that says why one can't: its decisions follow from what only the
service knows, or is told first. Pure.
"""

from collections.abc import Callable, Mapping
from typing import Final

from bandit_svc.domain.apprentice.mode import APPRENTICE
from bandit_svc.domain.experiment import Definition

Reason = Callable[[Definition], bool]

_NEEDS_SERVICE: Final[Mapping[str, tuple[Reason, str]]] = {
    "features": (lambda d: bool(d.features), "features of units"),
    "fields": (lambda d: bool(d.fields), "rules for the fields of its context"),
    "features_strict": (
        lambda d: d.features_strict,
        "a strict rule for the fields of its context",
    ),
    "enrich": (lambda d: d.enrich is not None, "enrichers"),
    "sticky": (lambda d: d.sticky is not None, "sticky choices"),
    "split": (lambda d: d.split is not None, "a policy split"),
    "slots": (lambda d: d.slots is not None, "several slots"),
    "mode": (
        lambda d: d.mode == APPRENTICE,
        "choices of your own system to learn from",
    ),
    "programme": (lambda d: d.programme is not None, "a programme, with its caps"),
}
FOLLOWED: Final = frozenset(
    {
        *("key", "variants", "description", "policy", "baseline", "holdout"),
        *("exploration_floor", "learn_from_baseline", "request_variants", "reward"),
        *("metrics", "derived_metrics", "candidates", "covariate", "opt_out"),
        *("expose_within_seconds", "carry_over", "planned_decisions"),
        *(
            "learn_share",
            "evaluate_share",
            "smallest_lift",
            "status",
            "channel",
            "switch_at",
        ),
    }
)
"""Fields of a definition that a download has, or that no decision follows from."""


def why_not_local(definition: Definition) -> str | None:
    """Return why an experiment can't be decided outside of the service, or None.

    A field that nobody has classified keeps an experiment in the service, unless it has
    the value that it has by default.
    """
    for reason, words in _NEEDS_SERVICE.values():
        if reason(definition):
            return _sentence(definition, words)
    for name in definition.__struct_fields__:
        if name not in FOLLOWED and name not in _NEEDS_SERVICE:
            usual = Definition(definition.key, definition.variants)
            if getattr(definition, name) != getattr(usual, name):
                return _sentence(definition, f"`{name}`")
    return None


def _sentence(definition: Definition, words: str) -> str:
    return (
        f"experiment {definition.key!r} has {words}, which only the service can "
        "follow; decide over HTTP, by POST /v1/decisions"
    )
