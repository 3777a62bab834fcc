"""Facts about units: their records, and the limits of what they carry."""

import pytest

from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.record import UNIT
from bandit_svc.domain.people.feature import TrailName
from bandit_svc.domain.people.unit_fact import (
    KeptValue,
    UnitChange,
    UnitEvent,
    UnitFact,
    check_links,
    check_properties,
    check_traits,
    decode_unit_fact,
    encode_unit_fact,
    kept_of,
)
from bandit_svc.errors import InvalidInput


@pytest.mark.parametrize(
    "fact",
    [
        UnitChange("f", "u", 5),
        UnitChange("f", "u", 5, {"tier": None, "n": 1.5}, "denied", ("a", "b")),
        UnitEvent("f", "u", 5, "viewed", 4),
        UnitEvent(
            "f",
            "ü",
            5,
            "viewed",
            4,
            {"viewed.": KeptValue(90), "viewed.price": KeptValue(90, 59.0)},
        ),
    ],
)
def test_a_fact_comes_back_from_its_record(fact: UnitFact) -> None:
    record = encode_unit_fact(fact)

    assert record.kind == UNIT
    assert decode_unit_fact(record.payload) == fact


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"type":"x"}', b"\xff", b"[1]"])
def test_what_is_no_fact_is_unreadable(payload: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        decode_unit_fact(payload)


@pytest.mark.parametrize(
    ("traits", "pointer"),
    [
        ({f"t{i}": 1 for i in range(33)}, "/traits"),
        ({"a": {"b": 1}}, "/traits/a"),
        ({"a": [1]}, "/traits/a"),
        ({"a/b": float("nan")}, "/traits/a~1b"),
        ({"a": "x" * 257}, "/traits/a"),
        ({f"t{i}": "x" * 250 for i in range(5)}, "/traits"),
    ],
)
def test_traits_that_are_too_large_or_nest_are_refused(
    traits: dict[str, object], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_traits(traits)
    assert [field.pointer for field in refused.value.fields] == [pointer]


@pytest.mark.parametrize(
    ("links", "pointer"),
    [
        (tuple("abcdef"), "/links"),
        (("a", ""), "/links/1"),
        (("x" * 257,), "/links/0"),
        (("a", "u"), "/links/1"),
    ],
)
def test_links_that_make_no_person_are_refused(
    links: tuple[str, ...], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_links("u", links)
    assert [field.pointer for field in refused.value.fields] == [pointer]


def test_properties_over_4_kb_are_refused() -> None:
    check_properties({"a": "x" * 4_000, "list": [1, {"b": None}]})

    with pytest.raises(InvalidInput, match="have 4503 bytes"):
        check_properties({"a": "x" * 4_495})
    with pytest.raises(InvalidInput) as refused:
        check_properties({"n" * 257: 1})
    assert refused.value.fields[0].pointer.startswith("/properties/n")


def test_trails_take_texts_and_numbers_and_nothing_else() -> None:
    day_ms = 86_400_000
    trails = {
        TrailName("viewed"): day_ms,
        TrailName("viewed", "price"): day_ms,
        TrailName("viewed", "price", as_text=True): 2 * day_ms,
        TrailName("viewed", "item"): day_ms,
        TrailName("viewed", "missing"): day_ms,
        TrailName("viewed", "list"): day_ms,
        TrailName("viewed", "flag"): day_ms,
        TrailName("viewed", "huge"): day_ms,
        TrailName("other"): day_ms,
    }
    properties = {
        "price": 59,
        "item": "x" * 100,
        "list": [1],
        "flag": True,
        "huge": 10**400,
        "mail": "somebody@example.org",
    }

    assert kept_of("viewed", properties, trails) == {
        "viewed.": KeptValue(day_ms),
        "viewed.price": KeptValue(day_ms, 59.0),
        "viewed.price#": KeptValue(2 * day_ms, "59"),
        "viewed.item": KeptValue(day_ms, "x" * 64),
    }
