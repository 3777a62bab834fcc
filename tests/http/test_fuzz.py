"""Whatever is sent to a route that takes a body, the fault is never ours."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.worker_in_process import StartWorker

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["hero", "open", "a", "b", "", "kind", "vw", "x" * 300, 10**30])
)
NAMES = st.text(max_size=10) | st.sampled_from(
    ["experiment", "context", "variants", "key", "policy", "kind", "reward", "payload"]
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inside: (
        st.lists(inside, max_size=4) | st.dictionaries(NAMES, inside, max_size=4)
    ),
    max_leaves=12,
)
FUZZED = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TWO = [{"key": "a"}, {"key": "b"}]
# Good bodies, in which one field is replaced.
ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "POST",
        "/v1/decisions",
        {
            "experiment": "open",
            "unit_id": "u",
            "context": {"device": "mobile"},
            "exclude": ["b"],
            "variants": ["a", {"key": "z", "features": {}, "payload": None}],
            "request_id": "r",
            "defer": False,
        },
    ),
    ("POST", "/v1/decisions/batch", {"decisions": [{"experiment": "hero"}]}),
    (
        "POST",
        "/v1/rewards",
        {
            "decision_id": "GOOD",
            "value": 1.0,
            "reward_id": "r",
            "occurred_at": "2027-01-15T08:00:00Z",
            "metric": "reward",
        },
    ),
    ("POST", "/v1/rewards/batch", {"rewards": [{"decision_id": "GOOD", "value": 1}]}),
    (
        "POST",
        "/v1/experiments",
        {
            "key": "hero",
            "variants": TWO,
            "policy": {"kind": "vw"},
            "baseline": {"kind": "weighted", "weights": {"a": 1}},
            "reward": {"window_seconds": 5},
            "holdout": 0.1,
        },
    ),
    (
        "PATCH",
        "/v1/experiments/hero",
        {
            "variants": TWO,
            "policy": {"kind": "linear"},
            "baseline": {"kind": "fixed", "variant": "b"},
            "reward": {"window_seconds": 5, "grace_seconds": 1},
            "exploration_floor": 0.1,
        },
    ),
    ("POST", "/v1/decisions/GOOD/activate", {}),
    ("POST", "/v1/experiments/hero/models/1/restore", {}),
    (
        "POST",
        "/v1/experiments/hero/evaluations",
        {"policies": ["uniform", {"kind": "rules", "rules": ["when a = 1 then a"]}]},
    ),
]
each_route = pytest.mark.parametrize(
    ("method", "path", "good"), ROUTES, ids=[f"{m} {p}" for m, p, _ in ROUTES]
)


@pytest.fixture(scope="module")
def never_our_fault(
    start_shared_worker: StartWorker,
) -> Callable[[str, str, bytes], None]:
    service = start_shared_worker()
    service.create("hero")
    service.create("open", request_variants="replace")
    good = service.decide("hero")["decision_id"]

    def check(method: str, path: str, body: bytes) -> None:
        body = body.replace(b"GOOD", good.encode())
        answer = service.call(method, path.replace("GOOD", good), body)

        assert answer.status_code < 500, answer.text[:300]
        assert answer.mimetype in {"application/json", "application/problem+json"}
        # What was stored, if anything, can be read back and be decided on.
        assert service.get("/v1/experiments").status_code == 200
        assert service.post("/v1/decisions", {"experiment": "open"}).status_code == 201

    return check


@each_route
@FUZZED
@given(body=st.binary(max_size=200))
def test_arbitrary_bytes_are_never_an_internal_error(
    never_our_fault: Callable[[str, str, bytes], None],
    method: str,
    path: str,
    good: dict[str, Any],
    body: bytes,
) -> None:
    del good
    never_our_fault(method, path, body)


@each_route
@FUZZED
@given(document=ANY_JSON)
def test_arbitrary_json_is_never_an_internal_error(
    never_our_fault: Callable[[str, str, bytes], None],
    method: str,
    path: str,
    good: dict[str, Any],
    document: object,
) -> None:
    del good
    never_our_fault(method, path, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("method", "path", "good", "field"),
    [
        pytest.param(method, path, good, field, id=f"{method} {path} {field}")
        for method, path, good in ROUTES
        for field in good
    ],
)
@settings(FUZZED, max_examples=40)
@given(value=ANY_JSON)
def test_an_arbitrary_value_of_a_known_field_is_never_an_internal_error(
    never_our_fault: Callable[[str, str, bytes], None],
    method: str,
    path: str,
    good: dict[str, Any],
    field: str,
    value: object,
) -> None:
    never_our_fault(method, path, json.dumps(good | {field: value}).encode())
