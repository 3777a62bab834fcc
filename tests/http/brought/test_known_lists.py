"""A list of variants that requests bring is decided alike at each of its times.

The first time it is parsed and checked, later it is known by its bytes. Both ways are
taken with the same ids at the same time, and compared to the last bit.
"""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.variant import Variant
from bandit_svc.http.brought.bodies import DecisionBodies
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.hot_routes import HOT, HotRoutes, PlainHeaders
from tests.harness.worker_in_process import WorkerInProcess

MOODS = ("calm", "loud", "dark")
OTHER_LISTS: list[Any] = [
    [{"key": "a"}, {"key": "b"}],
    ["a", "b"],
    ["a", {"key": "new", "features": {"x": 1}}],
    [{"key": "one", "payload": {"img": ["x", None]}, "tags": ["t"]}],
    [{"key": "one", "features": {"x": 1}}, {"key": "two", "features": {"x": True}}],
    [{"key": "one", "features": {"x": 1.0}}, {"key": "two", "features": {"x": "1"}}],
]
REFUSED: list[Any] = [
    [],
    [{"key": "a"}, {"key": "a"}],
    [{"key": "a", "features": {"x": {}}}],
    [{"key": "a", "when": "x == 1"}],
    [{"key": "a", "max_share": 0.5}],
    [{"key": "a", "retired": True}, {"key": "b"}],
    [{"key": "é"}],
    [{"key": "a", "other": 1}],
    ["unknown"],
    None,
    {},
]


def title(number: int) -> list[dict[str, Any]]:
    return [
        {
            "key": f"t{number}-s{still}",
            "features": {"mood": MOODS[(number + still) % 3], "faces": still},
            "payload": {"img": f"/t{number}/{still}.jpg"},
        }
        for still in range(4)
    ]


def asked(unit: int, variants: object, **fields: object) -> bytes:
    context = {"device": "tv", "tastes": {"drama": unit / 7}}
    body = {"unit_id": f"u-{unit}", "context": context, "variants": variants}
    return json.dumps({"experiment": "artwork"} | body | fields).encode()


def routes_of(service: WorkerInProcess) -> tuple[RequestContext, HotRoutes]:
    """Return routes whose ids follow from the number of decisions made."""
    numbers = itertools.count()

    def entropy(size: int) -> bytes:
        return next(numbers).to_bytes(size, "big")

    context = RequestContext(service.worker, lambda: service.now_ms, entropy)
    return context, HotRoutes(context)


def sent(service: WorkerInProcess, routes: HotRoutes, body: bytes) -> tuple[int, bytes]:
    key = PlainHeaders(f"Bearer {service.secret}".encode(), from_page=False)
    reply = routes.answer(HOT[b"/v1/decisions"], key._replace(request_id="r"), body)
    return reply.status, reply.body


@pytest.fixture
def compared(
    service: WorkerInProcess,
) -> Callable[[list[bytes]], None]:
    """Send bodies three times, and once more each as if it was the first time."""

    def compare(bodies: list[bytes]) -> None:
        _, knowing = routes_of(service)
        context, forgetful = routes_of(service)
        began = len(service.logged())
        known = [sent(service, knowing, body) for body in bodies * 3]
        half = len(service.logged())
        anew = []
        for body in bodies * 3:
            context.decision_bodies = DecisionBodies()
            anew.append(sent(service, forgetful, body))
        facts = service.logged()

        assert known == anew
        assert repr(facts[began:half]) == repr(facts[half:])

    return compare


@pytest.mark.parametrize("kind", ["auto", "vw", "linear", "uniform"])
def test_a_known_list_is_decided_and_logged_as_a_new_one(
    service: WorkerInProcess, compared: Callable[[list[bytes]], None], kind: str
) -> None:
    service.create("artwork", request_variants="replace", policy={"kind": kind})
    bodies = [asked(unit, title(number)) for unit in range(3) for number in range(6)]
    compared(bodies)
    for fact in service.logged()[::2]:
        if isinstance(fact, Decision):
            service.reward(fact.id, 1.0)
    service.learn(after_s=2_000)
    compared(bodies)


@pytest.mark.parametrize("takes", ["replace", "narrow", "refuse"])
def test_whatever_a_list_holds_and_an_experiment_takes_the_answer_is_the_same(
    service: WorkerInProcess, compared: Callable[[list[bytes]], None], takes: str
) -> None:
    service.create("artwork", request_variants=takes)
    lists = [title(1), *OTHER_LISTS, *REFUSED]
    bodies = [asked(1, variants) for variants in lists]
    bodies += [asked(1, title(1), exclude=["t1-s0"]), asked(1, title(1), defer=True)]
    bodies += [asked(1, title(1), context={"n": 10**400}), asked(1, title(1), other=1)]
    bodies += [asked(1, title(1), context={str(n): n for n in range(201)})]
    bodies += [asked(1, title(1), unit_id=""), b'{"variants": [', b'{"variants": [}']

    compared(bodies)


def test_a_list_is_kept_once_it_has_come_twice() -> None:
    bodies = DecisionBodies()
    first, second, third, fourth = (
        bodies.parse(asked(unit, title(1))).variants for unit in range(4)
    )

    assert first == second == third
    # At the second time it is remembered, so that what comes once costs no memory.
    assert first is not third
    assert third is fourth


def test_a_known_list_belongs_to_its_bytes_alone() -> None:
    bodies = DecisionBodies()
    ones = [{"key": "one", "features": {"x": x}} for x in (1, 1.0, True, "1")]
    for _ in range(3):
        for one in ones:
            (variant,) = bodies.parse(asked(1, [one])).variants or ()
            assert isinstance(variant, Variant)
            # As text, which tells 1 from 1.0 and from true.
            assert repr(variant.features) == repr(one["features"])
