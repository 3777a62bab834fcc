"""The client's routes, members and errors, against a scripted server."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bandit_svc.client import BanditClient, BanditClientError, Decision, Slot
from tests.harness.fakes.json_server import Answer
from tests.harness.fakes.scripted_service import ScriptedService

DECIDED = {
    "decision_id": "d-1",
    "experiment": "homepage-hero",
    "variant": "sandals",
    "payload": {"img": "s.webp"},
    "propensity": 0.84,
    "group": "treatment",
    "model_version": 17,
    "expires_at": "2026-11-21T10:00:00Z",
    "a_later_member": True,
}


def test_decide_reads_every_member_of_the_answer(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, DECIDED))

    assert client.decide("homepage-hero") == Decision(
        experiment="homepage-hero",
        variant="sandals",
        decision_id="d-1",
        payload={"img": "s.webp"},
        propensity=0.84,
        group="treatment",
        model_version=17,
        expires_at=datetime(2026, 11, 21, 10, tzinfo=UTC),
    )


def test_decide_sends_what_was_given_and_nothing_else(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, DECIDED))

    client.decide("homepage-hero", request_id="r-1")
    client.decide(
        "homepage-hero",
        "u-81",
        {"device": "mobile", "user": {"segment": "new"}},
        exclude=["coat"],
        variants=["sandals", "coat"],
        request_id="r-2",
        defer=True,
    )

    assert stub.asked[0].body == {"experiment": "homepage-hero", "request_id": "r-1"}
    assert stub.asked[1].body == {
        "experiment": "homepage-hero",
        "unit_id": "u-81",
        "context": {"device": "mobile", "user": {"segment": "new"}},
        "exclude": ["coat"],
        "variants": ["sandals", "coat"],
        "request_id": "r-2",
        "defer": True,
    }


def test_decide_makes_a_request_id_of_its_own(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, DECIDED))

    client.decide("homepage-hero")
    client.decide("homepage-hero")

    first, second = (asked.body["request_id"] for asked in stub.asked)
    assert first != second


def test_key_travels_as_a_bearer_token(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, DECIDED))

    client.decide("homepage-hero")

    assert stub.asked[0].headers["Authorization"] == "Bearer bsk_test"


def test_batch_gives_a_decision_or_an_error_for_each_request(
    stub: ScriptedService, client: BanditClient
) -> None:
    problem = {"title": "Not found", "status": 404, "detail": "no such experiment"}
    stub.answer(Answer(200, {"decisions": [DECIDED, problem]}))

    decided, refused = client.decide_batch(
        [{"experiment": "homepage-hero"}, {"experiment": "nowhere"}]
    )

    assert isinstance(decided, Decision)
    assert isinstance(refused, BanditClientError)
    assert decided.variant == "sandals"
    assert (refused.status, refused.problem) == (404, problem)
    assert all("request_id" in asked for asked in stub.asked[0].body["decisions"])


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (
            lambda client: client.activate("a/b", wait=True),
            "POST",
            "/v1/decisions/a%2Fb/activate",
            None,
        ),
        (
            lambda client: client.reward("d-1", 1.0, wait=True),
            "POST",
            "/v1/rewards",
            {"decision_id": "d-1", "value": 1.0, "metric": "reward"},
        ),
        (
            lambda client: client.reward(
                "d-1",
                0.5,
                "order-1",
                datetime(2026, 1, 2, tzinfo=UTC),
                "margin",
                wait=True,
            ),
            "POST",
            "/v1/rewards",
            {
                "decision_id": "d-1",
                "value": 0.5,
                "metric": "margin",
                "reward_id": "order-1",
                "occurred_at": "2026-01-02T00:00:00+00:00",
            },
        ),
        (
            lambda client: client.reward_batch([{"decision_id": "d-1", "value": 1}]),
            "POST",
            "/v1/rewards/batch",
            {"rewards": [{"decision_id": "d-1", "value": 1}]},
        ),
        (
            lambda client: client.create_experiment({"key": "hero"}),
            "POST",
            "/v1/experiments",
            {"key": "hero"},
        ),
        (lambda client: client.experiment("hero"), "GET", "/v1/experiments/hero", None),
        (
            lambda client: client.patch_experiment("hero", {"holdout": 0.2}),
            "PATCH",
            "/v1/experiments/hero",
            {"holdout": 0.2},
        ),
        (
            lambda client: client.report("hero"),
            "GET",
            "/v1/experiments/hero/report",
            None,
        ),
        (lambda client: client.ready(), "GET", "/readyz", None),
    ],
)
def test_each_method_is_one_request_of_the_contract(
    *,
    stub: ScriptedService,
    client: BanditClient,
    call: Callable[[BanditClient], object],
    method: str,
    path: str,
    body: object,
) -> None:
    stub.answer(Answer(200, {}))

    call(client)

    (asked,) = stub.asked
    assert (asked.method, asked.path, asked.body) == (method, path, body)


def test_a_refusal_carries_status_problem_and_wait(
    stub: ScriptedService, client: BanditClient
) -> None:
    problem = {"title": "Unavailable", "status": 503, "detail": "the disk is full"}
    stub.answer(Answer(503, problem, {"Retry-After": "2"}))

    with pytest.raises(BanditClientError, match="disk is full") as caught:
        client.decide("homepage-hero")

    error = caught.value
    assert (error.status, error.problem, error.retry_after_s) == (503, problem, 2.0)


def test_an_error_page_of_another_server_still_gives_its_status(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(502, b"<html>bad gateway</html>"))

    with pytest.raises(BanditClientError, match="bad gateway") as caught:
        client.report("hero")

    assert caught.value.status == 502


def test_an_answer_that_is_not_a_decision_is_an_error(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, {"hello": "world"}))

    with pytest.raises(BanditClientError, match="not a decision"):
        client.decide("homepage-hero")


def test_a_body_that_json_has_no_word_for_is_refused(
    client: BanditClient, stub: ScriptedService
) -> None:
    with pytest.raises(BanditClientError, match="written as JSON"):
        client.decide("homepage-hero", context={"price": float("nan")})

    assert stub.asked == []


def test_a_reward_time_without_a_zone_is_refused(client: BanditClient) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        client.reward("d-1", 1.0, occurred_at=datetime(2026, 1, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("status", "ready"), [(200, True), (204, True), (404, False), (503, False)]
)
def test_ready_says_whether_the_service_can_decide(
    *, stub: ScriptedService, client: BanditClient, status: int, ready: bool
) -> None:
    stub.answer(Answer(status))

    assert client.ready() is ready


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://host", "http://"])
def test_an_address_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http://host"):
        BanditClient(url)


def test_a_page_has_its_slots_and_is_told_by_the_first(
    stub: ScriptedService, client: BanditClient
) -> None:
    slots = [
        {
            "slot": at,
            "variant": key,
            "payload": {"row": key},
            "propensity": 0.5,
            "decision_id": f"d-1.{at}",
        }
        for at, key in enumerate(("continue", "new"), 1)
    ]
    page = {key: DECIDED[key] for key in DECIDED if key not in {"variant", "payload"}}
    stub.answer(Answer(201, page | {"slots": slots}))

    decided = client.decide(
        "homepage-hero", slots=2, pinned={1: "continue"}, distinct_by="features.title"
    )

    sent = stub.asked[0].body
    assert (sent["slots"], sent["pinned"]) == (2, {"1": "continue"})
    assert sent["distinct_by"] == "features.title"
    assert (decided.variant, decided.payload) == ("continue", {"row": "continue"})
    assert decided.slots[1] == Slot(2, "new", "d-1.2", {"row": "new"}, 0.5)
