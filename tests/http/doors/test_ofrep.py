"""Experiments as feature flags, by the OpenFeature Remote Evaluation Protocol."""

import os
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.services.managing.issue_keys import Restrictions
from bandit_svc.services.people.pseudonyms import KEY_BYTES, is_pseudonym
from tests.harness.worker_in_process import Answer, WorkerInProcess

FLAGS = "/ofrep/v1/evaluate/flags"
PUBLIC = {"decisionId", "propensity", "policyVersion", "experiment", "group"}


def evaluate(
    service: WorkerInProcess, flag: str, unit_id: str = "u-1", **context: object
) -> dict[str, Any]:
    body = {"context": {"targetingKey": unit_id} | context}
    answer = service.post(f"{FLAGS}/{flag}", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def failed(answer: Answer) -> tuple[int, str]:
    assert answer.mimetype == "application/json"
    assert 0 < len(answer.json["errorDetails"]) < 600
    return answer.status_code, answer.json["errorCode"]


def test_an_evaluation_is_a_decision_and_says_how_it_was_drawn(
    service: WorkerInProcess,
) -> None:
    service.create("hero", holdout=0.5, exploration_floor=0.2)
    found = [evaluate(service, "hero", f"u-{i}", device="mobile") for i in range(40)]
    service.learn()

    for one in found:
        assert set(one) == {"key", "value", "reason", "variant", "metadata"}
        told = one["metadata"]
        seen = service.get(f"/v1/decisions/{told['decisionId']}").json
        used = {v["variant"]: v["probability"] for v in seen["variants"]}
        assert set(told) == PUBLIC
        assert (one["key"], one["value"]) == ("hero", one["variant"])
        assert told["propensity"] == seen["propensity"] == used[one["variant"]]
        assert told["policyVersion"] == seen["model_version"]
        assert (told["experiment"], told["group"]) == ("hero", seen["group"])
        assert (seen["variant"], seen["state"]) == (one["variant"], "open")
        assert seen["context"] == {"device": "mobile"}
    assert {one["metadata"]["group"] for one in found} == {"treatment", "baseline"}


def test_a_unit_is_the_same_one_as_in_decisions(service: WorkerInProcess) -> None:
    service.create("hero", holdout=0.5)
    for i in range(20):
        flag = evaluate(service, "hero", f"u-{i}")["metadata"]
        decided = service.decide("hero", unit_id=f"u-{i}")
        service.learn()
        ids = [
            service.get(f"/v1/decisions/{one}").json["unit_id"]
            for one in (flag["decisionId"], decided["decision_id"])
        ]

        assert flag["group"] == decided["group"]
        assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        ((1, 2.5), [1.0, 2.5]),
        ((1.0, 2), [1.0, 2.0]),
        ((1, 2), [1, 2]),
        ((True, False), [True, False]),
        (({"n": 1}, {"n": 2.5}), [{"n": 1}, {"n": 2.5}]),
        (("x", ""), ["x", ""]),
        ((1, "x"), [1, "x"]),
        ((None, None), ["a", "b"]),
        (([1], None), [[1], "b"]),
    ],
)
def test_the_value_is_the_payload_of_one_type_for_the_whole_flag(
    service: WorkerInProcess, payloads: tuple[object, object], expected: list[object]
) -> None:
    variants = [
        {"key": key, "payload": payload}
        for key, payload in zip("ab", payloads, strict=True)
    ]
    service.create("flag", variants=variants, exploration_floor=0.5)
    found = [evaluate(service, "flag", f"u-{i}") for i in range(60)]
    values = {one["variant"]: one["value"] for one in found}

    assert values == dict(zip("ab", expected, strict=True))
    assert [type(values[key]) for key in "ab"] == [type(value) for value in expected]


def test_the_reason_is_static_where_one_variant_alone_could_be_shown(
    service: WorkerInProcess,
) -> None:
    service.create("one", variants=[{"key": "a"}])
    service.create("two", exploration_floor=0.1, holdout=0.0)

    assert evaluate(service, "one")["reason"] == "STATIC"
    assert evaluate(service, "two")["reason"] == "SPLIT"


@pytest.mark.parametrize("status", ["paused", "archived"])
def test_a_stopped_experiment_shows_its_baseline_and_logs_nothing(
    service: WorkerInProcess, status: str
) -> None:
    variants = [{"key": "a", "payload": 1}, {"key": "b", "payload": 2.5}]
    baseline = {"kind": "fixed", "variant": "b"}
    service.create("fixed", variants=variants, baseline=baseline)
    service.create("even", baseline={"kind": "uniform"})
    for key in ("fixed", "even"):
        service.patch(f"/v1/experiments/{key}", {"status": status})
    before = service.stored()

    for _ in range(5):
        assert evaluate(service, "fixed") == {
            "key": "fixed",
            "value": 2.5,
            "reason": "DISABLED",
            "variant": "b",
            "metadata": {"experiment": "fixed"},
        }
        assert evaluate(service, "even")["variant"] == "a"
    assert service.stored() == before


