"""The group of a decision, in its experiment and in its programme.

Owns which policy a unit's decision is drawn from, and with which chance it came to
that: the share of the programme's group times that of the experiment's own.
"""

from typing import Literal, NamedTuple, assert_never

from bandit_svc.domain.events.decision_id import uniform_from_id
from bandit_svc.domain.experiment import (
    BASELINE,
    TREATMENT,
    Experiment,
    Group,
    assign_group,
    group_of,
    uniform_of_unit,
)
from bandit_svc.domain.programmes.assigning import (
    group_at,
    met_of_layer,
    share_of,
)
from bandit_svc.domain.programmes.membership import Membership
from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.storage.programmes.programmes import Programmes

NOTHING = "nothing"
"""The key of the variant that shows nothing."""

Law = Literal["treatment", "baseline", "nothing", "explore"]
"""What a decision is drawn from: the learning policy, the baseline, the variant
`nothing`, or the programme's explore policy."""


class Placing(NamedTuple):
    """How a decision came to its group.

    Attributes:
        chance: with which a unit is in this group, in the programme too.
        membership: of the programme; None without one.
    """

    group: Group
    chance: float
    law: Law
    membership: Membership | None = None


class Place(NamedTuple):
    """The place of an experiment in its programme.

    Attributes:
        layer: the experiments of its layer; empty without one.
    """

    programme: Programme
    layer: tuple[str, ...]


def place_in(programme: Programme | None, key: str) -> Place | None:
    """Return the place of an experiment; None without a programme."""
    if programme is None:
        return None
    layers = programme.definition.layers.values()
    layer = next((keys for keys in layers if key in keys), ())
    return Place(programme, layer)


def programme_at(programmes: Programmes, key: str, at_ms: int) -> Programme | None:
    """Return a programme as it was at a time; None for one that is not there.

    Args:
        at_ms: milliseconds since the epoch.
    """
    newest = next((one for one in programmes.all() if one.key == key), None)
    if newest is None:
        return None
    known = programmes.revisions(newest.number)
    before = [one for one in known if one.revised_at_ms <= at_ms]
    return before[-1] if before else known[0]


def placed(
    experiment: Experiment,
    place: Place | None,
    unit_id: str | None,
    decision_id: str,
    keys: tuple[str, ...],
) -> Placing:
    """Return the group of a decision.

    Args:
        place: of the experiment in its programme, if it is in one.
        unit_id: who it is for; without one, the decision is a unit of its own.
        keys: of the eligible variants.
    """
    holdout = experiment.definition.holdout
    if unit_id is None:
        group = group_of(uniform_from_id(decision_id, b"group"), holdout)
    else:
        group = assign_group(experiment.salt, unit_id, holdout)
    if place is None:
        own = holdout if group == BASELINE else 1.0 - holdout
        return Placing(group, own, group)
    return _placed_in(place, experiment, group, unit_id or decision_id, keys)


def _placed_in(
    place: Place,
    experiment: Experiment,
    own_group: Group,
    unit_id: str,
    keys: tuple[str, ...],
) -> Placing:
    """Return the group of a decision in a programme.

    Args:
        own_group: in the experiment's own holdout, which is drawn apart.
    """
    programme = place.programme
    definition = programme.definition
    group = group_at(definition, uniform_of_unit(programme.salt, unit_id))
    share = share_of(definition, group)
    met = experiment.key
    if place.layer:
        met = met_of_layer(programme.salt, place.layer, unit_id)
    without: Law = "nothing" if NOTHING in keys else "baseline"
    if met != experiment.key:
        membership = Membership(programme.key, group, share, 0.0, met)
        return Placing(BASELINE, share, without, membership)
    own = experiment.definition.holdout
    treated = share_of(definition, "experiment") * (1.0 - own)
    reference = definition.business_as_usual + share_of(definition, "experiment") * own
    if without == "baseline":
        # The holdout of the programme is drawn from the same policy.
        reference += definition.holdout
    compared = reference / (reference + treated)
    membership = Membership(programme.key, group, share, compared)
    apart = Membership(programme.key, group, share, 0.0)
    match group:
        case "experiment":
            own_share = own if own_group == BASELINE else 1.0 - own
            return Placing(own_group, share * own_share, own_group, membership)
        case "business_as_usual":
            return Placing(BASELINE, share, "baseline", membership)
        case "holdout":
            kept = membership if without == "baseline" else apart
            return Placing(BASELINE, share, without, kept)
        case "explore":
            return Placing(TREATMENT, share, "explore", apart)
        case _:
            assert_never(group)
