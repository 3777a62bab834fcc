"""A programme: what several experiments have in common.

Owns the definition that callers write and its rules. Pure; the settings of
`explore_policy` are checked by services.managing.programmes.
"""

from typing import Any, Final

import msgspec

from bandit_svc.domain.programmes.caps import Cap, check_caps
from bandit_svc.domain.programmes.quiet import Quiet, check_quiet
from bandit_svc.domain.variant import KEY_RULE, is_key
from bandit_svc.errors import InvalidInput, NotFound, WayOut

MAX_LAYERS: Final = 50
MAX_LAYERED: Final = 50
"""Experiments of one layer."""
_HALF: Final = 0.5


class ProgrammeDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A programme as callers write it.

    Attributes:
        holdout: the share of the units that get `nothing`, or the baseline where no
            variant has that key.
        business_as_usual: the share that gets each experiment's baseline policy.
        explore: the share that gets `explore_policy`.
        explore_policy: a policy that does not learn; None for uniform.
        layers: experiments by the name of their layer; a unit meets at most one of
            each layer.
        caps: how often a person may be shown what, over all experiments.
        quiet: hours in which a channel shows `nothing`; one object, or a list.
    """

    key: str
    description: str = ""
    holdout: float = 0.0
    business_as_usual: float = 0.0
    explore: float = 0.0
    explore_policy: dict[str, Any] | None = None
    layers: dict[str, tuple[str, ...]] = {}
    caps: tuple[Cap, ...] = ()
    quiet: Quiet | tuple[Quiet, ...] | None = None


class Programme(msgspec.Struct, frozen=True):
    """A programme as the store keeps it.

    `number` is small and unique for ever; `salt` decides the groups and the layers, and
    never changes.
    """

    number: int
    revision: int
    salt: str
    created_at_ms: int
    revised_at_ms: int
    definition: ProgrammeDefinition

    @property
    def key(self) -> str:
        """The name that callers use."""
        return self.definition.key


def check_programme(definition: ProgrammeDefinition) -> None:
    """Refuse a programme whose groups or layers can't be.

    Raises:
        InvalidInput: with the pointer to the first field at fault.
    """
    if not is_key(definition.key):
        raise InvalidInput.at("/key", KEY_RULE)
    if len(definition.description) > 1_000:  # noqa: PLR2004 - said in the message
        raise InvalidInput.at("/description", "at most 1000 characters are allowed")
    for name in ("holdout", "business_as_usual", "explore"):
        share = getattr(definition, name)
        # A NaN fails the comparison too.
        if not 0.0 <= share <= _HALF:
            raise InvalidInput.at(
                f"/{name}",
                f"{name} is {share}; it must be between 0 and {_HALF}",
            )
    upper = definition.business_as_usual + definition.explore
    if upper > _HALF:
        raise InvalidInput.at(
            "/explore",
            f"business_as_usual and explore are {upper:g} together; at most {_HALF} is "
            "allowed, so that a changed share moves no unit between other groups",
        )
    if definition.holdout + upper >= 1:
        raise InvalidInput.at(
            "/holdout",
            "the shares are 1 together, so that no unit is left for the experiments; "
            "make one smaller",
        )
    _check_layers(definition)
    check_caps(definition.caps)
    check_quiet(definition.quiet)


def _check_layers(definition: ProgrammeDefinition) -> None:
    if len(definition.layers) > MAX_LAYERS:
        raise InvalidInput.at(
            "/layers",
            f"there are {len(definition.layers)} layers; at most {MAX_LAYERS} are "
            "allowed",
        )
    layer_of: dict[str, str] = {}
    for name, experiments in definition.layers.items():
        # A name may hold what a pointer can't show.
        if not is_key(name):
            raise InvalidInput.at("/layers", f"{name[:128]!r} is no name; {KEY_RULE}")
        if not 1 <= len(experiments) <= MAX_LAYERED:
            raise InvalidInput.at(
                f"/layers/{name}",
                f"the layer has {len(experiments)} experiments; it needs 1 to "
                f"{MAX_LAYERED}",
            )
        for index, key in enumerate(experiments):
            if not is_key(key):
                raise InvalidInput.at(
                    f"/layers/{name}/{index}", f"{key[:128]!r} is no key; {KEY_RULE}"
                )
            other = layer_of.setdefault(key, name)
            if other != name or key in experiments[:index]:
                raise InvalidInput.at(
                    f"/layers/{name}/{index}",
                    f"{key!r} is in the layer {other!r} already; an experiment can be "
                    "in one place of one layer",
                )


def unknown_programme(key: str) -> NotFound:
    """Return the error for a key that no programme has.

    Args:
        key: what the caller sent, of any length.
    """
    return NotFound(
        f"there is no programme {key[:128]!r}",
        way_out=WayOut(
            api="GET /v1/programmes lists those that exist",
            command="`GET /v1/programmes` lists those that exist",
            page="the list of programmes has those that exist",
        ),
    )
