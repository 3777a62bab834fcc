"""Look up what is known of a unit."""

from collections.abc import Iterable, Mapping

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.people.feature import parse_features
from bandit_svc.domain.people.trail import Scalar
from bandit_svc.domain.people.unit_state import UnitState, unit_features
from bandit_svc.errors import FieldError, NotFound
from bandit_svc.storage.units import Units


class KnownUnit(msgspec.Struct, frozen=True):
    """A unit, the state of its person, and the features of each experiment."""

    unit_id: str
    state: UnitState
    features: Mapping[str, Mapping[str, Scalar]]


def look_up_unit(
    units: Units, experiments: Iterable[Experiment], unit_id: str, now_ms: int
) -> KnownUnit:
    """Return what is known of a unit.

    Raises:
        NotFound: nothing was reported about it.
        Unavailable: the states can't be read.
    """
    state = units.state(unit_id)
    if state is None:
        detail = (
            "nothing was reported about this unit; PUT /v1/units/{unit_id} and "
            "POST /v1/events report something"
        )
        raise NotFound(detail, FieldError("/unit_id", detail))
    features = {
        experiment.key: unit_features(
            state, parse_features(experiment.definition.features), now_ms
        )
        for experiment in experiments
        if experiment.definition.features
    }
    return KnownUnit(unit_id, state, features)