def test_conditions_of_variants_hold_in_a_stopped_experiment_too(
    service: WorkerInProcess,
) -> None:
    variants = [{"key": "a"}, {"key": "b", "when": 'device = "mobile"'}]
    baseline = {"kind": "fixed", "variant": "b"}
    service.create("hero", variants=variants, baseline=baseline)
    service.patch("/v1/experiments/hero", {"status": "paused"})

    assert evaluate(service, "hero", device="mobile")["variant"] == "b"
    assert evaluate(service, "hero", device="desktop")["variant"] == "a"


BAD: list[tuple[str, str, int, str]] = [
    ("hero", "{}", 400, "TARGETING_KEY_MISSING"),
    ("hero", '{"context": {}}', 400, "TARGETING_KEY_MISSING"),
    ("hero", '{"context": {"targetingKey": ""}}', 400, "TARGETING_KEY_MISSING"),
    ("hero", '{"context": {"targetingKey": null}}', 400, "TARGETING_KEY_MISSING"),
    ("hero", '{"context": {"targetingKey": 7}}', 400, "INVALID_CONTEXT"),
    (
        "hero",
        '{"context": {"targetingKey": "%s"}}' % ("x" * 257),
        *(400, "INVALID_CONTEXT"),
    ),
    ("hero", '{"context": 5}', 400, "INVALID_CONTEXT"),
    ("hero", '{"context": null}', 400, "INVALID_CONTEXT"),
    ("hero", '{"context": {"targetingKey": "u", "a": [1]}}', 400, "INVALID_CONTEXT"),
    ("hero", '{"context": {"targetingKey": "u", "a": NaN}}', 400, "INVALID_CONTEXT"),
    (
        "hero",
        '{"context": {"targetingKey": "u", "a": {"b": {"c": 1}}}}',
        *(400, "INVALID_CONTEXT"),
    ),
    ("hero", "", 400, "PARSE_ERROR"),
    ("hero", "[]", 400, "PARSE_ERROR"),
    ("hero", "{", 400, "PARSE_ERROR"),
    ("hero", "\x00", 400, "PARSE_ERROR"),
    ("nope", '{"context": {"targetingKey": "u"}}', 404, "FLAG_NOT_FOUND"),
    ("hero", '{"context": {"targetingKey": "%s"}}' % ("x" * 70_000), 413, "GENERAL"),
]


@pytest.mark.parametrize(("flag", "body", "status", "code"), BAD)
def test_a_bad_evaluation_gets_the_code_of_the_protocol_and_stores_nothing(
    service: WorkerInProcess, flag: str, body: str, status: int, code: str
) -> None:
    service.create("hero")
    before = service.stored()
    answer = service.post(f"{FLAGS}/{flag}", body)

    assert failed(answer) == (status, code)
    assert answer.json["key"] == flag
    assert service.stored() == before


def test_fields_of_later_versions_of_the_protocol_are_read_over(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    body = {"context": {"targetingKey": "u"}, "kind": "later"}

    assert service.post(f"{FLAGS}/hero", body).status_code == 200


def test_a_publishable_key_will_do_and_none_will_not(service: WorkerInProcess) -> None:
    service.create("hero")
    service.create("other")
    body = {"context": {"targetingKey": "u"}}
    only = service.issue("publishable", Restrictions(experiments=("other",))).text

    def by(key: str, flag: str = "hero") -> Answer:
        headers = {"Authorization": f"Bearer {key}"}
        return service.post(f"{FLAGS}/{flag}", body, headers)

    assert by(service.publishable).status_code == 200
    assert by(only, "other").status_code == 200
    assert failed(by("bpk_wrong")) == (401, "GENERAL")
    assert failed(by(only)) == (403, "GENERAL")


def test_a_pseudonym_is_taken_from_who_may_do_everything_alone(
    tmp_path: Path,
) -> None:
    key = os.urandom(KEY_BYTES)
    service = WorkerInProcess(tmp_path, dev=False, pseudonym_key=key)
    service.create("hero")

    def kept_as(unit_id: str, key: str) -> str:
        answer = service.post(
            f"{FLAGS}/hero",
            {"context": {"targetingKey": unit_id}},
            {"Authorization": f"Bearer {key}"},
        )
        service.learn()
        decision_id = answer.json["metadata"]["decisionId"]
        return str(service.get(f"/v1/decisions/{decision_id}").json["unit_id"])

    name = kept_as("u-1", service.publishable)

    assert is_pseudonym(name)
    assert kept_as(name, service.secret) == name
    assert kept_as(name, service.publishable) != name
    service.close()
