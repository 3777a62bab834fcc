"""Which context keys and values become segments, and what is never kept."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit_svc.domain.segment import (
    FOLDED,
    JUDGED_FROM,
    MAX_CLOSED,
    MAX_KEYS,
    MAX_VALUES,
    SegmentKeys,
)


@pytest.fixture
def keys() -> SegmentKeys:
    return SegmentKeys({}, {}, set())


def test_a_nested_feature_is_written_with_its_namespace(keys: SegmentKeys) -> None:
    context = {"device": "mobile", "user": {"segment": "new"}}

    assert keys.segments(context) == [("device", "mobile"), ("user.segment", "new")]


@pytest.mark.parametrize(
    ("value", "written"),
    [("tea", "tea"), (3, "3"), (3.0, "3"), (0.25, "0.25"), (True, "true")],
)
def test_a_value_is_written_as_a_person_would(
    keys: SegmentKeys,
    value: object,
    written: str,
) -> None:
    assert keys.segments({"k": value}) == [("k", written)]


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_said_is_no_segment(keys: SegmentKeys, value: str | None) -> None:
    assert keys.segments({"k": value}) == []


def test_two_features_of_one_written_name_count_once(keys: SegmentKeys) -> None:
    context = {"user.segment": "a", "user": {"segment": "b"}}

    assert keys.segments(context) == [("user.segment", "a")]


def test_values_beyond_the_first_and_long_text_are_folded(keys: SegmentKeys) -> None:
    for i in range(MAX_VALUES):
        keys.segments({"k": f"v{i}"})

    assert keys.segments({"k": "one more"}) == [("k", FOLDED)]
    assert keys.segments({"k": "v3"}) == [("k", "v3")]
    assert keys.segments({"note": "x" * 65}) == [("note", FOLDED)]


def test_an_id_is_closed_for_good_and_a_device_stays(keys: SegmentKeys) -> None:
    for i in range(JUDGED_FROM):
        keys.segments({"id": i, "device": "ab"[i % 2]})

    # 20 values are kept and 180 folded, which is 90 %.
    assert keys.close_wide() == {"id"}
    assert keys.segments({"id": 1, "device": "a"}) == [("device", "a")]


def test_a_few_odd_values_do_not_close_a_key(keys: SegmentKeys) -> None:
    for i in range(49 * 20):
        keys.segments({"k": f"v{i % 20}"})
    # 20 of 1,000 are 2 %, which is allowed.
    for i in range(20):
        keys.segments({"k": f"odd{i}"})
    assert keys.close_wide() == set()
    keys.segments({"k": "one too many"})

    assert keys.close_wide() == {"k"}


def test_no_key_is_taken_in_when_enough_were_closed() -> None:
    keys = SegmentKeys({}, {}, {f"c{i}" for i in range(MAX_CLOSED)})

    assert keys.segments({"k": "v"}) == []


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
FEATURES = st.dictionaries(st.text(max_size=3), SCALARS | st.text(max_size=80))
CONTEXTS = st.dictionaries(
    st.text(max_size=3), SCALARS | st.text(max_size=80) | FEATURES
)


@settings(deadline=None)
@given(contexts=st.lists(CONTEXTS, max_size=40))
def test_room_is_bounded_whatever_comes(contexts: list[dict[str, Any]]) -> None:
    keys = SegmentKeys({}, {}, set())
    found = [pair for context in contexts for pair in keys.segments(context)]
    values: dict[str, set[str]] = {}
    for key, value in found:
        values.setdefault(key, set()).add(value)

    assert len(values) <= MAX_KEYS
    assert all(len(kept - {FOLDED}) <= MAX_VALUES for kept in values.values())
    assert sum(count.n for count in keys.counts.values()) == len(found)
