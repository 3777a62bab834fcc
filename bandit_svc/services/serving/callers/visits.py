"""Who a decision is made for, and what it may use of them.

Owns what of a request and of the state of its unit goes into a decision: the group's
id, the context as it is kept with the features as they are now, new links, and whether
consent lets any of it be used.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from bandit_svc.domain.enriching.declared import EnricherName, Filled, Outcome
from bandit_svc.domain.events.record import Record
from bandit_svc.domain.people.unit_fact import encode_unit_fact
from bandit_svc.domain.people.unit_state import UnitState
from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import InvalidInput, Unavailable
from bandit_svc.services.people.links import links_of_decision
from bandit_svc.services.serving.enriching.enrichers import NO_OUTCOMES
from bandit_svc.services.serving.ports import ServingPorts
from bandit_svc.services.serving.served_experiment import ServedExperiment
from bandit_svc.storage.units import Units

UNIT_NAMESPACE = "unit"
"""Where the declared features of a unit are in the context of its decisions."""


class Asked(Protocol):
    """What a request for a decision says of its unit."""

    @property
    def unit_id(self) -> str | None:
        """The name under which the unit is kept."""

    @property
    def context(self) -> Payload:
        """As it was sent."""

    @property
    def links(self) -> tuple[str, ...]:
        """Other ids of the same person."""


class Visit(NamedTuple):
    """Who a decision is made for, and what it may use of them.

    Attributes:
        unit_id: the oldest id of the person, which decides the group.
        apart: consent is denied, so that the group alone is of the unit.
        unread: what is known of the unit could not be read.
        linking: links that the decision brings and that are not known yet.
        ids: all known ids of the person, where caps or quiet hours ask for them.
        state: what is known of the person, where anything asks for it.
        filled: the keys of the context that enrichers have put there.
        outcomes: what became of each enricher.
    """

    unit_id: str | None
    context: Payload
    apart: bool
    unread: bool = False
    linking: Record | None = None
    ids: tuple[str, ...] = ()
    state: UnitState | None = None
    filled: tuple[Filled, ...] = ()
    outcomes: Mapping[EnricherName, Outcome] = NO_OUTCOMES


def visit_of(
    ports: ServingPorts,
    served: ServedExperiment,
    asked: Asked,
    now_ms: int,
    *,
    opted_out: bool,
) -> Visit:
    """Return who a request is for, with the unit's features, frozen as they are now.

    Raises:
        InvalidInput: a link is not valid, or the context has what may not be in it.
    """
    unit_id, context, links = asked.unit_id, asked.context, asked.links
    if served.fields is not None:
        context = served.fields.kept(context)
    if served.features and UNIT_NAMESPACE in context:
        raise InvalidInput.at(
            f"/context/{UNIT_NAMESPACE}",
            f"{UNIT_NAMESPACE!r} is where the declared features of the unit are put; "
            "send your own under another name",
        )
    linking = None
    if links and not opted_out:
        linking = _linking(ports.persons.units, unit_id, links, now_ms)
    persons = ports.persons
    limited = served.limits is not None
    wanted = limited or served.reads_traits
    asks = served.features or links or wanted
    if unit_id is None or not (asks or persons.are_read(now_ms)):
        # Of most experiments, which ask for nothing that is known of a unit.
        return Visit(unit_id, context, opted_out)
    person = persons.of(unit_id, served.features, now_ms, links, wanted=wanted)
    if person.features:
        context = {**context, UNIT_NAMESPACE: dict(person.features)}
    apart = opted_out or person.denied
    state = person.state
    if not limited:
        return Visit(
            person.unit_id, context, apart, person.unread, linking, state=state
        )
    ids = (unit_id, *links, *(() if state is None else state.ids))
    known = tuple(dict.fromkeys(ids))
    return Visit(person.unit_id, context, apart, person.unread, linking, known, state)


def _linking(
    units: Units, unit_id: str | None, links: tuple[str, ...], now_ms: int
) -> Record | None:
    """Return the record of the links of a request; None where they are known already.

    Raises:
        InvalidInput: they are not valid.
    """
    try:
        change = links_of_decision(units, unit_id, links, now_ms)
    except Unavailable:
        # The decision says that nothing of the unit could be read; callers bring the
        # links again with the next one.
        return None
    return None if change is None else encode_unit_fact(change)
