"""Return everything that is stored of a unit and of the ids that are linked to it."""

import msgspec

from bandit_svc.domain.events.decision import VariantChances
from bandit_svc.domain.people.unit_fact import KeptFact
from bandit_svc.domain.people.unit_state import UnitState
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.times import timestamp
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.privacy import WaitingReward
from bandit_svc.storage.rows import DecisionView, RewardRow


class ExportedDecision(msgspec.Struct, frozen=True):
    """A decision, as a look-up shows it."""

    decision_id: str
    experiment: str
    unit_id: str | None
    group_id: str | None
    decided_at: str
    group: str
    variant: str
    propensity: float | None
    chances: list[VariantChances]
    context: Context
    request_id: str | None
    trace_id: str | None
    state: str
    rewards: tuple[RewardRow, ...]
    reward: float | None


class KeptChoice(msgspec.Struct, frozen=True):
    """The choice that the unit keeps in a sticky experiment."""

    experiment: str
    decision_id: str


class PersonState(msgspec.Struct, frozen=True):
    """The state of the person, from which features are made.

    Attributes:
        trails: events by the name of what is kept of them; each entry begins with its
            time.
    """

    group_id: str
    first_seen_at: str
    last_seen_at: str
    consent: str
    traits: Context
    trails: Context


class UnitExport(msgspec.Struct, frozen=True):
    """All that is stored of a person; lists are empty where there is nothing."""

    unit_id: str
    ids: list[str]
    state: PersonState | None
    facts: list[KeptFact]
    decisions: list[ExportedDecision]
    kept_choices: list[KeptChoice]
    waiting_rewards: list[WaitingReward]


def export_unit(storage: Storage, unit_id: str) -> UnitExport:
    """Return all of it.

    Args:
        storage: of the service.
        unit_id: the name under which the unit is kept.
    """
    state = storage.units.state(unit_id)
    ids = (unit_id,) if state is None else state.ids
    kept = storage.privacy.kept_of(ids)
    views = [storage.facts.decision(one) for one in kept.decision_ids]
    keys = {e.number: e.key for e in storage.experiments.all()}
    return UnitExport(
        unit_id=unit_id,
        ids=list(ids),
        state=None if state is None else _state(state),
        facts=list(kept.facts),
        decisions=[_decision(view) for view in views if view is not None],
        kept_choices=[
            KeptChoice(keys[number], decision_id)
            for number, decision_id in kept.sticky
            if number in keys
        ],
        waiting_rewards=list(kept.waiting),
    )


def _state(state: UnitState) -> PersonState:
    return PersonState(
        group_id=state.unit_id,
        first_seen_at=timestamp(state.first_ms),
        last_seen_at=timestamp(state.last_ms),
        consent=state.consent,
        traits=state.traits,
        trails=state.trails,
    )


def _decision(view: DecisionView) -> ExportedDecision:
    decision = view.decision
    return ExportedDecision(
        decision_id=decision.id,
        experiment=decision.experiment,
        unit_id=decision.asked_unit_id or decision.unit_id,
        group_id=decision.unit_id,
        decided_at=timestamp(decision.decided_at_ms),
        group=decision.group,
        variant=decision.variant,
        propensity=decision.told_propensity,
        chances=decision.chances,
        context=decision.context,
        request_id=decision.request_id,
        trace_id=decision.trace_id,
        state=view.state,
        rewards=tuple(view.rewards),
        reward=view.joined_reward,
    )
