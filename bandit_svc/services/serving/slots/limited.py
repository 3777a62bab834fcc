"""The draws of a decision that more than the policy has a say in.

Owns the order: caps and quiet hours leave variants, the places are drawn from these,
and what was drawn takes its places under the caps. A page counts once for a cap.
"""

from typing import NamedTuple

from bandit_svc.domain.programmes.counted import CountedCap
from bandit_svc.domain.variant import Variant
from bandit_svc.services.policy_inputs import actions_of
from bandit_svc.services.serving.callers.visits import Visit
from bandit_svc.services.serving.limits.recipients import recipient_of
from bandit_svc.services.serving.limits.room import LimitPorts, room_left
from bandit_svc.services.serving.programmes.placing import Placing, placed
from bandit_svc.services.serving.served_experiment import ServedExperiment
from bandit_svc.services.serving.slots.asked import PageAsked
from bandit_svc.services.serving.slots.drawing import DrawnPlaces, drawn_places
from policies.base import Action


class Drawing(NamedTuple):
    """What the draws of one decision begin from.

    Attributes:
        visit: who it is for; nothing of it is used where consent is denied.
        group_unit: the unit that decides the group.
        decision_id: the seed of the draws.
        asked: of the page; None for one place alone.
        deferred: whether it is shown later, if ever.
    """

    visit: Visit
    group_unit: str | None
    decision_id: str
    asked: PageAsked | None
    deferred: bool


class LimitedDraws(NamedTuple):
    """What was drawn, of the variants that were left.

    Attributes:
        kept_out: why caps and quiet hours left others out, by key; None for none.
        counted: the caps that count what was drawn.
    """

    variants: tuple[Variant, ...]
    placing: Placing
    drawn: DrawnPlaces
    kept_out: dict[str, str] | None = None
    counted: tuple[CountedCap, ...] = ()


def limited_draws(
    ports: LimitPorts,
    served: ServedExperiment,
    drawing: Drawing,
    eligible: tuple[tuple[Variant, ...], tuple[Action, ...]],
    now_ms: int,
) -> LimitedDraws:
    """Draw the places of a decision from what its limits leave.

    Raises:
        InvalidInput: a pin names no variant, or the context has a namespace of slots.
        NothingEligible: fewer variants are left than places.
        Unavailable: what was taken under a strict cap can't be made durable.
    """
    visit, group_unit, decision_id, asked, deferred = drawing
    context = {} if visit.apart else visit.context
    experiment = served.experiment

    def draws(
        left: tuple[tuple[Variant, ...], tuple[Action, ...]],
    ) -> tuple[Placing, DrawnPlaces]:
        # A page has no place that shows nothing: its holdout is the baseline's page.
        keys = () if asked else tuple([action.key for action in left[1]])
        placing = placed(experiment, served.place, group_unit, decision_id, keys)
        seen = served, context, placing.law, decision_id
        return placing, drawn_places(*seen, left, asked)

    if served.limits is None:
        return LimitedDraws(eligible[0], *draws(eligible))
    recipient = recipient_of(visit)
    kept_out = None
    with room_left(ports, served.limits, recipient, eligible[0], now_ms) as room:
        if room.kept_out:
            kept_out = room.kept_out
            eligible = room.variants, actions_of(room.variants)
        placing, drawn = draws(eligible)
        counted = room.take(drawn.shown, decision_id, deferred=deferred)
    return LimitedDraws(eligible[0], placing, drawn, kept_out, counted)
