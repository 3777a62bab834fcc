"""Sources are added, listed, rotated and removed by API, as by command."""

from tests.harness.web.signed import Source
from tests.harness.worker_in_process import WorkerInProcess

RULE = {"type": "paid", "value": "data.total", "decision_id": "data.decision"}
ORDERS = {"name": "orders", "kind": "standard-webhooks", "mapping": {"events": [RULE]}}


def test_a_secret_is_in_the_answer_to_its_making_alone(
    service: WorkerInProcess,
) -> None:
    added = service.post("/v1/webhooks", ORDERS)
    rotated = service.post("/v1/webhooks/orders/secrets", {"keep_seconds": 60})
    listed = service.get("/v1/webhooks")
    removed = service.call("DELETE", "/v1/webhooks/orders")

    assert (added.status_code, rotated.status_code) == (201, 201)
    assert added.headers["Location"] == "/v1/webhooks/orders"
    secrets = [added.json["secret"], rotated.json["secret"]]
    assert len(set(secrets)) == 2
    assert len(listed.json["webhooks"][0]["secrets"]) == 2
    for answer in (listed, removed):
        assert answer.status_code == 200
        assert "whsec_" not in answer.text
        assert not any(secret in answer.text for secret in secrets)
    assert service.get("/v1/webhooks").json == {"webhooks": []}


def test_a_source_is_served_until_it_is_removed(service: WorkerInProcess) -> None:
    source = Source(service, "standard-webhooks")
    body: dict[str, object] = {"type": "ping"}

    assert source.send(body).status_code == 200
    service.call("DELETE", "/v1/webhooks/orders")
    assert source.send(body).status_code == 404
    assert service.call("DELETE", "/v1/webhooks/orders").status_code == 404


def test_what_can_not_be_is_refused_with_its_place(service: WorkerInProcess) -> None:
    service.create("hero")
    of_units = {"type": "paid", "value": 1, "unit": "u"}
    cases: list[tuple[dict[str, object], str]] = [
        ({"name": "Orders"}, "/name"),
        ({"kind": "fax"}, "/kind"),
        ({"browser": True}, "/browser"),
        ({"secret": "short"}, "/secret"),
        ({"mapping": {"events": [RULE | {"scale": 0}]}}, "/mapping/events/0/scale"),
        (
            {"mapping": {"events": [RULE | {"experiment": "none"}]}},
            "/mapping/events/0/experiment",
        ),
        (
            {"mapping": {"events": [of_units | {"experiment": "hero"}]}},
            "/mapping/events/0/experiment",
        ),
    ]
    for change, pointer in cases:
        answer = service.post("/v1/webhooks", ORDERS | change)

        assert answer.status_code == 400, change
        assert [one["pointer"] for one in answer.json["errors"]] == [pointer]
    too_long = {"keep_seconds": 10**9}
    Source(service, "stripe")
    assert service.post("/v1/webhooks/orders/secrets", too_long).status_code == 400
    assert service.post("/v1/webhooks", ORDERS).status_code == 409
