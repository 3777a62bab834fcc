"""The draws of a page, one after the other.

Owns the order of the draws and what each one knows. A slot is drawn from what is left
by those above it, by the policy of its group, with the floor and the limits of any
draw; its context has its number and what stands above. So the logged chance of a slot
is conditional on the slots above it, and the chance of the page is their product.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.decision_id import draw_from_id, slot_id
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.slots.page import NAMESPACE, Page, Slot
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import NothingEligible
from bandit_svc.services.serving.programmes.placing import Law
from bandit_svc.services.serving.served_experiment import (
    Pmfs,
    ServedExperiment,
    pmfs_of,
)
from bandit_svc.services.serving.slots.asked import (
    PageAsked,
    check_free_namespace,
    doubles,
    pinned_places,
)
from policies.base import Action, LeftActions, Scalar
from policies.pmf import sample

MOST_FEATURES_ABOVE = 8
_CERTAIN = (1.0,)


class DrawnPlaces(NamedTuple):
    """What was drawn for the places of a decision.

    Attributes:
        keys: of the variants that were left for the first one.
        pmfs: of the first one.
        chosen: index into `keys`.
        page: the other slots, and what was possible; None for one place alone.
        shown: the variants in the order of their slots.
    """

    keys: tuple[str, ...]
    pmfs: Pmfs
    chosen: int
    page: Page | None
    shown: tuple[Variant, ...]


class _Draw(NamedTuple):
    """The draw of one slot; `places` are those of variants of the page."""

    places: tuple[int, ...]
    pmfs: Pmfs
    chosen: int
    features: dict[str, Scalar]
    pinned: bool


def drawn_places(
    served: ServedExperiment,
    context: Context,
    law: Law,
    decision_id: str,
    eligible: tuple[tuple[Variant, ...], tuple[Action, ...]],
    asked: PageAsked | None,
) -> DrawnPlaces:
    """Draw the variants of all places without replacement.

    Args:
        served: the experiment.
        context: of the request.
        law: what is drawn from.
        decision_id: the seed of the first draw; the others have their own ids'.
        eligible: the variants that may be shown, and what policies read of them.
        asked: of the page; None for one place alone.

    Raises:
        InvalidInput: a pin names no variant, or the context has a namespace of slots.
        NothingEligible: fewer variants are left than slots.
        PolicyError: the baseline has no pmf.
    """
    variants, actions = eligible
    if asked is None:
        keys = tuple([action.key for action in actions])
        pmfs = pmfs_of(served, context, actions, keys, law)
        chosen = sample(pmfs.served, draw_from_id(decision_id))
        return DrawnPlaces(keys, pmfs, chosen, None, (variants[chosen],))
    check_free_namespace(context)
    pinned = pinned_places(served.experiment.definition, asked, variants)
    group_of_doubles = doubles(asked, variants)
    taken = {group_of_doubles[place] for place in pinned.values()}
    _check_enough(served, asked, len(set(group_of_doubles)), len(taken), len(pinned))
    left = [at for at, of in enumerate(group_of_doubles) if of not in taken]
    above: list[Variant] = []
    draws: list[_Draw] = []
    for number in range(1, asked.count + 1):
        features = slot_features(number, above)
        if number in pinned:
            draws.append(_pinned(pinned[number], features))
            above.append(variants[pinned[number]])
            continue
        some = LeftActions(actions, left)
        keys = tuple([action.key for action in some])
        pmfs = pmfs_of(served, {**context, NAMESPACE: features}, some, keys, law)
        seed = decision_id if number == 1 else slot_id(decision_id, number)
        chosen = sample(pmfs.served, draw_from_id(seed))
        draws.append(_Draw(tuple(left), pmfs, chosen, features, pinned=False))
        place = left[chosen]
        above.append(variants[place])
        if asked.distinct_by:
            double = group_of_doubles[place]
            left = [at for at in left if group_of_doubles[at] != double]
        else:
            del left[chosen]
    first = draws[0]
    page = Page(
        tuple([variant.key for variant in variants]),
        first.features,
        first.pinned,
        asked.distinct_by,
        tuple([_slot(draw) for draw in draws[1:]]),
    )
    keys = tuple([variants[at].key for at in first.places])
    return DrawnPlaces(keys, first.pmfs, first.chosen, page, tuple(above))


def slot_features(number: int, above: Sequence[Variant]) -> dict[str, Scalar]:
    """Return the features of a slot: its number and what stands above it.

    The number comes as one, for rules, and as a name, so that no order of the places is
    assumed. Of the variant right above come its features too.

    Args:
        number: of the slot, from 1.
        above: the variants of the slots before it, in order.
    """
    features: dict[str, Scalar] = {"number": number, "place": f"{number}"}
    if above:
        last = above[-1]
        features["after"] = last.key
        for name in list(last.features)[:MOST_FEATURES_ABOVE]:
            features[f"after_{name}"] = last.features[name]
        for variant in above:
            features[f"above_{variant.key}"] = True
    return features


def _check_enough(
    served: ServedExperiment, asked: PageAsked, different: int, taken: int, pinned: int
) -> None:
    """Refuse a page that can't be filled, whatever is drawn."""
    key = served.experiment.key
    if taken < pinned:
        raise NothingEligible(
            f"two pinned variants of {key!r} have the same {asked.distinct_by}; pin "
            "others, or leave out distinct_by"
        )
    if different < asked.count:
        of = f" of different {asked.distinct_by}" if asked.distinct_by else ""
        raise NothingEligible(
            f"{asked.count} slots were asked for, and {different} variants{of} of "
            f"{key!r} may be shown now; ask for fewer slots, or show your own default"
        )


def _pinned(place: int, features: dict[str, Scalar]) -> _Draw:
    pmfs = Pmfs(_CERTAIN, "policy", _CERTAIN, _CERTAIN)
    return _Draw((place,), pmfs, 0, features, pinned=True)


def _slot(draw: _Draw) -> Slot:
    served, source, treatment, baseline = (
        draw.pmfs.served,
        draw.pmfs.source,
        draw.pmfs.treatment,
        draw.pmfs.baseline,
    )
    return Slot(
        draw.places,
        draw.chosen,
        served,
        draw.features,
        source,
        draw.pinned,
        () if treatment == served else treatment,
        () if baseline == served else baseline,
    )
