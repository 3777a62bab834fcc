"""Variants that may be shown only at times, or where their condition holds."""

from collections import Counter
from collections.abc import Mapping

import pytest

from tests.harness.worker_in_process import (
    BEGAN_AT_MS,
    Answer,
    StartWorker,
    WorkerInProcess,
)

HOUR_MS = 3_600_000
AT = "2027-01-15T{:02}:00:00Z"
"""The worker's clock begins at 08:00 of that day."""
VOUCHER = {"key": "voucher", "when": "unit.cart_h >= 2 and user.tier != 'staff'"}
CONTEXT = {"unit": {"cart_h": 3}, "user": {"tier": "gold"}}


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    return start_worker()


def create(
    service: WorkerInProcess, *variants: Mapping[str, object], **fields: object
) -> None:
    """Create an experiment in which each eligible variant is as likely."""
    service.create(
        "hero",
        **{
            "variants": list(variants),
            "exploration_floor": 1.0,
            "holdout": 0.0,
            "reward": {"window_seconds": 60},
        }
        | fields,
    )


def decide(service: WorkerInProcess, **body: object) -> Answer:
    return service.post("/v1/decisions", {"experiment": "hero"} | body)


def test_a_condition_leaves_a_variant_out_and_says_why(
    service: WorkerInProcess,
) -> None:
    create(service, {"key": "a"}, {"key": "b"}, VOUCHER)
    shown: Counter[str] = Counter()
    for _ in range(60):
        answer = decide(service, context={"unit": {"cart_h": 1}}).json
        shown[answer["variant"]] += 1
        assert answer["ineligible"] == {"voucher": f"when: {VOUCHER['when']}"}
        assert answer["propensity"] == 0.5
    decided = decide(service, context=CONTEXT).json

    assert set(shown) == {"a", "b"}
    assert "ineligible" not in decided
    assert decided["propensity"] == pytest.approx(1 / 3)


def test_a_look_up_has_the_set_that_was_used_and_why(
    service: WorkerInProcess,
) -> None:
    create(service, {"key": "a"}, {"key": "b"}, VOUCHER)
    answer = decide(service, unit_id="u").json
    path = f"/v1/decisions/{answer['decision_id']}"
    in_log = service.get(path).json
    service.learn(after_s=61)
    in_store = service.get(path).json

    for record in (in_log, in_store):
        assert record["ineligible"] == answer["ineligible"]
        assert [one["variant"] for one in record["variants"]] == ["a", "b"]


def test_a_schedule_begins_and_ends_at_its_moments(service: WorkerInProcess) -> None:
    create(
        service,
        {"key": "a"},
        {"key": "b", "from": AT.format(9), "until": AT.format(11)},
    )
    found = []
    for at_ms in (0, HOUR_MS - 1, HOUR_MS, 3 * HOUR_MS - 1, 3 * HOUR_MS):
        service.now_ms = BEGAN_AT_MS + at_ms
        found.append(decide(service).json.get("ineligible"))

    early, late = {"b": f"from: {AT.format(9)}"}, {"b": f"until: {AT.format(11)}"}
    assert found == [early, early, None, None, late]


def test_nothing_eligible_is_a_problem_of_its_own_and_leaves_nothing(
    service: WorkerInProcess,
) -> None:
    create(service, {"key": "a", "when": "x = 1"}, {"key": "b", "when": "x = 2"})
    refused = decide(service, request_id="r", context={"x": 3})
    excluded = decide(service, exclude=["a", "b"], context={"x": 1})
    taken = decide(service, request_id="r", context={"x": 2})

    for answer in (refused, excluded):
        assert answer.status_code == 422
        assert answer.json["type"] == "/docs#nothing_eligible"
    assert "`when`" in refused.json["detail"]
    assert (taken.status_code, taken.json["variant"]) == (201, "b")


def test_one_variant_left_is_certain_counted_and_not_learned_from(
    service: WorkerInProcess,
) -> None:
    create(service, {"key": "a"}, {"key": "b", "when": "x = 1"})
    for i in range(40):
        answer = decide(service, context={"x": i % 2}).json
        if i % 2 == 0:
            assert (answer["variant"], answer["propensity"]) == ("a", 1.0)
        service.reward(answer["decision_id"], 1.0)
    for _ in range(5):
        decide(service, exclude=["b"], context={"x": 1})
    service.learn(after_s=61)
    counts = service.get("/v1/experiments/hero/report").json["decisions"]
    models = service.get("/v1/experiments/hero/models").json["models"]

    assert (counts["treatment"], counts["forced"]) == (45, 25)
    assert models[0]["learned"] == 20


