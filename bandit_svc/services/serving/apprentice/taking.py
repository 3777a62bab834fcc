"""Take what the caller's own system shows as the choice of a decision.

Owns which requests an apprentice refuses, and what is logged of the others: the shown
variant as the certain choice, with the chance that the caller gives, beside what the
policy would have drawn from. There is no holdout, since the policy serves nobody.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bandit_svc.domain.apprentice.shown import Shown
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.packing import one_hot
from bandit_svc.domain.experiment import TREATMENT, Definition
from bandit_svc.domain.plain_values import Context
from bandit_svc.errors import FieldError, NothingEligible, Unprocessable
from bandit_svc.services.serving.programmes.placing import Placing
from bandit_svc.services.serving.served_experiment import (
    Pmfs,
    ServedExperiment,
    pmfs_of,
)
from bandit_svc.services.serving.slots.asked import PageAsked
from policies.base import Action
from policies.spec import weighs_by_propensity

PLACING = Placing(TREATMENT, 1.0, "treatment")
"""Of each decision of an apprentice: there is no other group."""


class Told(Protocol):
    """What a request says of the caller's own choice."""

    @property
    def shown(self) -> str | None:
        """Key of the variant."""

    @property
    def shown_propensity(self) -> float | None:
        """Chance with which it was chosen."""


class Taken(NamedTuple):
    """A choice of the caller's own system, as a decision has it."""

    placing: Placing
    pmfs: Pmfs
    chosen: int
    shown: Shown


def taken(
    served: ServedExperiment,
    told: Told,
    context: Context,
    actions: tuple[Action, ...],
    keys: tuple[str, ...],
) -> Taken:
    """Return the caller's choice.

    Args:
        served: the experiment.
        told: the request.
        context: that the policy reads.
        actions: the eligible ones.
        keys: of these.

    Raises:
        Unprocessable: the request names no variant, or none of the experiment, or the
            policy can't learn from a choice of unknown chance.
        NothingEligible: the variant is not eligible now.
    """
    definition = served.experiment.definition
    if told.shown is None:
        raise _refused(
            "/shown",
            "the experiment is an apprentice: it learns from what your own system "
            "shows; send its variant's key as `shown`, or make the experiment live "
            '(PATCH with {"mode": "live"})',
        )
    if told.shown not in keys:
        raise _not_eligible(definition, told.shown, keys)
    if told.shown_propensity is None and weighs_by_propensity(definition.policy):
        raise _refused(
            "/shown_propensity",
            "shown_propensity is unknown, and the experiment's policy weighs what it "
            "learns by it; send the chance with which your system chose the variant, "
            "or give the policy the cb_type mtr or dm",
        )
    pmfs = pmfs_of(served, context, actions, keys, "treatment")
    chosen = keys.index(told.shown)
    certain = one_hot(len(keys), chosen)
    return Taken(
        PLACING,
        Pmfs(certain, pmfs.source, pmfs.treatment, pmfs.baseline),
        chosen,
        Shown(told.shown_propensity),
    )


def check_one_place(asked: PageAsked | None) -> None:
    """Refuse a page.

    Raises:
        Unprocessable: the request asks for slots.
    """
    if asked is not None:
        raise _refused(
            "/slots",
            "the experiment is an apprentice, and learns from one shown variant a "
            "request; ask without slots",
        )


def told_alike(told: Told, first: Decision) -> Sequence[tuple[str, bool]]:
    """Return the fields of the caller's own choice, and whether they are the first's.

    A live decision has used none of them.
    """
    if first.shown is None:
        return ()
    return (
        ("shown", told.shown == first.variant),
        ("shown_propensity", told.shown_propensity == first.shown.propensity),
    )


def _not_eligible(
    definition: Definition, key: str, keys: Sequence[str]
) -> Unprocessable:
    """Return the error for a variant that can't be shown."""
    named, listed = repr(key[:128]), ", ".join(keys[:20])
    known = {variant.key for variant in definition.variants}
    if key in known or definition.request_variants == "replace":
        message = (
            f"{named} is not eligible in this request: it is excluded, retired, not "
            f"listed, or out of its conditions; eligible are {listed}"
        )
        return NothingEligible(message, FieldError("/shown", message))
    return _refused(
        "/shown",
        f"{named} is not a variant of this experiment; its eligible variants are "
        f"{listed}. Add it to the variants first",
    )


def _refused(pointer: str, message: str) -> Unprocessable:
    return Unprocessable(message, FieldError(pointer, message))
