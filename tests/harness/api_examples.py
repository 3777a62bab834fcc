"""The examples of `/openapi.json`, from real calls.

Owns the one story that calls every operation once. `python -m
tests.harness.api_examples` writes what was sent and answered to
bandit_svc/http/openapi/examples.json.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bandit_svc.http.doors.client_module import newest_module
from bandit_svc.http.openapi.operations import OPERATIONS
from bandit_svc.learner.job_kinds import JOB_KINDS
from bandit_svc.services.managing.jobs import run_job
from tests.harness.web.local_records import local_record
from tests.harness.web.signed import headers_of
from tests.harness.web.write_key import basic, new_write_key
from tests.harness.worker_in_process import WorkerInProcess

FILE = Path(__file__).parents[2] / "bandit_svc" / "http" / "openapi" / "examples.json"
KEY = "homepage-hero"
DEFINITION = {
    "key": KEY,
    "description": "the picture on top of the home page",
    "variants": [
        {
            "key": "summer-dress",
            "features": {"category": "dress"},
            "payload": {"image": "dress.jpg"},
        },
        {"key": "sandals", "features": {"category": "shoes"}},
    ],
    "policy": {"kind": "linear"},
    "baseline": {"kind": "fixed", "variant": "summer-dress"},
    "holdout": 0.3,
    "exploration_floor": 0.3,
    "features": {"views_7d": "count(viewed, 7d)", "style": "top(viewed.category)"},
    "reward": {"window_seconds": 1800, "event": "purchased"},
    "metrics": [
        {"name": "returns", "minimum": 0, "maximum": 5, "direction": "lower"},
    ],
}
DECISION = {
    "experiment": KEY,
    "unit_id": "u-81",
    "context": {"device": "mobile", "hour": 21, "user": {"segment": "new"}},
}
PROGRAMME = {
    "key": "shop",
    "description": "every place in the shop that is personalised",
    "holdout": 0.05,
    "business_as_usual": 0.05,
    "layers": {"checkout": ["popup", "banner"]},
}
PLAN = {"traffic": 20_000, "base_rate": 0.05, "lift": 0.1}
ROUNDS = 240
MOST_ITEMS = 2
MOST_LINES = 6


class Recording:
    """What was sent to each operation, and what it answered."""

    def __init__(self, service: WorkerInProcess) -> None:
        self.service = service
        self.write_key = new_write_key(service)
        self.found: dict[str, dict[str, Any]] = {}

    def call(
        self,
        operation: str,
        body: object = None,
        query: Mapping[str, float] | None = None,
        headers: Mapping[str, str] | None = None,
        **path: object,
    ) -> Any:
        """Call an operation by its name; its path takes the values of `path`."""
        (described,) = (one for one in OPERATIONS if one.name == operation)
        where = described.path.format(**path)
        asked = {} if query is None else {k: str(v) for k, v in query.items()}
        key = basic(self.write_key) if described.access == "write_key" else headers
        answer = self.service.call(
            *(described.method.upper(), where, body, key), query=asked
        )
        assert answer.status_code == described.status, answer.text
        assert answer.mimetype == described.media, answer.mimetype
        is_json = described.media == "application/json"
        is_text = described.media.startswith("text/")
        shown = answer.json if is_json else answer.text if is_text else "BSLM..."
        self.found[operation] = {"answer": shown}
        if body is not None:
            self.found[operation]["request"] = body
        if path or query:
            self.found[operation]["parameters"] = path | dict(query or {})
        return self.found[operation]["answer"]


def recorded(service: WorkerInProcess) -> dict[str, dict[str, Any]]:
    """Return the body and the answer of every operation of one small story."""
    calls = Recording(service)
    calls.call("post /v1/programmes", PROGRAMME)
    calls.call("get /v1/programmes")
    calls.call("get /v1/programmes/{key}", key="shop")
    calls.call("get /v1/programmes/{key}/report", key="shop")
    calls.call("patch /v1/programmes/{key}", {"explore": 0.05}, key="shop")
    calls.call("post /v1/experiments", DEFINITION)
    _live(service)
    _follow(calls)
    _decide(calls)
    _read(calls)
    _decide_locally(calls)
    version = calls.found["get /v1/experiments/{key}/models"]["answer"]["models"][0]
    calls.call(
        "post /v1/experiments/{key}/models/{version}/restore",
        key=KEY,
        version=version["version"],
    )
    _evaluate(calls)
    _deliver(calls)
    calls.call("patch /v1/experiments/{key}", {"exploration_floor": 0.2}, key=KEY)
    calls.call("get /v1/experiments/{key}/revisions", key=KEY)
    _split(calls)
    calls.call("get /v1/plan", query=PLAN)
    calls.call("get /client/{release}.js", release=newest_module().version)
    for path in (
        "/client.js",
        "/healthz",
        "/readyz",
        "/metrics",
        "/docs",
        "/openapi.json",
    ):
        calls.call(f"get {path}")
    return calls.found


def _split(calls: Recording) -> None:
    """Begin a split, and pause it when it has started."""
    shares = {"policies": {"current": 0.9, "candidate": 0.1}}
    split = shares | {"policy": {"kind": "linear"}, "ramp": [0.3, 1]}
    calls.service.patch(f"/v1/experiments/{KEY}", {"split": split})
    calls.service.learn()
    command = {"action": "pause", "reason": "a campaign begins"}
    calls.call("patch /v1/experiments/{key}/splits", command, key=KEY)
    calls.call("get /v1/experiments/{key}/splits", key=KEY)


def _live(service: WorkerInProcess) -> None:
    """Let traffic pass, so that a report has numbers."""
    for i in range(ROUNDS):
        service.now_ms += 1_000
        decided = service.decide(
            KEY, unit_id=f"u-{i}", context={"device": "mobile" if i % 2 else "desktop"}
        )
        if i % 3:
            service.reward(decided["decision_id"], 1.0)
        if i % 10 == 0:
            service.reward(decided["decision_id"], 1.0, metric="returns")
    service.learn(after_s=1_801)


def _follow(calls: Recording) -> None:
    """Report what a visitor did before she signed in, and who she is."""
    event = {
        "unit_id": "anon-7f",
        "event": "viewed",
        "properties": {"category": "dress"},
        "event_id": "e-1",
    }
    calls.call("post /v1/events", event)
    batch = {"events": [event | {"event_id": "e-2"}, event | {"unit_id": ""}]}
    calls.call("post /v1/events/batch", batch)
    _track(calls)
    known = {"traits": {"tier": "gold"}, "consent": "granted", "links": ["anon-7f"]}
    calls.call("put /v1/units/{unit_id}", known, unit_id="u-81")
    calls.service.learn()
    calls.call("get /v1/units/{unit_id}", unit_id="u-81")
    asked = calls.call("delete /v1/units/{unit_id}", unit_id="u-99")
    calls.call("get /v1/erasures/{id}", id=asked["id"])


def _track(calls: Recording) -> None:
    """Report the same as the SDKs of event pipelines do."""
    viewed = {
        "type": "track",
        "anonymousId": "anon-8a",
        "event": "viewed",
        "properties": {"category": "shoes"},
        "messageId": "m-1",
        "timestamp": "2027-01-15T08:00:00.000Z",
    }
    batch = {"batch": [viewed, {"type": "track", "event": "viewed"}]}
    sent_at = {"sentAt": "2027-01-15T08:00:05.000Z"}
    calls.call("post /v1/batch", batch | sent_at)
    calls.call("post /v1/import", batch | sent_at)
    who = {"userId": "u-85", "anonymousId": "anon-8a"}
    calls.call("post /v1/track", viewed | {"messageId": "m-2"})
    calls.call("post /v1/page", who | {"name": "Home", "messageId": "m-3"})
    calls.call("post /v1/screen", who | {"name": "Cart", "messageId": "m-4"})
    traits = {"traits": {"tier": "gold"}, "messageId": "m-5"}
    calls.call("post /v1/identify", who | traits)
    calls.call("post /v1/alias", {"userId": "u-85", "previousId": "mail:9c1e"})
    calls.call("post /v1/group", {"userId": "u-85", "groupId": "acme"})
    for name in ("track", "page", "screen", "identify", "alias", "group"):
        calls.call(f"post /v1/{name[0]}", calls.found[f"post /v1/{name}"]["request"])
    calls.call("post /v1/b", batch | sent_at)


def _decide(calls: Recording) -> None:
    first = calls.call("post /v1/decisions", DECISION)["decision_id"]
    batch = {"decisions": [DECISION | {"unit_id": "u-82"}, {"experiment": "nothing"}]}
    calls.call("post /v1/decisions/batch", batch)
    deferred = calls.service.decide(KEY, unit_id="u-83", defer=True)["decision_id"]
    calls.call("post /v1/decisions/{decision_id}/activate", decision_id=deferred)
    reward = {"decision_id": first, "value": 1.0, "reward_id": "order-5512"}
    calls.call("post /v1/rewards", reward)
    calls.call("post /v1/rewards/batch", {"rewards": [reward, reward | {"value": -1}]})
    calls.call("post /v1/activations/batch", {"decision_ids": [deferred, "d-1"]})
    _tell_as_a_page(calls, first)
    evaluated = {"context": {"targetingKey": "u-84", "device": "mobile"}}
    calls.call("post /ofrep/v1/evaluate/flags/{key}", evaluated, key=KEY)
    calls.call("post /ofrep/v1/evaluate/flags", evaluated)
    calls.service.learn()
    calls.call("get /v1/decisions/{decision_id}", decision_id=first)
    calls.call("get /v1/why/{decision_id}", decision_id=first)
    calls.call("get /v1/rewards/{reward_id}", reward_id="order-5512")


def _decide_locally(calls: Recording) -> None:
    """Download a model, decide by it, and log that."""
    service, local = calls.service, "hero-at-the-edge"
    service.create(local, policy={"kind": "linear"}, holdout=0.3)
    at = "/v1/experiments/{key}/models/{version}/download"
    calls.call(f"get {at}", key=local, version="latest")
    record = local_record(service, local, unit_id="u-81", context={"hour": 21})
    forged = record | {"propensity": 1.0, "sequence": 2}
    calls.call("post /v1/decisions/log", {"decisions": [record, forged]})


def _tell_as_a_page(calls: Recording, decision_id: str) -> None:
    deferred = calls.service.decide(KEY, unit_id="u-85", defer=True)["decision_id"]
    reward = {"decision_id": decision_id, "value": 1.0, "reward_id": "order-5513"}
    event = {"unit_id": "u-85", "event": "viewed", "event_id": "e-3"}
    told = {"rewards": [reward], "events": [event], "decision_ids": [deferred]}
    calls.call("post /v1/outcomes", {"key": calls.service.publishable} | told)
    sent = calls.found["post /v1/outcomes"]["request"]
    sent["key"] = "bpk_YOUR_PUBLISHABLE_KEY"


def _read(calls: Recording) -> None:
    calls.call("get /v1/experiments")
    for path in ("", "/models", "/report", "/report.csv"):
        calls.call(f"get /v1/experiments/{{key}}{path}", key=KEY)


def _evaluate(calls: Recording) -> None:
    at = "/v1/experiments/{key}/evaluations"
    queued = calls.call(f"post {at}", {"policies": ["uniform"]}, key=KEY)
    service = calls.service
    run_job(service.worker.storage, JOB_KINDS, lambda: service.now_ms)
    calls.call(f"get {at}/{{id}}", key=KEY, id=queued["id"])
    calls.call(f"get {at}", key=KEY)


def _deliver(calls: Recording) -> None:
    """Add a source, let it deliver, and remove another one."""
    at = "/v1/webhooks/{source}"
    rule = {
        "type": "order.paid",
        "experiment": KEY,
        "value": "data.total",
        "scale": 0.01,
        "unit": "data.customer",
        "reward_id": "data.order",
    }
    body = {
        "name": "orders",
        "kind": "standard-webhooks",
        "mapping": {"events": [rule]},
    }
    calls.call("post /v1/webhooks", body)
    secret = calls.call(f"post {at}/secrets", {"keep_seconds": 60}, source="orders")
    calls.call("get /v1/webhooks")
    paid = {"total": 8400, "customer": "u-81", "order": "order-5513"}
    delivery = {"type": "order.paid", "data": paid}
    text = msgspec.json.encode(delivery).decode()
    signed = headers_of(
        "standard-webhooks", secret["secret"], text, "msg-1", calls.service.now_ms
    )
    answer = calls.call(f"post {at}", text, headers=signed, source="orders")
    assert answer["outcomes"][0]["status"] == "accepted", answer
    calls.found[f"post {at}"]["request"] = delivery
    calls.service.post("/v1/webhooks", {"name": "returns", "kind": "stripe"})
    calls.call(f"delete {at}", source="returns")


def shortened(value: object) -> object:
    """Return a value with the first items of its lists and first lines of its texts."""
    if isinstance(value, dict):
        return {key: shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shortened(inner) for inner in value[:MOST_ITEMS]]
    if isinstance(value, str) and value.count("\n") > MOST_LINES:
        return "".join(value.splitlines(keepends=True)[:MOST_LINES])
    return value


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = WorkerInProcess(Path(folder), dev=False)
        found = recorded(service)
        service.close()
    for name in ("post /v1/webhooks", "post /v1/webhooks/{source}/secrets"):
        found[name]["answer"]["secret"] = "whsec_" + "c2VjcmV0" * 4
    found["get /openapi.json"]["answer"] = {"openapi": "3.1.0", "paths": {}}
    found["get /docs"]["answer"] = "<!doctype html>"
    ordered = {one.name: shortened(found[one.name]) for one in OPERATIONS}
    FILE.write_bytes(
        msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n"
    )


if __name__ == "__main__":
    _write()
