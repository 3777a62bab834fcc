"""What a fact does to the state of a unit, and what linking makes of two."""

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.people.feature import TrailName, kept_trails, parse_features
from bandit_svc.domain.people.trail import Scalar
from bandit_svc.domain.people.unit_fact import UnitChange, UnitEvent, kept_of
from bandit_svc.domain.people.unit_state import (
    MOST_TRAIL_BYTES,
    UnitState,
    changed,
    decode_state,
    encode_state,
    linked,
    new_state,
    unit_features,
    with_event,
    without_trails,
)

HOUR_MS = 3_600_000
NOW_MS = 1_000_000 * HOUR_MS

FEATURES = parse_features(
    {
        "views_7d": "count(viewed, 7d)",
        "style": "top(viewed.style, 30d)",
        "spent": "sum(purchased, 30d)",
        "cart_age_h": "hours_since(cart_added unless purchased)",
        "size": "top(viewed.size)",
    }
)
KEPT = kept_trails(FEATURES.values())


def event(
    name: str,
    hours_ago: float = 0.0,
    *,
    known_hours_ago: float | None = None,
    trails: Mapping[TrailName, int] = KEPT,
    properties: Mapping[str, Scalar] | None = None,
    **fields: Scalar,
) -> UnitEvent:
    """Return an event; known when it occurred, unless said otherwise."""
    known = hours_ago if known_hours_ago is None else known_hours_ago
    return UnitEvent(
        fact_id="f",
        unit_id="u",
        at_ms=NOW_MS - round(known * HOUR_MS),
        event=name,
        occurred_at_ms=NOW_MS - round(hours_ago * HOUR_MS),
        trails=kept_of(name, {**(properties or {}), **fields}, trails),
    )


def after(*events: UnitEvent) -> UnitState:
    state = new_state("u", events[0].at_ms)
    for one in events:
        state = with_event(state, one)
    return state


def change(at_ms: int = NOW_MS, **fields: object) -> UnitChange:
    return UnitChange(fact_id="f", unit_id="u", at_ms=at_ms, **fields)  # type: ignore[arg-type]


def test_features_are_made_of_the_events_that_they_declare() -> None:
    state = after(
        event("viewed", 300, style="shoe", size=42),
        event("viewed", 5, style="dress", size=42.5),
        event("viewed", 4, style="dress"),
        event("cart_added", 3),
        event("ignored", 2, style="coat"),
        event("purchased", 900, value=70.0),
    )

    assert unit_features(state, FEATURES, NOW_MS) == {
        "views_7d": 2,
        "style": "dress",
        "cart_age_h": 3.0,
        "size": "42.5",
    }
    bought = with_event(state, event("purchased", value=59))
    assert unit_features(bought, FEATURES, NOW_MS) == {
        "views_7d": 2,
        "style": "dress",
        "spent": 59.0,
        "size": "42.5",
    }
    assert unit_features(new_state("u", 0), FEATURES, NOW_MS) == {}


def test_an_event_that_became_known_late_has_the_age_at_which_it_occurred() -> None:
    early = after(event("cart_added", 10, known_hours_ago=1))

    assert unit_features(early, FEATURES, NOW_MS) == {"cart_age_h": 10.0}
    assert early.last_ms == NOW_MS - HOUR_MS


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60), st.randoms())
def test_the_order_in_which_few_events_become_known_does_not_matter(
    hours: list[int], shuffler: random.Random
) -> None:
    events = [
        event("viewed", h, known_hours_ago=0, style="abc"[h % 3]) for h in hours[:32]
    ]
    others = list(events)
    shuffler.shuffle(others)
    one, other = (
        unit_features(after(*order), FEATURES, NOW_MS) for order in (events, others)
    )

    assert one.get("views_7d") == other.get("views_7d")


def test_a_null_takes_a_trait_away_and_the_rest_stays() -> None:
    state = changed(new_state("u", 0), change(traits={"tier": "gold", "age": 40}))
    state = changed(state, change(traits={"tier": None, "zone": "UTC", "none": None}))

    assert state.traits == {"age": 40, "zone": "UTC"}
    assert state.consent == "unknown"
    assert changed(state, change(consent="granted")).consent == "granted"


def test_traits_beyond_32_are_not_kept() -> None:
    state = new_state("u", 0)
    for i in range(40):
        state = changed(state, change(traits={f"t{i}": i}))

    assert list(state.traits) == [f"t{i}" for i in range(32)]
    assert changed(state, change(traits={"t0": "new"})).traits["t0"] == "new"


def test_a_denial_takes_traits_and_events_away() -> None:
    state = changed(after(event("viewed", style="x")), change(traits={"a": 1}))

    bare = without_trails(state)
    assert (bare.traits, bare.trails, bare.ids) == ({}, {}, ("u",))


def test_linked_ids_have_the_group_of_the_oldest_and_the_events_of_all() -> None:
    anonymous = after(event("viewed", 9, style="dress"), event("cart_added", 8))
    named = UnitState("u-81", NOW_MS, NOW_MS, ("u-81",), traits={"tier": "gold"})
    named = with_event(named, event("viewed", 1, style="shoe"))

    person = linked([anonymous, named])
    assert (person.unit_id, person.ids) == ("u", ("u", "u-81"))
    assert person.first_ms == NOW_MS - 9 * HOUR_MS
    assert person.traits == {"tier": "gold"}
    for state in (person, linked([named, anonymous])):
        assert unit_features(state, FEATURES, NOW_MS) == {
            "views_7d": 2,
            "style": "shoe",
            "cart_age_h": 8.0,
        }


def test_the_trait_with_the_newest_fact_stands_and_a_denial_always() -> None:
    old = UnitState("a", 1, 5, ("a",), "denied", {"tier": "gold", "x": 1})
    new = UnitState("b", 2, 9, ("b",), "granted", {"tier": "tin"})

    person = linked([old, new])
    assert person.traits == {"tier": "tin", "x": 1}
    assert person.consent == "denied"
    assert linked([new, UnitState("c", 3, 3, ("c",))]).consent == "granted"


def test_a_state_of_many_events_is_small() -> None:
    declared = parse_features(
        {f"f{i}": f"top(viewed.p{i})" for i in range(16)}
        | {f"g{i}": f"sum(viewed.p{i})" for i in range(16)}
    )
    kept = kept_trails(declared.values())
    state = new_state("u", 0)
    for i in range(300):
        properties: dict[str, Scalar] = {
            f"p{j}": f"{'long text' * 8}-{(i * j) % 97}" for j in range(16)
        }
        state = with_event(
            state, event("viewed", 300 - i, trails=kept, properties=properties)
        )

    assert len(encode_state(state)) <= MOST_TRAIL_BYTES + 100
    assert decode_state(encode_state(state)) == state
    assert "f3" in unit_features(state, declared, NOW_MS)


@pytest.mark.parametrize("value", [1, 1.5, "x", True])
def test_a_state_comes_back_from_its_bytes(value: object) -> None:
    state = changed(after(event("viewed", style="x")), change(traits={"a": value}))

    assert decode_state(encode_state(state)) == state
    assert encode_state(decode_state(encode_state(state))) == encode_state(state)
