"""What looks like a fact of a person, and what a namespace declares for its keys."""

from typing import Any

import pytest

from bandit_svc.domain.people.field_policy import FieldPolicies, FieldPolicy, suspects

PERSONAL: dict[str, Any] = {
    "email": 1,
    "userEmail": "x",
    "emailAddress": "x",
    "userId": 81,
    "session_id": "s",
    "id": "s",
    "user.phone_number": "x",
    "note": "write to bob@example.org, please",
    "state": "Pregnant",
    "group": "muslim",
    "place": "192.168.0.17",
    "token": "0b6f0b4e-6f5c-4b6f-9d0c-0d8f0b7a1c2d",
    "account": "DE89 3704 0044 0532 0130 00",
    "call": "+49 30 1234567",
}
HARMLESS: dict[str, Any] = {
    "item_id": "dress-42",
    "category": "dress",
    "device": "mobile",
    "day": "2026-11-28",
    "at": "2026-11-28T10:00:00Z",
    "version": "4.12.3",
    "price": "1299.00",
    "zip": "10115",
    "hidden": True,
    "mailing": "weekly",
    "video": "a",
    "handle": "@shop",
}


@pytest.mark.parametrize("name", PERSONAL)
def test_what_looks_personal_is_found(name: str) -> None:
    assert [key for key, _ in suspects({name: PERSONAL[name]}, {})] == [name]


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_not_is_left_alone(name: str) -> None:
    assert not list(suspects({name: HARMLESS[name], "x": {name: HARMLESS[name]}}, {}))


def test_the_policy_of_a_namespace_is_that_of_all_in_it() -> None:
    fields = FieldPolicies(
        {
            "user": "drop",
            "user.age": FieldPolicy("bucket", width=10),
            "user.tier": "keep",
        },
        "salt",
        strict=True,
    )
    user = {"email": "a@example.org", "age": 47, "tier": "gold", "note": "x"}

    assert fields.kept({"user": user, "hour": 3}) == {
        "user": {"age": 40, "tier": "gold"},
        "hour": 3,
    }
    assert fields.kept({"user": {"email": "a@example.org"}}) == {}
