"""Keys that are for some experiments, pages of some origins, or a time only.

Each refusal is asked for on both ways: at once, and of Flask.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import REGISTRY

from bandit_svc.domain.events.refusal import Refusal
from bandit_svc.errors import InvalidInput
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.hot_routes import HOT, HotRoutes, plain_headers
from bandit_svc.services.managing.issue_keys import Restrictions
from tests.harness.worker_in_process import WorkerInProcess

SHOP = "https://shop.example"
DECIDE = {"experiment": "hero"}


def ask(
    service: WorkerInProcess,
    key: str,
    body: object = DECIDE,
    path: str = "/v1/decisions",
    **headers: str,
) -> tuple[int, Any]:
    """POST with a key, through Flask and at once; return the answer of both."""
    sent: Mapping[str, str] = {"Authorization": f"Bearer {key}"} | headers
    encoded = json.dumps(body).encode()
    answer = service.post(path, encoded, sent)
    if path.encode() in HOT:
        context = RequestContext(
            service.worker, lambda: service.now_ms, lambda n: b"\x01" * n
        )
        raw = [(n.lower().encode(), v.encode()) for n, v in sent.items()]
        plain = plain_headers([*raw, (b"host", b"localhost")])
        assert plain is not None
        hot = HOT[path.encode()]
        reply = HotRoutes(context).answer(hot, plain, encoded)
        assert reply.status == answer.status_code
    return answer.status_code, answer.get_json()


def refused(reason: str) -> float:
    name = "bandit_keys_refused_total"
    return REGISTRY.get_sample_value(name, {"reason": reason}) or 0.0


@pytest.fixture
def restricted(service: WorkerInProcess) -> str:
    """A key of `hero` alone; there is `other` as well."""
    service.create("hero")
    service.create("other")
    return service.issue("publishable", Restrictions(("hero",))).text


def test_a_key_of_one_experiment_decides_and_rewards_there_alone(
    service: WorkerInProcess, restricted: str
) -> None:
    before = refused("experiment")
    status, mine = ask(service, restricted)
    theirs = service.decide("other", defer=True)["decision_id"]
    reward = {"decision_id": mine["decision_id"], "value": 1}
    foreign = {"decision_id": theirs, "value": 1}
    accepted, _ = ask(service, restricted, reward, "/v1/rewards")
    refusals = [
        ask(service, restricted, {"experiment": "other"}),
        ask(service, restricted, foreign, "/v1/rewards"),
        ask(service, restricted, foreign | {"value": "x"}, "/v1/rewards"),
        ask(service, restricted, {}, f"/v1/decisions/{theirs}/activate"),
    ]
    stored = service.logged()

    assert (status, accepted) == (201, 202)
    assert [status for status, _ in refusals] == [403] * 4
    assert [p["errors"][0]["pointer"] for _, p in refusals] == [
        *("/experiment", "/decision_id", "/decision_id", "/decision_id"),
    ]
    assert all("is not for this experiment" in p["detail"] for _, p in refusals)
    assert not [fact for fact in stored if isinstance(fact, Refusal)]
    # Three of them at once and through Flask, the last through Flask alone.
    service.get("/metrics")
    assert refused("experiment") - before == 7


def test_in_a_batch_the_items_of_other_experiments_are_refused(
    service: WorkerInProcess, restricted: str
) -> None:
    items = [DECIDE, {"experiment": "other"}, DECIDE]
    _, decided = ask(service, restricted, {"decisions": items}, "/v1/decisions/batch")
    ids = [decided["decisions"][0]["decision_id"], service.decide("other")]
    ids[1] = ids[1]["decision_id"]
    rewards = [{"decision_id": one, "value": 1} for one in ids]
    _, kept = ask(service, restricted, {"rewards": rewards}, "/v1/rewards/batch")

    assert [item.get("status") for item in decided["decisions"]] == [None, 403, None]
    assert decided["decisions"][1]["errors"][0]["pointer"] == "/decisions/1/experiment"
    assert [item["status"] for item in kept["rewards"]] == ["accepted", 403]


def test_a_key_of_an_origin_is_refused_to_pages_of_others_and_to_programs(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    before = refused("origin")
    origins = (f"{SHOP.upper()}:443/", "http://localhost:3000")
    key = service.issue("publishable", Restrictions(origins=origins))
    allowed = [
        ask(service, key.text, Origin=origin)[0]
        for origin in (SHOP, "http://localhost:3000")
    ]
    others = [
        *("null", "http://shop.example", f"{SHOP}:8443", f"{SHOP}.evil.example"),
    ]
    answers = [ask(service, key.text, Origin=origin) for origin in others]
    answers.append(ask(service, key.text))
    service.get("/metrics")

    assert key.row.origins == (SHOP, "http://localhost:3000")
    assert allowed == [201, 201]
    assert [status for status, _ in answers] == [403] * 5
    assert "is for pages of other origins" in answers[0][1]["detail"]
    assert refused("origin") - before == 10


def test_a_key_is_refused_from_its_end_on(service: WorkerInProcess) -> None:
    service.create("hero")
    ends_at_ms = service.now_ms + 60_000
    keys = [
        service.issue("publishable", Restrictions(expires_at_ms=ends_at_ms)).text,
        service.issue("secret", Restrictions(expires_at_ms=ends_at_ms)).text,
    ]
    service.now_ms = ends_at_ms - 1
    in_time = [ask(service, key)[0] for key in keys]
    service.now_ms += 1
    late = [ask(service, key) for key in keys]
    reading = {"Authorization": f"Bearer {keys[1]}"}
    page = service.new_client().get("/", headers=reading)

    assert in_time == [201, 201]
    assert [status for status, _ in late] == [401, 401]
    assert "expired at" in late[0][1]["detail"]
    assert all(key not in str(late) for key in keys)
    assert page.status_code == 401
    assert service.get("/v1/experiments", reading).status_code == 401


def test_a_session_ends_with_its_key(service: WorkerInProcess) -> None:
    ends = Restrictions(expires_at_ms=service.now_ms + 60_000)
    key = service.issue("secret", ends).text
    client = service.new_client()
    client.post("/sign-in", data={"key": key})
    during = client.get("/ops").status_code
    service.now_ms += 60_000

    assert (during, client.get("/ops").status_code) == (200, 303)
    assert client.post("/sign-in", data={"key": key}).status_code == 403


def test_the_last_use_of_a_key_is_kept_once_a_minute(service: WorkerInProcess) -> None:
    service.create("hero")
    issued = service.issue("publishable")
    uses, keys = service.worker.key_uses, service.worker.storage.keys

    def last_used() -> int | None:
        row = keys.get(issued.row.id)
        assert row is not None
        return row.last_used_at_ms

    seen = [last_used()]
    first_ms = service.now_ms
    for after_ms in (0, 59_999, 60_000):
        service.now_ms = first_ms + after_ms
        ask(service, issued.text)
        uses.keep_if_due(service.now_ms)
        seen.append(last_used())
    service.now_ms += 60_000
    uses.keep_if_due(service.now_ms)

    assert seen == [None, first_ms, first_ms, first_ms + 60_000]
    assert last_used() == first_ms + 60_000


@pytest.mark.parametrize(
    "restrictions",
    [
        Restrictions(experiments=("hero",)),
        Restrictions(origins=(SHOP,)),
        Restrictions(expires_at_ms=1),
    ],
)
def test_restrictions_that_mean_nothing_are_refused(
    service: WorkerInProcess, restrictions: Restrictions
) -> None:
    with pytest.raises(InvalidInput):
        service.issue("secret", restrictions)


@pytest.mark.parametrize(
    "origin",
    ["shop.example", "https://*.example", "https://a/b", "ftp://a", "null", ""],
)
def test_what_is_no_origin_is_refused(service: WorkerInProcess, origin: str) -> None:
    with pytest.raises(InvalidInput, match="is no origin"):
        service.issue("publishable", Restrictions(origins=(origin,)))
