"""A batch is decided together, and each item gets what it would have got alone.

The same items are sent once each alone and once as a batch, with the same ids at the
same time; answers and logged facts are compared to the last bit.
"""

import itertools
import json
from typing import Any

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.hot_routes import HOT, HotRoutes, PlainHeaders
from tests.harness.worker_in_process import WorkerInProcess

MOODS = ("calm", "loud", "dark")
ID_BYTES = 9


def title(number: int, stills: int = 8) -> list[dict[str, Any]]:
    return [
        {
            "key": f"t{number}-s{still}",
            "features": {"mood": MOODS[(number + still) % 3], "faces": still},
            "payload": {"img": f"/t{number}/{still}.jpg"},
        }
        for still in range(stills)
    ]


def asked(unit: int, number: int, **fields: object) -> dict[str, Any]:
    context = {"device": "tv", "tastes": {"drama": unit / 7}}
    return {
        "experiment": "artwork",
        "unit_id": f"u-{unit}",
        "context": context,
        "variants": title(number),
    } | fields


class Caller:
    """Sends requests whose ids follow from how many decisions were made before."""

    def __init__(self, service: WorkerInProcess) -> None:
        numbers = itertools.count()

        def entropy(size: int) -> bytes:
            ids = [next(numbers) for _ in range(size // ID_BYTES)]
            return b"".join(one.to_bytes(ID_BYTES, "big") for one in ids) or bytes(size)

        self._service = service
        context = RequestContext(service.worker, lambda: service.now_ms, entropy)
        self._routes = HotRoutes(context)

    def sent(self, path: bytes, body: object) -> Any:
        key = f"Bearer {self._service.secret}".encode()
        headers = PlainHeaders(key, from_page=False, request_id="r")
        reply = self._routes.answer(HOT[path], headers, json.dumps(body).encode())
        return json.loads(reply.body)

    def alone(self, items: list[dict[str, Any]]) -> list[Any]:
        return [self.sent(b"/v1/decisions", item) for item in items]

    def together(self, items: list[dict[str, Any]]) -> list[Any]:
        batch = {"decisions": items}
        found: list[Any] = self.sent(b"/v1/decisions/batch", batch)["decisions"]
        return found


def compare(service: WorkerInProcess, items: list[dict[str, Any]]) -> list[Decision]:
    """Require the same answers and facts of items alone and in a batch; return them."""
    facts = []
    answers = []
    for send in (Caller(service).alone, Caller(service).together):
        before = len(service.logged())
        answers.append(send(items))
        made = service.logged()[before:]
        facts.append(sorted(made, key=repr))
    for place, (alone, together) in enumerate(zip(*answers, strict=True)):
        if "errors" in together:
            # Of an item, the pointer begins with its place in the batch.
            for field in alone["errors"]:
                field["pointer"] = f"/decisions/{place}{field['pointer']}"
            together["request_id"] = alone["request_id"]
        assert together == alone
    assert [repr(fact) for fact in facts[0]] == [repr(fact) for fact in facts[1]]
    return [fact for fact in facts[1] if isinstance(fact, Decision)]


def learned(service: WorkerInProcess, items: list[dict[str, Any]]) -> None:
    """Let the policy learn that loud stills are liked."""
    for answer in Caller(service).together(items * 4):
        loud = "loud" in str(answer["payload"]) or int(answer["variant"][-1]) % 3 == 1
        service.reward(answer["decision_id"], 1.0 if loud else 0.0)
    service.learn(after_s=2_000)


SCREEN = [asked(1, number) for number in range(40)]


@pytest.mark.parametrize("kind", ["auto", "vw", "linear", "uniform", "thompson"])
def test_a_screen_of_titles_is_decided_as_title_by_title(
    service: WorkerInProcess, kind: str
) -> None:
    policy = {"kind": kind}
    service.create("artwork", request_variants="replace", policy=policy, holdout=0.0)
    # The first time no list is known, later all are.
    for _ in range(2):
        compare(service, SCREEN)
    learned(service, SCREEN)
    made = compare(service, SCREEN)

    assert len(made) == len(SCREEN)
    assert {decision.model_version for decision in made} == {1}
    assert len({decision.pmf for decision in made}) > (1 if kind != "uniform" else 0)


def test_items_of_every_kind_are_decided_alike(service: WorkerInProcess) -> None:
    service.create("artwork", request_variants="replace", holdout=0.2)
    service.create("own")
    split = {
        "policies": {"current": 0.5, "other": 0.5},
        "policy": {"kind": "vw"},
        "advance_when": "never",
    }
    service.create("split", request_variants="replace", split=split, holdout=0.2)
    service.create("page", request_variants="replace", slots=2)
    service.create("narrow", request_variants="narrow")
    service.create("paused")
    service.patch("/v1/experiments/paused", {"status": "paused"})
    known = [asked(unit, number) for unit in (1, 2) for number in range(6)]
    items = [
        *known,
        *known[:3],
        *(asked(1, number, experiment="own", variants=None) for number in range(3)),
        *(asked(1, number, experiment="narrow") for number in range(2)),
        *(
            asked(unit, number, experiment=key)
            for key in ("split", "page")
            for unit in (1, 2, 3, 4)
            for number in (1, 2)
        ),
        *(asked(1, 1, experiment=key) for key in ("paused", "unknown", "")),
        asked(1, 1, exclude=["t1-s0"]),
        asked(1, 1, exclude=["unknown"]),
        asked(1, 1, defer=True),
        asked(1, 1, unit_id=None),
        asked(1, 1, unit_id=""),
        asked(1, 1, links=["u-9"]),
        asked(1, 1, context={"n": 1}),
        asked(1, 1, context={"n": 1.0}),
        asked(1, 1, context={"n": True}),
        asked(1, 1, context={"n": []}),
        asked(1, 1, variants=[]),
        asked(1, 1, variants=title(1, 500)),
        {"experiment": "artwork", "other": 1},
    ]
    for _ in range(3):
        compare(service, items)
        learned(service, known)


def test_features_of_a_unit_and_what_fields_keep_are_in_each_context(
    service: WorkerInProcess,
) -> None:
    service.create(
        "artwork",
        request_variants="replace",
        features={"seen": "count(played)"},
        fields={"device": "hash"},
        holdout=0.2,
    )
    for unit in (1, 1, 1, 2):
        event = {"unit_id": f"u-{unit}", "event": "played"}
        assert service.post("/v1/events", event).status_code == 202
    service.learn()
    items = [asked(unit, number) for number in range(9) for unit in (1, 2, 3)]
    for _ in range(3):
        made = compare(service, items)
        learned(service, items)

    seen = {repr(decision.context.get("unit")) for decision in made}
    assert len(seen) == 3
    assert {decision.context["device"] for decision in made} != {"tv"}


def test_of_a_unit_that_denies_consent_nothing_is_used(
    service: WorkerInProcess,
) -> None:
    service.create("artwork", request_variants="replace")
    service.call("PUT", "/v1/units/u-1", {"consent": "denied"})
    service.learn()
    items = [asked(unit, number) for number in range(5) for unit in (1, 2)]
    for _ in range(3):
        made = compare(service, items)
        learned(service, items)

    assert {d.without_consent: d.context == {} for d in made} == {
        True: True,
        False: False,
    }


def test_a_request_that_is_sent_again_in_a_batch_gets_its_answer(
    service: WorkerInProcess,
) -> None:
    service.create("artwork", request_variants="replace")
    items = [asked(1, number, request_id=f"q-{number}") for number in (1, 2, 1)]
    first = Caller(service).together(items)

    assert first[0] == first[2] != first[1]
    assert Caller(service).together(items) == first
    assert len(service.logged()) == 2


def test_within_a_batch_a_unit_keeps_its_variant(service: WorkerInProcess) -> None:
    sticky = {"for_seconds": 600}
    service.create("artwork", request_variants="replace", sticky=sticky)
    for _ in range(3):
        answers = Caller(service).together([asked(unit, 1) for unit in (3, 3, 4)])
        service.now_ms += 1_000_000

        assert [item.get("repeat") for item in answers] == [None, True, None]
        assert answers[0]["decision_id"] == answers[1]["decision_id"]


def test_where_the_log_can_not_be_written_no_item_is_answered(
    service: WorkerInProcess,
) -> None:
    service.create("artwork", request_variants="replace")
    log = service.folder / "log"
    log.write_bytes(b"a file where the folder of the log should be")
    refused = Caller(service).together([*SCREEN, asked(1, 1, variants=[])])
    log.unlink()
    answered = Caller(service).together(SCREEN)

    assert [item["status"] for item in refused] == [503] * len(SCREEN) + [400]
    assert len(service.logged()) == len(answered) == len(SCREEN)
