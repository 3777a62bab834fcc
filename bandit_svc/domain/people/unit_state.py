"""What is known of a person at a moment: traits, consent, links, trails of events.

Owns the state, and what each fact does to it: a state is a function of the facts in
their order. All linked ids of a person share one. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from bandit_svc.domain.people.feature import UnitFeature
from bandit_svc.domain.people.trail import (
    MOST_ENTRIES,
    Entry,
    Scalar,
    added,
    entry_of,
    feature_of,
)
from bandit_svc.domain.people.unit_fact import (
    MAX_LINKS,
    MAX_TRAITS,
    Consent,
    UnitChange,
    UnitEvent,
    UnitExposure,
)
from bandit_svc.domain.programmes.counted import OF_CAPS, with_exposure

MOST_IDS: Final = MAX_LINKS + 1
"""Ids of one person: the oldest, and those that are linked to it."""
MOST_TRAIL_BYTES: Final = 4_096
_FEWEST_ENTRIES: Final = 1

Trait = str | int | float | bool


class UnitState(msgspec.Struct, array_like=True, frozen=True):
    """The state of a person.

    Attributes:
        unit_id: the oldest id, which decides the group.
        first_ms: its first decision or fact, in milliseconds since the epoch.
        last_ms: the newest fact of any of its ids.
        ids: all ids, the oldest first.
        trails: events by the text of their trail's name, each in the order of times;
            exposures that caps count too.
    """

    unit_id: str
    first_ms: int
    last_ms: int
    ids: tuple[str, ...]
    consent: Consent = "unknown"
    traits: dict[str, Trait] = {}
    trails: dict[str, tuple[Entry, ...]] = {}


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(UnitState)


def encode_state(state: UnitState) -> bytes:
    """Return a state as bytes; the same state gives the same bytes."""
    return _encoder.encode(state)


def decode_state(stored: bytes) -> UnitState:
    """Return the state of bytes that `encode_state` made."""
    return _decoder.decode(stored)


def new_state(unit_id: str, at_ms: int) -> UnitState:
    """Return the state of an id of which nothing else is known."""
    return UnitState(unit_id, at_ms, at_ms, (unit_id,))


def changed(state: UnitState, change: UnitChange) -> UnitState:
    """Return the state after a change of traits or consent; links apart.

    Of more than 32 traits the first ones stay.
    """
    traits = dict(state.traits)
    for name, value in change.traits.items():
        if value is None:
            traits.pop(name, None)
        elif name in traits or len(traits) < MAX_TRAITS:
            traits[name] = value
    return msgspec.structs.replace(
        state,
        last_ms=max(state.last_ms, change.at_ms),
        consent=change.consent or state.consent,
        traits=traits,
    )


def with_event(state: UnitState, event: UnitEvent) -> UnitState:
    """Return the state after an event, of which each trail takes its part."""
    trails = dict(state.trails)
    for name, kept in event.trails.items():
        entry = entry_of(event.occurred_at_ms, kept.value)
        from_ms = event.at_ms - kept.keep_ms
        trails[name] = added(trails.get(name, ()), entry, from_ms)
    return msgspec.structs.replace(
        state, last_ms=max(state.last_ms, event.at_ms), trails=_bounded(trails)
    )


def with_shown(state: UnitState, exposure: UnitExposure) -> UnitState:
    """Return the state after an exposure, which the caps' trails take."""
    return msgspec.structs.replace(
        state,
        last_ms=max(state.last_ms, exposure.at_ms),
        trails=with_exposure(state.trails, exposure.caps, exposure.at_ms),
    )


def without_trails(state: UnitState) -> UnitState:
    """Return the state of a unit that denied consent: traits and events are gone."""
    return msgspec.structs.replace(state, traits={}, trails={})


def linked(states: Sequence[UnitState]) -> UnitState:
    """Return the state of ids that are one person from here on.

    A trait or a consent that two of them have is the one of the state with the newest
    fact, but a denial of either one stands.

    Args:
        states: the oldest first, which decides the group.
    """
    by_news = sorted(states, key=lambda state: state.last_ms)
    traits: dict[str, Trait] = {}
    consent: Consent = "unknown"
    trails: dict[str, tuple[Entry, ...]] = {}
    for state in by_news:
        traits |= state.traits
        if consent != "denied" and state.consent != "unknown":
            consent = state.consent
        for name, entries in state.trails.items():
            trail = trails.get(name, ())
            for entry in entries:
                trail = added(trail, entry, 0)
            trails[name] = trail
    oldest = states[0]
    return UnitState(
        unit_id=oldest.unit_id,
        first_ms=oldest.first_ms,
        last_ms=by_news[-1].last_ms,
        ids=tuple(dict.fromkeys(unit for state in states for unit in state.ids)),
        consent=consent,
        traits=dict(list(traits.items())[:MAX_TRAITS]),
        trails=_bounded(trails),
    )


def unit_features(
    state: UnitState, declared: Mapping[str, UnitFeature], now_ms: int
) -> dict[str, Scalar]:
    """Return the declared features at a time; those of no event are absent."""
    found: dict[str, Scalar] = {}
    for name, feature in declared.items():
        trail = state.trails.get(feature.trail_text)
        if trail is None:
            continue
        unless: tuple[Entry, ...] = ()
        if feature.unless:
            unless = state.trails.get(feature.unless_text, ())
        value = feature_of(feature, trail, unless, now_ms)
        if value is not None:
            found[name] = value
    return found


def _bounded(trails: dict[str, tuple[Entry, ...]]) -> dict[str, tuple[Entry, ...]]:
    """Return trails of at most 4 kB: the longest are made coarser.

    Those of caps are not among them, which no feature's may push out.
    """
    events = {n: one for n, one in trails.items() if not n.startswith(OF_CAPS)}
    if len(events) == len(trails):
        return _coarser(trails)
    return {**trails, **_coarser(events)}


def _coarser(trails: dict[str, tuple[Entry, ...]]) -> dict[str, tuple[Entry, ...]]:
    most = MOST_ENTRIES
    while most > _FEWEST_ENTRIES and len(_encoder.encode(trails)) > MOST_TRAIL_BYTES:
        most //= 2
        trails = {
            name: added(entries[:-1], entries[-1], 0, most) if entries else entries
            for name, entries in trails.items()
        }
    return trails