def test_the_holdout_obeys_the_same_rules(service: WorkerInProcess) -> None:
    create(
        service,
        {"key": "a", "when": "x = 1"},
        {"key": "b"},
        {"key": "c"},
        holdout=0.5,
        baseline={"kind": "fixed", "variant": "a"},
    )
    groups: Counter[str] = Counter()
    for i in range(80):
        answer = decide(service, unit_id=f"u-{i}", context={"x": i % 2}).json
        groups[answer["group"]] += 1
        if i % 2 == 0:
            assert answer["variant"] != "a"
        elif answer["group"] == "baseline":
            assert answer["variant"] == "a"
    decide(service, unit_id="u", context={"x": 1}, exclude=["a"])
    service.learn(after_s=61)
    report = service.get("/v1/experiments/hero/report").json

    assert min(groups.values()) > 20
    assert report["decisions"]["restricted"] == 41
    assert [row["group"] for row in report["restricted"]] == ["treatment", "baseline"]
    assert sum(row["n"] for row in report["restricted"]) == 41


def test_a_repeated_request_gets_its_answer_after_the_schedule_has_ended(
    service: WorkerInProcess,
) -> None:
    create(service, {"key": "a"}, {"key": "b", "until": AT.format(9)}, {"key": "c"})
    first = decide(service, request_id="r").json
    service.now_ms += 2 * HOUR_MS
    again = decide(service, request_id="r").json
    other = decide(service, request_id="s").json

    assert again == first
    assert other["ineligible"] == {"b": f"until: {AT.format(9)}"}


def test_a_kept_choice_that_may_not_be_shown_any_more_is_made_anew(
    service: WorkerInProcess,
) -> None:
    create(
        service,
        {"key": "a", "until": AT.format(9)},
        {"key": "b"},
        {"key": "c", "until": AT.format(9)},
        sticky={"for_seconds": 86_400},
    )
    before = {i: decide(service, unit_id=f"u-{i}").json for i in range(20)}
    service.now_ms += 2 * HOUR_MS
    for i, first in before.items():
        again = decide(service, unit_id=f"u-{i}").json
        assert again["variant"] == "b"
        assert again.get("repeat", False) == (first["variant"] == "b")


def test_a_whole_variant_of_a_request_with_a_condition_is_refused(
    service: WorkerInProcess,
) -> None:
    create(service, {"key": "a"}, {"key": "b"}, request_variants="replace")
    answer = decide(service, variants=[{"key": "y"}, {"key": "x", "when": "n > 1"}])

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == "/variants/1"


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"when": "x >"}, "/variants/1/when", "column 4"),
        ({"when": ""}, "/variants/1/when", "context key"),
        ({"when": 3}, "/variants/1/when", "str"),
        ({"from": "tomorrow"}, "/variants/1/from", "RFC 3339"),
        ({"until": "2027-01-01T00:00:00"}, "/variants/1/until", "offset"),
        (
            {"from": AT.format(9), "until": AT.format(9)},
            "/variants/1/until",
            "after from",
        ),
        ({"tags": ["offer", ""]}, "/variants/1/tags/1", "no tag"),
        ({"tags": ["t"] * 21}, "/variants/1/tags", "20"),
    ],
)
def test_a_rule_that_can_not_be_used_is_refused_where_it_is(
    service: WorkerInProcess, fields: dict[str, object], pointer: str, words: str
) -> None:
    body = {"key": "hero", "variants": [{"key": "a"}, {"key": "b"} | fields]}
    answer = service.post("/v1/experiments", body)

    assert answer.status_code == 400
    (fault,) = answer.json["errors"]
    assert fault["pointer"] == pointer
    assert words in fault["detail"]


def test_a_definition_is_read_back_as_it_was_written(service: WorkerInProcess) -> None:
    rules: dict[str, object] = {
        "when": "x = 1",
        "from": AT.format(9),
        "until": AT.format(11),
        "tags": ["offer"],
    }
    create(service, {"key": "a"}, {"key": "b"} | rules)
    plain, ruled = service.get("/v1/experiments/hero").json["variants"]
    patched = service.patch(
        "/v1/experiments/hero",
        {"variants": [plain, {n: v for n, v in ruled.items() if n != "until"}]},
    ).json["variants"][1]

    assert "when" not in plain
    assert {name: ruled[name] for name in rules} == rules
    assert patched == {n: v for n, v in ruled.items() if n != "until"}
