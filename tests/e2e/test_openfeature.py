"""The SDK of OpenFeature and its OFREP provider from PyPI, against a real service."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.track import TrackingEventDetails

from bandit_svc.client.openfeature import BanditProvider
from tests.harness.served import Served, StartServed

pytestmark = pytest.mark.e2e

FLAGS: dict[str, tuple[object, object]] = {
    "colour": ("red", "blue"),
    "switch": (True, False),
    "rows": (3, 5),
    "ratio": (1, 2.5),
    "layout": ({"columns": 2}, {"columns": 3}),
    "plain": (None, None),
}
READ_BY = {
    "colour": "string",
    "switch": "boolean",
    "rows": "integer",
    "ratio": "float",
    "layout": "object",
    "plain": "string",
}
DEFAULTS = {"string": "-", "boolean": False, "integer": -1, "float": -1.0, "object": {}}


@pytest.fixture
def served(start_service: StartServed) -> Served:
    service = start_service()
    for key, payloads in FLAGS.items():
        variants = [
            {"key": name, "payload": payload}
            for name, payload in zip("ab", payloads, strict=True)
        ]
        body = {"key": key, "variants": variants, "exploration_floor": 0.5}
        assert service.post("/v1/experiments", body) is not None
    return service


@pytest.fixture
def client(served: Served) -> Iterator[OpenFeatureClient]:
    api.set_provider(OFREPProvider(served.url, timeout=60.0))
    yield api.get_client()
    api.shutdown()
    api.clear_providers()


def test_each_type_of_flag_is_read_with_what_a_decision_says(
    served: Served, client: OpenFeatureClient
) -> None:
    for key, kind in READ_BY.items():
        a, b = FLAGS[key]
        wanted = {"a": "a" if a is None else a, "b": "b" if b is None else b}
        for i in range(12):
            details = getattr(client, f"get_{kind}_details")(
                key,
                DEFAULTS[kind],
                EvaluationContext(f"u-{i}", {"device": "mobile", "hour": 21}),
            )
            told = details.flag_metadata
            assert details.error_code is None, details.error_message
            assert details.reason in {Reason.SPLIT, Reason.STATIC}
            assert details.value == wanted[details.variant]
            path = f"/v1/decisions/{told['decisionId']}"
            seen = served.wait_for(partial(served.get, path), "the decision found")
            assert seen["variant"] == details.variant
            assert seen["propensity"] == told["propensity"]
            assert seen["context"] == {"device": "mobile", "hour": 21}
            assert (seen["group"], seen["experiment"]) == (told["group"], key)


def test_errors_reach_the_client_as_the_protocol_has_them(
    client: OpenFeatureClient,
) -> None:
    someone = EvaluationContext("u-1")
    unknown = client.get_string_details("nothing", "mine", someone)
    nobody = client.get_string_details("colour", "mine")
    odd = client.get_string_details(
        "colour", "mine", EvaluationContext("u-1", {"a": [1]})
    )
    mistyped = client.get_integer_details("colour", 4, someone)

    assert [one.value for one in (unknown, nobody, odd)] == ["mine"] * 3
    assert unknown.error_code == ErrorCode.FLAG_NOT_FOUND
    assert nobody.error_code == ErrorCode.TARGETING_KEY_MISSING
    assert odd.error_code == ErrorCode.INVALID_CONTEXT
    assert mistyped.error_code == ErrorCode.TYPE_MISMATCH
    for one in (unknown, nobody, odd):
        assert one.error_message
        assert "{" not in one.error_message


def test_a_stopped_experiment_keeps_its_baseline(
    served: Served, client: OpenFeatureClient
) -> None:
    someone = EvaluationContext("u-1")
    body = {"key": "old", "variants": [{"key": "a"}, {"key": "b"}]}
    baseline = {"kind": "fixed", "variant": "b"}
    served.post("/v1/experiments", body | {"baseline": baseline, "status": "paused"})
    details = client.get_string_details("old", "mine", someone)

    assert (details.value, details.variant) == ("b", "b")
    assert details.reason == Reason.DISABLED
    assert json.dumps(details.flag_metadata) == '{"experiment": "old"}'


def test_a_tracked_event_rewards_the_decision_that_it_names(served: Served) -> None:
    api.set_provider(BanditProvider(served.url, timeout=60.0))
    client, someone = api.get_client(), EvaluationContext("u-1")
    body = {"key": "buy", "variants": [{"key": "a"}, {"key": "b"}]}
    served.post("/v1/experiments", body | {"reward": {"event": "bought"}})
    told = client.get_string_details("buy", "mine", someone).flag_metadata
    attributes: dict[str, Any] = {
        "decisionId": told["decisionId"],
        "eventId": "e-1",
        "item": "boots",
    }
    for _ in range(2):
        client.track("bought", someone, TrackingEventDetails(1.0, attributes))
    client.track("bought", EvaluationContext(), TrackingEventDetails(1.0, attributes))

    def rewards() -> list[dict[str, object]]:
        seen = served.get(f"/v1/decisions/{told['decisionId']}")
        return list(seen["rewards"]) if seen else []

    (kept,) = served.wait_for(rewards, "the reward known")
    assert (kept["value"], kept["reward_id"]) == (1.0, "e-1")
    api.shutdown()
    api.clear_providers()


def test_tracking_never_raises_into_the_program() -> None:
    provider = BanditProvider("http://127.0.0.1:9", timeout=60.0)

    provider.track("bought", EvaluationContext("u-1"))
    provider.track("bought")
