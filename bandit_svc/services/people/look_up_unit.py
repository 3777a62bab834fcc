"""Look up what is known of a unit."""

from collections.abc import Iterable, Mapping

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.people.feature import parse_features
from bandit_svc.domain.people.trail import Scalar
from bandit_svc.domain.people.unit_state import UnitState, unit_features
from bandit_svc.domain.programmes.caps import Cap
from bandit_svc.domain.programmes.counted import exposures, trail_of
from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.errors import FieldError, NotFound
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.programmes.reservations import Reservations


class KnownUnit(msgspec.Struct, frozen=True):
    """A unit, the state of its person, and the features of each experiment.

    `caps` has how often each cap counts the person, by programme and its words.
    """

    unit_id: str
    state: UnitState
    features: Mapping[str, Mapping[str, Scalar]]
    caps: Mapping[str, Mapping[str, int]]


def look_up_unit(
    storage: Storage, experiments: Iterable[Experiment], unit_id: str, now_ms: int
) -> KnownUnit:
    """Return what is known of a unit.

    Raises:
        NotFound: nothing was reported about it.
        Unavailable: the states can't be read.
    """
    state = storage.units.state(unit_id)
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
    programmes = storage.programmes.all()
    caps = _used_caps(state, programmes, storage.reservations, now_ms)
    return KnownUnit(unit_id, state, features, caps)


def _used_caps(
    state: UnitState,
    programmes: Iterable[Programme],
    reservations: Reservations,
    now_ms: int,
) -> dict[str, dict[str, int]]:
    """Return how often each cap counts a person now, by programme and words.

    Raises:
        Unavailable: the places under strict caps can't be read.
    """

    def used(programme: str, cap: Cap) -> int:
        trail, from_ms = trail_of(programme, cap.name), now_ms - cap.per_ms
        known = exposures(state.trails.get(trail, ()), from_ms + 1)
        if not cap.strict:
            return known
        taken = reservations.used(state.ids, [(trail, from_ms)], now_ms)
        if taken is None:
            # Nothing asked with these ids together yet; each has places of its own.
            alone = [
                reservations.used([i], [(trail, from_ms)], now_ms) for i in state.ids
            ]
            taken = [sum(counts[0] for counts in alone if counts)]
        return max(known, *taken)

    return {
        one.key: {cap.words: used(one.key, cap) for cap in one.definition.caps}
        for one in programmes
        if one.definition.caps
    }
