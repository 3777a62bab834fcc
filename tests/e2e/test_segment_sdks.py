"""The SDKs of Segment and RudderStack from PyPI, unmodified, against a real service."""

import subprocess
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from rudderstack.analytics.client import Client as RudderStackClient
from rudderstack.analytics.request import APIError as RudderStackError
from rudderstack.analytics.request import post as post_as_rudderstack
from segment.analytics.client import Client as SegmentClient
from segment.analytics.request import APIError as SegmentError
from segment.analytics.request import post as post_as_segment

from tests.harness.process import COMMAND, plain_environment
from tests.harness.served import Served, StartServed

pytestmark = pytest.mark.e2e

HERO = {
    "key": "hero",
    "variants": [{"key": "a"}, {"key": "b"}],
    "holdout": 0.5,
    "features": {
        "views": "count('Product Viewed', 7d)",
        "last": "last('Product Viewed'.category)",
        "pages": "count(page)",
        "page": "last(page.name)",
    },
    "reward": {
        "event": "Order Completed",
        "value": "properties.revenue",
        "window_seconds": 3600,
        "maximum": None,
    },
}


class Sdk(NamedTuple):
    """An SDK: its client, and its function that sends one batch."""

    client: Callable[..., Any]
    post: Callable[..., Any]
    error: type[Exception]


SDKS = {
    "segment": Sdk(SegmentClient, post_as_segment, SegmentError),
    "rudderstack": Sdk(RudderStackClient, post_as_rudderstack, RudderStackError),
}


class Sender(NamedTuple):
    """A client with the faults that it was told of."""

    client: Any
    faults: list[Exception]


@pytest.fixture(params=SDKS)
def sdk(request: pytest.FixtureRequest) -> Sdk:
    return SDKS[request.param]


@pytest.fixture
def served(start_service: StartServed) -> Served:
    service = start_service()
    assert service.post("/v1/experiments", HERO) is not None
    return service


