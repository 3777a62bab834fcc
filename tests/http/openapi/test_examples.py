"""The examples and statuses of `/openapi.json` are those of real answers."""

from typing import Any

import pytest

from bandit_svc.domain.limits import MAX_BATCH_BODY_BYTES
from bandit_svc.http.openapi.document import build, examples
from bandit_svc.http.openapi.operations import OPERATIONS, Operation
from tests.harness.api_examples import recorded
from tests.harness.json_schema import faults
from tests.harness.worker_in_process import WorkerInProcess

DOCUMENT = build()
SCHEMAS = DOCUMENT["components"]["schemas"]
each_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[one.name for one in OPERATIONS]
)


def described(operation: Operation) -> Any:
    return DOCUMENT["paths"][operation.path][operation.method]


def content_of(operation: Operation) -> Any:
    """The content of a good answer: its schema and its example."""
    answer = described(operation)["responses"][str(operation.status)]
    return answer["content"][operation.media]


@each_operation
def test_every_answer_has_a_schema_and_an_example_of_it(operation: Operation) -> None:
    content = content_of(operation)

    assert content["schema"]
    assert content["example"], "run python -m tests.harness.api_examples"
    assert faults(content["example"], content["schema"], SCHEMAS) == []


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body])
def test_every_body_has_a_schema_and_an_example_of_it(operation: Operation) -> None:
    content = described(operation)["requestBody"]["content"]["application/json"]

    assert content["example"]
    assert faults(content["example"], content["schema"], SCHEMAS) == []


def test_real_answers_are_as_described(service: WorkerInProcess) -> None:
    found = recorded(service)

    assert set(found) == {one.name for one in OPERATIONS} == set(examples())
    for operation in OPERATIONS:
        answer = found[operation.name]["answer"]
        assert faults(answer, content_of(operation)["schema"], SCHEMAS) == []


def test_a_value_that_is_not_described_is_a_fault() -> None:
    answer = examples()["post /v1/rewards"]["answer"]
    schema = SCHEMAS["RewardAnswer"]

    assert faults(answer, schema, SCHEMAS) == []
    assert faults(answer | {"metric": 3}, schema, SCHEMAS) == [
        "/metric: 3 is no string"
    ]
    assert faults({}, schema, SCHEMAS)[0] == ": decision_id is missing"


@each_operation
def test_a_refusal_has_a_described_status(
    service: WorkerInProcess, operation: Operation
) -> None:
    path = operation.path.format(
        decision_id="no",
        key="no",
        version=1,
        id="no",
        unit_id="no",
        reward_id="no",
        release="no",
        source="no",
    )
    method, allowed = operation.method.upper(), set(described(operation)["responses"])
    publishable = {"Authorization": f"Bearer {service.publishable}"}
    answers = [
        service.call(method, path, headers={"Authorization": ""}),
        service.call(method, path, headers=publishable),
        service.call(method, path),
        service.call(method, path, b"{"),
        service.call(method, path, b" " * (MAX_BATCH_BODY_BYTES + 1)),
    ]

    assert {str(answer.status_code) for answer in answers} <= allowed


@each_operation
def test_a_store_that_can_not_be_read_has_a_described_status(
    service: WorkerInProcess, operation: Operation
) -> None:
    path = operation.path.format(
        decision_id="no",
        key="no",
        version=1,
        id="no",
        unit_id="no",
        reward_id="no",
        release="no",
        source="no",
    )
    (service.folder / "bandit.db").write_bytes(b"no database")
    answer = service.call(operation.method.upper(), path, {})

    assert str(answer.status_code) in described(operation)["responses"]


def test_a_key_that_may_not_is_refused_with_a_described_status() -> None:
    for operation in OPERATIONS:
        described_statuses = set(described(operation)["responses"])
        # A publishable key may report a reward, and not correct one; flags and ids name
        # an experiment in their path, which a key may not be for. The key of a page's
        # body is in no header.
        in_body = operation.path == "/v1/outcomes"
        may_not = (
            operation.access == "secret"
            or in_body
            or operation.path == "/v1/rewards"
            or operation.path.startswith(("/ofrep/", "/v1/why/"))
        )
        assert ("403" in described_statuses) == may_not
        is_signed = operation.path == "/v1/webhooks/{source}"
        needs_key = in_body or is_signed or operation.access != "open"
        assert ("401" in described_statuses) == needs_key
        assert "500" in described_statuses
