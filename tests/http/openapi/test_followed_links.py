"""Every link of `/openapi.json`, followed on a running worker, gets a good answer."""

from collections.abc import Mapping
from typing import Any

import pytest

from bandit_svc.http.openapi.links import LINKS, Link
from bandit_svc.http.openapi.operations import OPERATIONS
from tests.harness.api_examples import recorded
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

each_link = pytest.mark.parametrize(
    ("source", "link"),
    [
        pytest.param(source, link, id=f"{source} {link.name}")
        for source, links in LINKS.items()
        for link in links
    ],
)
Call = Mapping[str, Any]
"""What was sent to an operation, and what it answered."""


@pytest.fixture(scope="module")
def called(
    start_shared_worker: StartWorker,
) -> tuple[WorkerInProcess, Mapping[str, Call]]:
    service = start_shared_worker()
    return service, recorded(service)


@each_link
def test_a_link_that_is_followed_gets_a_good_answer(
    called: tuple[WorkerInProcess, Mapping[str, Call]], source: str, link: Link
) -> None:
    service, calls = called
    call = calls[source]
    (target,) = (one for one in OPERATIONS if one.name == link.to)
    parameters = evaluated(link.parameters, call)
    body = None if link.body is None else evaluated(link.body, call)
    service.learn()

    answer = service.call(target.method.upper(), target.path.format(**parameters), body)

    # The example is of a decision that is not deferred, so that it can't be activated.
    at_once = link.name == "activate" and source == "post /v1/decisions"
    # Links have no headers, so that nothing signs a delivery.
    is_unsigned = link.name == "deliver"
    expected = 409 if at_once else 401 if is_unsigned else target.status
    assert answer.status_code == expected, answer.text


def evaluated(value: object, call: Call) -> Any:
    """Return a value with its runtime expressions replaced by what they take."""
    if isinstance(value, Mapping):
        return {name: evaluated(inner, call) for name, inner in value.items()}
    if isinstance(value, list):
        return [evaluated(inner, call) for inner in value]
    if not (isinstance(value, str) and value.startswith("$")):
        return value
    place, _, pointer = value.partition("#")
    if not pointer:
        return call["parameters"][place.removeprefix("$request.path.")]
    found = call["answer" if place == "$response.body" else "request"]
    for part in pointer.split("/")[1:]:
        found = found[int(part) if isinstance(found, list) else part]
    return found
