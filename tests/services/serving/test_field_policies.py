"""What is kept of a context: what was declared, before it is used or logged."""

import pytest

from bandit_svc.errors import InvalidInput
from tests.harness.service import Service

FIELDS: dict[str, object] = {
    "user.email": "drop",
    "user.name": "hash",
    "user.zip": {"policy": "bucket", "length": 2},
    "user.age": {"policy": "bucket", "width": 10},
    "weather": {"policy": "keep", "label": "the weather where you are"},
}
CONTEXT = {
    "weather": "rain",
    "user": {"email": "a@example.org", "name": "Ada", "zip": "10115", "age": 37},
    "hour": 7,
}


def test_a_decision_is_made_and_logged_with_what_is_kept(service: Service) -> None:
    service.create(fields=FIELDS)
    decided = service.decide(context=CONTEXT)
    user = decided.decision.context["user"]

    assert decided.decision.context["weather"] == "rain"
    assert decided.decision.context["hour"] == 7
    assert set(user) == {"name", "zip", "age"}
    assert (user["zip"], user["age"]) == ("10", 30)
    assert service.logged() == [decided.decision]
    for raw in ("Ada", "a@example.org", "10115"):
        assert raw not in str(decided.decision)


def test_a_hash_is_the_experiments_own(service: Service) -> None:
    service.create(fields=FIELDS)
    service.create("other", fields=FIELDS)
    first, again = (service.decide(context=CONTEXT) for _ in range(2))
    other = service.decide(experiment="other", context=CONTEXT)
    names = [d.decision.context["user"]["name"] for d in (first, again, other)]

    assert names[0] == names[1] != names[2]


def test_conditions_see_what_is_kept(service: Service) -> None:
    variants = [{"key": "a"}, {"key": "b", "when": "user.age = 30"}]
    service.create(variants=variants, fields=FIELDS)

    assert service.decide(context=CONTEXT).decision.variants == ("a", "b")


def test_a_retry_is_told_from_another_request_by_what_is_kept(
    service: Service,
) -> None:
    service.create(fields=FIELDS)
    first = service.decide(request_id="r", context=CONTEXT)
    again = service.decide(request_id="r", context=CONTEXT)

    assert again.repeated
    assert again.decision == first.decision


def test_a_value_of_another_kind_than_its_buckets_is_left_out(
    service: Service,
) -> None:
    service.create(fields=FIELDS)
    decided = service.decide(context={"user": {"age": "old", "zip": None}})

    assert decided.decision.context == {}


@pytest.mark.parametrize(
    ("context", "pointer"),
    [
        ({"user": {"email": "x"}}, "/context/user/email"),
        ({"contact": "a@example.org"}, "/context/contact"),
        ({"religion": "none"}, "/context/religion"),
        ({"health": {"weight": 80}}, "/context/health/weight"),
        ({"who": "+49 30 1234567"}, "/context/who"),
        ({"customer_id": 7}, "/context/customer_id"),
    ],
)
def test_a_strict_experiment_refuses_facts_of_a_person(
    service: Service, context: dict[str, object], pointer: str
) -> None:
    service.create(features_strict=True)
    with pytest.raises(InvalidInput) as raised:
        service.decide(context=context)

    assert raised.value.fields[0].pointer == pointer
    assert service.logged() == []


def test_a_strict_experiment_takes_what_is_declared_or_harmless(
    service: Service,
) -> None:
    service.create(features_strict=True, fields=FIELDS)
    context = {"device": "mobile", "price": 12345678, "day": "2026-11-28"}

    assert service.decide(context=CONTEXT | context).decision.context["price"]


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ({"policy": "bucket"}, ""),
        ({"policy": "keep", "width": 3}, ""),
        ({"policy": "bucket", "width": 0}, "/width"),
        ({"policy": "bucket", "length": 0}, "/length"),
        ({"label": "x" * 300}, "/label"),
        ("mask", ""),
    ],
)
def test_a_declaration_that_cant_be_followed_is_refused(
    service: Service, field: object, place: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        service.create(fields={"user/zip": field})

    assert raised.value.fields[0].pointer in {f"/fields/user~1zip{place}", "/fields"}
