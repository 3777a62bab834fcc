"""One logged choice.

Owns the fact that is appended when a decision is made. Pure.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from bandit_svc.domain.apprentice.shown import Shown
from bandit_svc.domain.enriching.declared import Filled
from bandit_svc.domain.experiment import Group
from bandit_svc.domain.local.mark import LocalMark
from bandit_svc.domain.programmes.counted import CountedCap
from bandit_svc.domain.programmes.membership import Membership
from bandit_svc.domain.slots.page import Page
from bandit_svc.domain.splits.branch import Branch
from bandit_svc.domain.variant import Variant

PmfSource = Literal["policy", "baseline", "fallback", "explore"]


class VariantChances(NamedTuple):
    """An eligible variant, the chance it was drawn with, and that in each group.

    Those of the groups are None in decisions of earlier versions.
    """

    variant: str
    probability: float
    treatment: float | None
    baseline: float | None


class Decision(
    msgspec.Struct, frozen=True, gc=False, tag="decision", omit_defaults=True
):
    """A choice, as it was drawn.

    Attributes:
        variants: keys of the eligible variants, in the order of `pmf`.
        pmf: the served distribution over `variants`, floor included.
        chosen: index into `variants`.
        propensity: `pmf[chosen]`, the very number that the draw used; of what the
            caller's own system showed, the chance that the caller gave: 0.0 if unknown.
        source: whose pmf it is: the learning policy's, the baseline's (holdout),
            the baseline's because the policy's failed validation, or that of the units
            of a programme that explore.
        inline_variants: the variants, where the request brought its own.
        deferred: counts only once it is activated.
        group_chance: the chance with which this decision fell into its `group`.
        treatment_pmf, baseline_pmf: what each group would have been drawn from, the
            treatment's with its floor; None where an earlier version decided, or where
            a baseline has none.
        trace_id: names the request in the caller's own logs.
        unknown: fields of a newer minor version of the log's format, by number.
        unit_id: who it was made for: the oldest id of a person with several.
        asked_unit_id: the id that the request named, where it is another one.
        unit_unread: what is known of the unit could not be read, so that the choice
            was made without it.
        without_consent: the unit has denied consent, or its browser asked for privacy:
            neither the unit nor the context of the request was used or kept.
        programme: the group of the unit in the experiment's programme.
        branch: of the policy split that the unit was in.
        slots: its places, where it is for several; the draw is that of the first.
        kept_out: variants that a cap or a quiet hour kept out, with the reasons.
        counted: the caps that count what it shows.
        shown: that the caller's own system chose; `pmf` is then certain of that choice,
            and `treatment_pmf` is what the policy would have drawn from.
        local: the client that made it in its own process; None for the service's own.
        filled: the keys of the context that enrichers have put there.
    """

    id: str
    experiment: str
    number: int
    revision: int
    decided_at_ms: int
    group: Group
    context: dict[str, Any]
    variants: tuple[str, ...]
    pmf: tuple[float, ...]
    chosen: int
    propensity: float
    model_version: int
    source: PmfSource = "policy"
    unit_id: str | None = None
    deferred: bool = False
    request_id: str | None = None
    inline_variants: tuple[Variant, ...] | None = None
    group_chance: float | None = None
    treatment_pmf: tuple[float, ...] | None = None
    baseline_pmf: tuple[float, ...] | None = None
    trace_id: str | None = None
    unknown: dict[int, bytes] | None = None
    asked_unit_id: str | None = None
    unit_unread: bool = False
    without_consent: bool = False
    programme: Membership | None = None
    branch: Branch | None = None
    slots: Page | None = None
    kept_out: dict[str, str] | None = None
    counted: tuple[CountedCap, ...] = ()
    shown: Shown | None = None
    local: LocalMark | None = None
    filled: tuple[Filled, ...] = ()

    @property
    def weighed_by(self) -> float:
        """The propensity by which policies learn; 1 where it is unknown."""
        if self.shown is None:
            return self.propensity
        return self.shown.propensity or 1.0

    @property
    def told_propensity(self) -> float | None:
        """The propensity as callers read it; None where it is unknown."""
        return self.propensity if self.shown is None else self.shown.propensity

    @property
    def variant(self) -> str:
        """The key of the chosen variant."""
        return self.variants[self.chosen]

    @property
    def chances(self) -> list[VariantChances]:
        """The chances of each eligible variant, in order."""
        unknown = (None,) * len(self.variants)
        return list(
            map(
                VariantChances,
                self.variants,
                self.pmf,
                self.treatment_pmf or unknown,
                self.baseline_pmf or unknown,
            )
        )


class LoggedDecision(Decision, frozen=True, tag="decision", gc=False):
    """A decision whose context is still JSON, for those who only pass it on."""

    context: msgspec.Raw  # type: ignore[assignment]  # its JSON is the dict's


class Repeat(msgspec.Struct, frozen=True, tag="repeat"):
    """A decision was given again to a unit that came back; nothing was drawn."""

    decision_id: str
    number: int
    repeated_at_ms: int


class Activation(msgspec.Struct, frozen=True, tag="activation"):
    """The variant of a decision was shown.

    Of a deferred one, or of one that was given again to a request with its request_id,
    which may have been withdrawn by the machine that gave it up.
    """

    decision_id: str
    number: int
    activated_at_ms: int
