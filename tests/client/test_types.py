"""An argument of a wrong type is a mistake of the program: nothing is sent."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest

from bandit_svc.client import AsyncBanditClient, BanditClient
from tests.harness.client.collecting_service import collecting_service
from tests.harness.fakes.json_server import Answer
from tests.harness.fakes.scripted_service import ScriptedService
from tests.harness.waiting import GENEROUS_S
from tests.harness.web.own_loop import in_own_loop

DECIDED = {"decision_id": "d-1", "experiment": "hero", "variant": "sandals"}
WRONG: list[tuple[str, Mapping[str, object]]] = [
    ("exclude is a str; it must be a list", {"exclude": "x"}),
    ("exclude is None; it must be a list", {"exclude": None}),
    ("exclude is a bytes", {"exclude": b"x"}),
    ("exclude is a dict", {"exclude": {"x": 1}}),
    ("exclude is a int", {"exclude": 5}),
    (r"exclude\[1\] is a int; it must be a string", {"exclude": ["a", 1]}),
    ("variants is a str", {"variants": "x"}),
    ("variants is a dict", {"variants": {"x": 1}}),
    (r"variants\[0\] is None", {"variants": [None]}),
    ("context is a list; it must be a mapping", {"context": ["phone"]}),
    ("context is a str", {"context": "phone"}),
    ("unit_id is a int; it must be a string", {"unit_id": 5}),
    ("experiment is None", {"experiment": None}),
    ("fallback is a int", {"fallback": 5}),
    ("request_id is a int", {"request_id": 5}),
    ("defer is a str", {"defer": "yes"}),
    ("slots is a bool", {"slots": True}),
    ("slots is a str", {"slots": "2"}),
    ("pinned is a list", {"pinned": ["a"]}),
    ("a slot of pinned is a str", {"pinned": {"1": "a"}}),
    (r"pinned\[1\] is None", {"pinned": {1: None}}),
    ("distinct_by is a list", {"distinct_by": ["a"]}),
]


@pytest.mark.parametrize(("words", "given"), WRONG)
def test_a_wrong_argument_of_a_decision_is_a_type_error_with_its_name(
    *,
    stub: ScriptedService,
    client: BanditClient,
    words: str,
    given: Mapping[str, Any],
) -> None:
    """In spite of a fallback, which is for failures of the service."""
    call: dict[str, Any] = {"experiment": "hero", "fallback": "mine", **given}

    with pytest.raises(TypeError, match=words):
        client.decide(**call)
    with pytest.raises(TypeError, match=words):
        in_own_loop(AsyncBanditClient(stub.url).decide(**call))

    assert stub.asked == []


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ("decision_id is a int", (5, 1.0)),
        ("value is a str; it must be a number", ("d-1", "1.0")),
        ("value is None", ("d-1", None)),
        ("value is a list", ("d-1", [1.0])),
        ("reward_id is a int", ("d-1", 1.0, 5)),
        ("occurred_at is a str", ("d-1", 1.0, None, "2026-01-02")),
        ("metric is None", ("d-1", 1.0, None, None, None)),
    ],
)
def test_a_wrong_argument_of_a_reward_is_a_type_error(
    *, client: BanditClient, words: str, given: tuple[Any, ...]
) -> None:
    with pytest.raises(TypeError, match=words):
        client.reward(*given)

    assert client.stats().waiting == 0


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ("unit_id is a int", {"unit_id": 5}),
        ("event is None", {"event": None}),
        ("properties is a list", {"properties": [1]}),
        ("event_id is a int", {"event_id": 5}),
        ("decision_id is a int", {"decision_id": 5}),
        ("value is a str", {"value": "1"}),
    ],
)
def test_a_wrong_argument_of_an_event_is_a_type_error(
    *, client: BanditClient, words: str, given: Mapping[str, Any]
) -> None:
    call: dict[str, Any] = {"event": "viewed", "unit_id": "u-1", **given}

    with pytest.raises(TypeError, match=words):
        client.track(**call)

    assert client.stats().waiting == 0


@pytest.mark.parametrize("items", ["x", {"a": 1}, None, [1], ["x"]])
def test_a_batch_that_is_no_list_of_objects_is_a_type_error(
    *, stub: ScriptedService, client: BanditClient, items: object
) -> None:
    batch: Any = items
    with pytest.raises(TypeError, match="requests"):
        client.decide_batch(batch)
    with pytest.raises(TypeError, match="rewards"):
        client.reward_batch(batch)

    assert stub.asked == []


@pytest.mark.parametrize(
    ("error", "given"),
    [
        (TypeError, {"url": None}),
        (TypeError, {"key": 5}),
        (ValueError, {"key": "bpk_1\r\nX: y"}),
        (ValueError, {"key": "bpk_ä"}),
        (ValueError, {"timeout_s": 0}),
        (ValueError, {"timeout_s": -1.0}),
        (ValueError, {"timeout_s": float("nan")}),
        (TypeError, {"timeout_s": "2"}),
        (TypeError, {"timeout_s": None}),
        (ValueError, {"most_waiting": -1}),
    ],
)
def test_a_client_that_could_not_work_is_not_made(
    error: type[Exception], given: Mapping[str, Any]
) -> None:
    call: dict[str, Any] = {"url": "http://127.0.0.1:1", **given}
    url = call.pop("url")

    for kind in (BanditClient, AsyncBanditClient):
        with pytest.raises(error) as caught:
            kind(url, **call)
        assert "bpk_" not in str(caught.value)


def test_what_is_iterable_or_a_mapping_is_taken(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, DECIDED))

    client.decide(
        "hero",
        context=MappingProxyType({"device": MappingProxyType({"kind": "phone"})}),
        exclude=(key for key in ("a", "b")),
        variants=("a", {"key": "c"}),
        request_id="r-1",
        pinned=MappingProxyType({}),
    )
    client.decide("hero", exclude=[], request_id="r-2")

    assert stub.asked[0].body == {
        "experiment": "hero",
        "context": {"device": {"kind": "phone"}},
        "exclude": ["a", "b"],
        "variants": ["a", {"key": "c"}],
        "request_id": "r-1",
    }
    assert stub.asked[1].body == {"experiment": "hero", "request_id": "r-2"}


def test_a_reward_may_be_any_number() -> None:
    with (
        collecting_service() as service,
        BanditClient(service.url, exit_flush_s=GENEROUS_S) as client,
    ):
        for value in (True, 1, 0.5, Decimal("0.5"), Fraction(1, 4)):
            client.reward("d-1", value, "order")
        client.flush()

        values = [reward["value"] for reward in service.taken["rewards"]]
        assert values == [1.0, 1.0, 0.5, 0.5, 0.25]