def add_source(served: Served, name: str = "shop", *options: str) -> str:
    """Add a source beside the running service; return its write key."""
    command = [COMMAND, "webhook", "add", name, "--kind", "segment", *options]
    done = subprocess.run(
        [*command, "--data", str(served.data)],
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()[-1]


@pytest.fixture
def start_sender(served: Served, sdk: Sdk) -> Iterator[Callable[..., Sender]]:
    """Return a function that starts a client of the SDK; each is ended after."""
    senders: list[Sender] = []

    def start(write_key: str, **options: object) -> Sender:
        faults: list[Exception] = []
        client = sdk.client(
            write_key,
            host=served.url,
            timeout=120,
            on_error=lambda error, _batch: faults.append(error),
            **options,
        )
        senders.append(Sender(client, faults))
        return senders[-1]

    yield start
    for sender in senders:
        sender.client.shutdown()


def counted(served: Served, sample: str) -> float:
    """Return the value of a sample of /metrics; 0 where there is none."""
    for line in (served.text("/metrics") or "").splitlines():
        if line.startswith(f"{sample} "):
            return float(line.split()[-1])
    return 0.0


@pytest.mark.parametrize("gzip", [False, True])
def test_what_a_person_did_is_in_the_next_decision_and_credited_once(
    served: Served,
    start_sender: Callable[..., Sender],
    gzip: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    decisions = [
        served.post("/v1/decisions", {"experiment": "hero", "unit_id": f"anon-{i}"})
        for i in range(12)
    ]
    client, faults = start_sender(add_source(served), gzip=gzip)
    for i in range(12):
        who = {"anonymous_id": f"anon-{i}"}
        client.track(None, "Product Viewed", {"category": "dress"}, **who)
        client.page(None, "Shop", "Home", {"path": "/"}, **who)
        if i % 2:
            client.identify(100 + i, {"tier": "gold", "email": "e@shop.example"}, **who)
        else:
            client.alias(f"anon-{i}", 100 + i)
        client.screen(100 + i, name="Cart")
        client.group(100 + i, "acme", {"plan": "pro"})
        order = {"revenue": "84.50", "currency": "EUR", "products": [{"sku": "x"}]}
        for _ in range(2):
            client.track(100 + i, "Order Completed", order, message_id=f"order-{i}")
    client.flush()
    assert faults == []

    for i, decided in enumerate(decisions):

        def person(unit: str = str(100 + i)) -> Any:
            found = served.get(f"/v1/units/{unit}")
            return (
                found if found and found["features"]["hero"].get("pages") == 2 else None
            )

        def rewards(of: str = decided["decision_id"]) -> Any:
            found = served.get(f"/v1/decisions/{of}")
            return found["rewards"] if found else None

        known = served.wait_for(person, "the person known")
        (reward,) = served.wait_for(rewards, "the purchase credited")
        body = {"experiment": "hero", "unit_id": str(100 + i)}
        again = served.post("/v1/decisions", body)

        assert known["traits"] == ({"tier": "gold"} if i % 2 else {})
        assert known["features"]["hero"] == {
            "views": 1,
            "last": "dress",
            "pages": 2,
            "page": "Cart",
        }
        assert (reward["reward_id"], reward["value"]) == (f"order-{i}", 84.5)
        assert (reward["source"], reward["conflicts"]) == ("event", 0)
        assert again["group"] == decided["group"]
    assert len({decided["group"] for decided in decisions}) == 2
    sample = 'bandit_segment_messages_total{outcome="ignored",type="group"}'
    assert counted(served, sample) == 12


def test_a_key_of_a_page_identifies_and_rewards_nothing(
    served: Served, start_sender: Callable[..., Sender]
) -> None:
    body = {"experiment": "hero", "unit_id": "anon-1"}
    decided = served.post("/v1/decisions", body)
    client, faults = start_sender(add_source(served, "page", "--browser"), gzip=True)
    client.identify("u-1", {"tier": "gold"}, anonymous_id="anon-1")
    client.track("u-1", "Order Completed", {"revenue": 84.5})
    client.track("u-1", "Product Viewed", {"category": "shoes"})
    client.flush()

    def person() -> Any:
        found = served.get("/v1/units/u-1")
        return found if found and found["features"]["hero"] else None

    known = served.wait_for(person, "the person known")
    assert known["traits"] == {"tier": "gold"}
    assert served.get(f"/v1/decisions/{decided['decision_id']}")["rewards"] == []
    assert faults == []


def test_a_refusal_is_told_and_not_sent_again(
    served: Served, sdk: Sdk, start_sender: Callable[..., Sender]
) -> None:
    key = add_source(served)
    client, faults = start_sender("nobody", gzip=True)
    client.track("u-1", "Product Viewed")
    client.flush()

    assert [getattr(fault, "status", fault) for fault in faults] == [401]
    sample = 'bandit_http_requests_total{route="/v1/batch",status="401"}'
    assert counted(served, sample) == 1
    bodies: dict[int, list[object]] = {
        400: [{"type": "track", "event": "Product Viewed"}, {"type": "charge"}],
        413: [{"type": "track", "note": "n" * 600_000}],
    }
    for status, batch in bodies.items():
        with pytest.raises(sdk.error, match=r"\(" + str(status) + r"\)"):
            sdk.post(key, served.url, gzip=True, batch=batch)
    assert served.get("/v1/units/u-1") is None


def test_what_could_not_be_kept_is_sent_again(
    served: Served, start_sender: Callable[..., Sender]
) -> None:
    key = add_source(served)
    served.kill()
    client, faults = start_sender(key, gzip=True)
    client.track("u-1", "Product Viewed", {"category": "dress"})
    served.restart()
    client.flush()

    def views() -> Any:
        found = served.get("/v1/units/u-1")
        return found and found["features"]["hero"].get("views")

    assert served.wait_for(views, "the event known") == 1
    assert faults == []
