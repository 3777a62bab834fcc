"""What a trail keeps of a unit's events, and what features make of it."""

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.people.feature import parse_feature
from bandit_svc.domain.people.trail import (
    MOST_ENTRIES,
    Entry,
    Scalar,
    added,
    entry_of,
    feature_of,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_000 * DAY_MS

Happened = tuple[int, Scalar | None]
"""Hours before now, and the property."""


def trail_of(events: Sequence[Happened]) -> tuple[Entry, ...]:
    trail: tuple[Entry, ...] = ()
    for hours, value in events:
        trail = added(trail, entry_of(NOW_MS - hours * HOUR_MS, value), 0)
    return trail


def made(
    text: str, events: Sequence[Happened], unless: Sequence[Happened] = ()
) -> Scalar | None:
    feature = parse_feature(text)
    return feature_of(feature, trail_of(events), trail_of(unless), NOW_MS)


VIEWS: list[Happened] = [(200, 5.0), (30, 7.0), (2, 9.0)]
STYLES: list[Happened] = [(9, "dress"), (7, "shoe"), (5, "shoe"), (3, "dress")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("count(viewed)", 3),
        ("count(viewed, 7d)", 2),
        ("count(viewed, 30h)", 2),
        ("count(viewed, 29h)", 1),
        ("count(viewed, 1h)", None),
        ("hours_since(viewed)", 2.0),
        ("hours_since(viewed, 1h)", None),
        ("sum(viewed.price, 7d)", 16.0),
        ("last(viewed.price, 7d)", 9.0),
    ],
)
def test_a_feature_counts_events_of_its_window_and_is_absent_without(
    text: str, value: float | None
) -> None:
    assert made(text, VIEWS) == value


def test_the_most_frequent_text_is_told_and_of_equals_the_last() -> None:
    assert made("top(viewed.style)", STYLES) == "dress"
    assert made("top(viewed.style, 8h)", STYLES) == "shoe"
    assert made("last(viewed.style)", STYLES) == "dress"
    assert made("sum(viewed.style)", STYLES) is None
    assert made("decayed_mean(viewed.style)", STYLES) is None


def test_events_up_to_the_one_that_begins_anew_do_not_count() -> None:
    cart: list[Happened] = [(30, None), (10, None)]

    assert made("hours_since(cart unless bought)", cart) == 10.0
    assert made("hours_since(cart unless bought)", cart, [(20, None)]) == 10.0
    assert made("hours_since(cart unless bought)", cart, [(10, None)]) is None
    assert made("hours_since(cart unless bought)", cart, [(5, None)]) is None
    assert made("count(cart unless bought)", cart, [(20, None)]) == 1


def test_a_number_s_weight_halves_each_quarter_of_the_window() -> None:
    mean = made("decayed_mean(viewed.price, 40h)", [(10, 0.0), (0, 3.0)])
    assert mean == pytest.approx((0.5 * 0.0 + 1.0 * 3.0) / 1.5, rel=1e-12)


def test_an_event_of_a_clock_ahead_of_ours_is_of_age_0() -> None:
    assert made("hours_since(viewed)", [(-1, None)]) == 0


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 100 * 24),
        st.one_of(st.integers(-5, 5).map(float), st.sampled_from(["a", "b", "c"])),
    ),
    max_size=90,
)


@given(EVENTS)
def test_a_trail_never_loses_the_number_of_events_while_kinds_fit(
    events: list[Happened],
) -> None:
    trail = trail_of(events)

    assert len(trail) <= MOST_ENTRIES
    assert sum(entry.n for entry in trail) == len(events)
    assert [e.at_ms for e in trail] == sorted(e.at_ms for e in trail)
    texts: Counter[str] = Counter(v for _, v in events if isinstance(v, str))
    kept: Counter[str] = Counter()
    for entry in trail:
        if isinstance(entry.value, str):
            kept[entry.value] += entry.n
    assert kept == texts
    numbers = [v for _, v in events if isinstance(v, float)]
    assert math.fsum(e.total for e in trail) == pytest.approx(math.fsum(numbers))


@given(EVENTS.filter(lambda events: len(events) <= MOST_ENTRIES), st.integers(1, 90))
def test_up_to_32_events_every_count_is_exact(
    events: list[Happened], days: int
) -> None:
    within = sum(hours <= days * 24 for hours, _ in events)

    assert (made(f"count(viewed, {days}d)", events) or 0) == within


def test_beyond_32_texts_the_oldest_is_dropped() -> None:
    trail = trail_of([(100 - i, f"item-{i}") for i in range(40)])

    assert [entry.value for entry in trail] == [f"item-{i}" for i in range(8, 40)]


@pytest.mark.parametrize("days", [1, 7, 30, 59])
def test_of_many_events_a_count_is_right_within_a_tenth(days: int) -> None:
    # Every hour for 60 days.
    count = made(f"count(viewed, {days}d)", [(h, None) for h in range(60 * 24, 0, -1)])

    assert count == pytest.approx(days * 24, rel=0.1)


def test_entries_older_than_any_window_are_dropped() -> None:
    trail = trail_of([(50, None), (3, None)])
    kept = added(trail, entry_of(NOW_MS), NOW_MS - 10 * HOUR_MS)

    assert [(NOW_MS - entry.at_ms) // HOUR_MS for entry in kept] == [3, 0]
    assert added(kept, entry_of(0), NOW_MS - 10 * HOUR_MS) == kept
