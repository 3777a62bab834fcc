"""A mapping says what becomes of a source's events, or what is wrong with it."""

from typing import Any

import pytest

from bandit_svc.domain.doors.mapped import Incoming, Output, Skipped, mapped
from bandit_svc.domain.doors.mapping import parse_mapping
from bandit_svc.errors import InvalidInput

NOW_MS = 1_800_000_000_000
PAID: dict[str, Any] = {"type": "paid", "value": "data.total", "unit": "data.who"}


def outputs(rule: dict[str, Any], **data: object) -> list[Output | Skipped]:
    mapping = parse_mapping({"events": [PAID | rule]})
    document = {"type": "paid", "data": {"who": "u", "total": 5} | data}
    return mapped(mapping, Incoming("e-1", "paid", document, NOW_MS - 5), NOW_MS)


def body(rule: dict[str, Any], **data: object) -> dict[str, Any]:
    (one,) = outputs(rule, **data)
    assert isinstance(one, Output)
    return one.body


@pytest.mark.parametrize(
    ("rule", "data", "value"),
    [
        ({}, {}, 5.0),
        ({}, {"total": "12.50"}, 12.5),
        ({"scale": 0.01}, {"total": 1999}, 19.99),
        ({"scale": 0.01}, {"total": "1999"}, 19.99),
        ({"value": 2}, {}, 2.0),
        ({"value": "data.lines.1.price"}, {"lines": [{}, {"price": 7}]}, 7.0),
        ({"minus": "data.back"}, {"total": 0.3, "back": 0.1}, 0.2),
        ({"maximum": 4}, {}, 4.0),
        ({"minimum": 6}, {}, 6.0),
        ({"currency": "data.c", "currencies": {"eur": 2}}, {"c": "EUR"}, 10.0),
    ],
)
def test_the_number_is_exact(
    rule: dict[str, Any], data: dict[str, Any], value: float
) -> None:
    assert body(rule, **data)["value"] == value


@pytest.mark.parametrize(
    "total",
    [
        *(None, True, "12,50", "", "nan", "1e999", [], {"a": 1}, "9" * 65),
        *(10**400, -(10**400), "-1e-999999", float("inf")),
    ],
)
def test_what_is_no_number_is_refused_with_its_place(total: object) -> None:
    with pytest.raises(InvalidInput, match=r"no number at data\.total") as caught:
        outputs({}, total=total)

    assert [field.pointer for field in caught.value.fields] == ["/data/total"]


@pytest.mark.parametrize(
    ("sent", "occurred_at"),
    [
        (1_799_999_999, "2027-01-15T07:59:59.000Z"),
        (1_799_999_999_500, "2027-01-15T07:59:59.500Z"),
        ("1799999999", "2027-01-15T07:59:59.000Z"),
        ("2027-01-15T09:00:00+02:00", "2027-01-15T07:00:00.000Z"),
        ("2027-01-15T07:00:00", "2027-01-15T07:00:00.000Z"),
        ("2031-01-01T00:00:00Z", "2027-01-15T08:00:00.000Z"),
    ],
)
def test_times_are_read_as_they_come_and_none_is_ahead(
    sent: object, occurred_at: str
) -> None:
    found = body({"occurred_at": "data.at"}, at=sent)

    assert found["occurred_at"] == occurred_at


@pytest.mark.parametrize(
    "sent", [None, True, "yesterday", -1, 10**400, "1e300", "0001-01-01T00:00:00", {}]
)
def test_what_is_no_time_is_refused_with_its_place(sent: object) -> None:
    with pytest.raises(InvalidInput, match=r"no time at data\.at"):
        outputs({"occurred_at": "data.at"}, at=sent)


def test_a_number_that_is_absurdly_long_is_no_id() -> None:
    assert isinstance(outputs({}, who=10**400)[0], Skipped)


def test_the_first_place_that_has_an_id_counts() -> None:
    rule = {"unit": ["data.a.b", "data.n", "data.who"], "decision_id": "data.d"}

    assert body(rule)["unit_id"] == "u"
    assert body(rule, n=7)["unit_id"] == "7"
    named = body(rule, d="d-1")
    assert (named["decision_id"], "unit_id" in named) == ("d-1", False)


def test_an_event_has_its_name_value_and_properties() -> None:
    rule = {"to": "event", "event": "bought", "properties": "data.p"}

    assert body(rule, p={"a": 1}) == {
        "unit_id": "u",
        "occurred_at": "2027-01-15T07:59:59.995Z",
        "event": "bought",
        "event_id": "e-1",
        "value": 5.0,
        "properties": {"a": 1},
    }


def test_every_rule_of_a_type_does_its_part() -> None:
    mapping = parse_mapping(
        {
            "events": [
                PAID,
                PAID | {"metric": "orders", "value": 1},
                PAID | {"type": "x"},
            ]
        }
    )
    document = {"data": {"who": "u", "total": 5}}
    found = mapped(mapping, Incoming("e-1", "paid", document), NOW_MS)

    values = [one.body["value"] for one in found if isinstance(one, Output)]
    assert values == [5.0, 1.0]


def test_of_corrections_the_most_taken_off_or_the_newest_event_is_newest() -> None:
    rule = {"correction": True, "reward_id": "data.order"}
    (by_time,) = outputs(rule, order="o-1")
    (by_sum,) = outputs(rule | {"minus": "data.back"}, order="o-1", back=3)

    assert isinstance(by_time, Output)
    assert isinstance(by_sum, Output)
    assert (by_time.rank, by_sum.rank) == (NOW_MS - 5, 3.0)


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"type": ""}, "/events/0/type"),
        ({"value": None}, "/events/0/value"),
        ({"value": "data..total"}, "/events/0/value"),
        ({"value": float("inf")}, "/events/0/value"),
        ({"unit": []}, "/events/0/unit"),
        ({"unit": ["a b"]}, "/events/0/unit"),
        ({"scale": 0}, "/events/0/scale"),
        ({"scale": "x"}, "/events/0/scale"),
        ({"scale": float("nan")}, "/events/0/scale"),
        ({"minimum": 2, "maximum": 1}, "/events/0/minimum"),
        ({"currency": "data.c"}, "/events/0/currencies"),
        ({"currencies": {"EUR": 1}}, "/events/0/currency"),
        ({"currency": "c", "currencies": {"EUR": 0}}, "/events/0/currencies/EUR"),
        ({"correction": True}, "/events/0/reward_id"),
        ({"metric": "no name"}, "/events/0/metric"),
        ({"properties": "data"}, "/events/0/properties"),
        ({"to": "event", "unit": []}, "/events/0/unit"),
        ({"to": "event", "minus": "data.x"}, "/events/0/minus"),
        ({"to": "event", "metric": "orders"}, "/events/0/metric"),
        ({"to": "somewhere"}, "/events/0/to"),
        ({"wrong": 1}, "/events/0/wrong"),
    ],
)
def test_a_rule_that_can_not_be_followed_is_refused_with_its_place(
    rule: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_mapping({"events": [PAID | rule]})

    assert [field.pointer for field in caught.value.fields] == [pointer]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, "/events"),
        ({"events": []}, "/events"),
        ({"events": [PAID] * 2}, "/events/1/type"),
        ({"events": [PAID] * 101}, "/events"),
        ({"events": [PAID], "more": 1}, "/more"),
    ],
)
def test_a_mapping_that_is_none_is_refused(
    document: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_mapping(document)

    assert [field.pointer for field in caught.value.fields] == [pointer]
