"""Nothing that is sent in Segment's protocol is an internal error."""

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.web.write_key import basic, new_write_key
from tests.harness.worker_in_process import StartWorker

VIEW = {"type": "track", "event": "viewed", "userId": "u-1", "messageId": "m-1"}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.text(max_size=8), inside, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def never_our_fault(start_shared_worker: StartWorker) -> Callable[[str, bytes], None]:
    service = start_shared_worker()
    headers = basic(new_write_key(service))

    def check(path: str, body: bytes) -> None:
        answer = service.post(path, body, headers)
        assert answer.status_code in {200, 400, 413}, answer.text
        assert answer.json["success"] == (answer.status_code == 200)

    return check


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(field=st.sampled_from([*VIEW, "timestamp", "sentAt", "traits"]), value=ANY_JSON)
def test_an_arbitrary_value_of_a_field_is_never_an_internal_error(
    never_our_fault: Callable[[str, bytes], None], field: str, value: object
) -> None:
    message = {**VIEW, field: value}
    never_our_fault("/v1/batch", json.dumps({"batch": [message]}).encode())
    for kind in ("track", "identify", "alias", "page"):
        never_our_fault(f"/v1/{kind}", json.dumps(message).encode())
    never_our_fault("/v1/batch", json.dumps(value).encode())
