"""A unit that comes back keeps what was chosen for it."""

from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from tests.harness.worker_in_process import Answer, StartWorker, WorkerInProcess

HOUR_S = 3_600.0


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    return start_worker()


def sticky(service: WorkerInProcess, **fields: object) -> None:
    """Create an experiment of which nobody can know what comes."""
    service.create(
        "hero",
        **{
            "variants": [{"key": key, "payload": {"img": key}} for key in "abcd"],
            "exploration_floor": 1.0,
            "holdout": 0.0,
            "reward": {"window_seconds": HOUR_S},
            "sticky": {"for_seconds": HOUR_S},
        }
        | fields,
    )


def of_again(first: dict[str, Any]) -> dict[str, Any]:
    return first | {"repeat": True}


def test_a_unit_keeps_its_variant_in_one_batch(service: WorkerInProcess) -> None:
    sticky(service)
    asked = [{"experiment": "hero", "unit_id": f"u-{i % 5}"} for i in range(100)]
    made = service.post("/v1/decisions/batch", {"decisions": asked}).json["decisions"]

    for unit in range(5):
        first, *others = made[unit::5]
        assert "repeat" not in first
        assert others == [of_again(first)] * 19


def test_a_choice_that_was_given_again_is_one_decision_and_is_counted(
    service: WorkerInProcess,
) -> None:
    sticky(service, holdout=0.5)
    for _ in range(3):
        for i in range(40):
            service.decide("hero", unit_id=f"u-{i}")
    service.learn(after_s=HOUR_S + 1)
    report = service.get("/v1/experiments/hero/report").json
    counts = report["decisions"]

    assert counts["joined"] == 40
    assert counts["repeats"] == 80
    assert counts["treatment"] + counts["baseline"] == 120
    assert sum(group["n"] for group in report["groups"]) == 40
    assert report["uplift"]["units"]["treatment"] * 3 == counts["treatment"]


def test_the_report_says_what_the_kept_choices_cost(service: WorkerInProcess) -> None:
    sticky(service)
    for i in range(120):
        service.decide("hero", unit_id=f"u-{i % 30}")
    service.learn(after_s=HOUR_S + 1)
    report = service.get("/v1/experiments/hero/report").json
    (row,) = (c for c in report["health"] if c["check"] == "sticky_window")

    assert "90 of 120 visits (75.0 %)" in row["detail"]
    assert "up to 2 times as wide" in row["detail"]
    assert (row["repeats_share"], row["wider_at_most"]) == (0.75, 2.0)


def test_a_reward_goes_to_the_first_choice(service: WorkerInProcess) -> None:
    sticky(service)
    first = service.decide("hero", unit_id="u")
    service.now_ms += 600_000
    again = service.decide("hero", unit_id="u")
    service.reward(again["decision_id"], 1.0)
    service.learn(after_s=HOUR_S)

    record = service.get(f"/v1/decisions/{first['decision_id']}").json
    assert again == of_again(first)
    assert record["reward"] == 1.0


def test_another_worker_gives_again_what_the_learner_has_stored(
    service: WorkerInProcess,
) -> None:
    sticky(service)
    first = {f"u-{i}": service.decide("hero", unit_id=f"u-{i}") for i in range(20)}
    service.learn()
    with closing(service.beside()) as other:
        for unit, answer in first.items():
            assert other.decide("hero", unit_id=unit) == of_again(answer)


@pytest.mark.parametrize(("after_s", "kept"), [(HOUR_S - 1, True), (HOUR_S + 1, False)])
def test_a_choice_is_kept_for_its_time(
    service: WorkerInProcess, after_s: float, *, kept: bool
) -> None:
    sticky(service)
    units = [f"u-{i}" for i in range(40)]
    first = [service.decide("hero", unit_id=unit) for unit in units]
    service.now_ms += round(after_s * 1_000)
    later = [service.decide("hero", unit_id=unit) for unit in units]

    assert [one.get("repeat", False) for one in later] == [kept] * 40
    if not kept:
        assert [one["variant"] for one in first] != [one["variant"] for one in later]
        again = service.decide("hero", unit_id="u-0")
        assert again == of_again(later[0])


def test_a_break_makes_a_new_choice_which_is_kept(service: WorkerInProcess) -> None:
    sticky(
        service,
        sticky={"for_seconds": HOUR_S, "break_when": ["context.user.segment"]},
    )

    def decide(segment: str) -> dict[str, Any]:
        context = {"hour": service.now_ms % 24, "user": {"segment": segment}}
        service.now_ms += 1
        return service.decide("hero", unit_id="u", context=context)

    new, again = decide("new"), decide("new")
    loyal, loyal_again = decide("loyal"), decide("loyal")

    assert again == of_again(new)
    assert loyal["decision_id"] != new["decision_id"]
    assert loyal_again == of_again(loyal)


def test_a_newer_model_makes_a_new_choice_where_that_is_asked_for(
    service: WorkerInProcess,
) -> None:
    for key, breaks in (("keeps", []), ("breaks", ["model"])):
        service.create(
            key,
            sticky={"for_seconds": 9 * HOUR_S, "break_when": breaks},
            reward={"window_seconds": 1},
            holdout=0.0,
        )
    first = {key: service.decide(key, unit_id="u") for key in ("keeps", "breaks")}
    service.learn(after_s=2)
    later = {key: service.decide(key, unit_id="u") for key in first}

    assert later["keeps"] == of_again(first["keeps"])
    assert "repeat" not in later["breaks"]
    assert later["breaks"]["model_version"] > first["breaks"]["model_version"]


def test_a_variant_that_may_not_be_shown_now_is_not_given_again(
    service: WorkerInProcess,
) -> None:
    sticky(service, baseline={"kind": "uniform"})
    first = service.decide("hero", unit_id="u")
    variant = first["variant"]
    other = service.decide("hero", unit_id="u", exclude=[variant])
    retired = service.decide("hero", unit_id="v")
    left = [{"key": key} for key in "abcd" if key != retired["variant"]]
    patched = service.patch("/v1/experiments/hero", {"variants": left})
    assert patched.status_code == 200

    assert other["variant"] != variant
    assert service.decide("hero", unit_id="v")["variant"] != retired["variant"]


def test_a_repeat_has_the_payload_of_the_revision_that_chose(
    service: WorkerInProcess,
) -> None:
    sticky(service)
    first = service.decide("hero", unit_id="u")
    service.patch(
        "/v1/experiments/hero",
        {"variants": [{"key": k, "payload": {"img": "new"}} for k in "abcd"]},
    )

    assert service.decide("hero", unit_id="u") == of_again(first)
    assert service.decide("hero", unit_id="other")["payload"] == {"img": "new"}


def test_without_a_unit_or_a_declaration_each_request_is_a_choice(
    service: WorkerInProcess,
) -> None:
    sticky(service)
    service.create("plain", exploration_floor=1.0)

    made = Counter(service.decide("hero")["decision_id"] for _ in range(10))
    plain = Counter(
        service.decide("plain", unit_id="u")["decision_id"] for _ in range(10)
    )
    assert len(made) == len(plain) == 10


def test_linked_ids_keep_one_choice(service: WorkerInProcess) -> None:
    sticky(service)
    first = service.decide("hero", unit_id="anon-7f")
    service.learn()
    service.call("PUT", "/v1/units/u-81", {"links": ["anon-7f"]})
    service.learn()
    service.now_ms += 1_000

    assert service.decide("hero", unit_id="u-81") == of_again(first)


def test_a_request_id_of_a_unit_that_keeps_its_choice_gets_it(
    service: WorkerInProcess,
) -> None:
    sticky(service)
    first = service.decide("hero", unit_id="u")

    for _ in range(2):
        again = service.decide("hero", unit_id="u", request_id="r")
        assert again == of_again(first)


def test_a_stickiness_beyond_the_window_is_warned_of(service: WorkerInProcess) -> None:
    def status(key: str) -> str:
        report: Answer = service.get(f"/v1/experiments/{key}/report")
        (found,) = (c for c in report.json["health"] if c["check"] == "sticky_window")
        return str(found["status"])

    sticky(service)
    service.create("long", sticky={"for_seconds": HOUR_S * 24})
    service.create("plain")

    assert (status("hero"), status("long"), status("plain")) == ("ok", "warn", "ok")


@pytest.mark.parametrize(
    ("declared", "pointer"),
    [
        ({}, "/sticky/for_seconds"),
        ({"for_seconds": 0}, "/sticky/for_seconds"),
        ({"for_seconds": 91 * 86_400}, "/sticky/for_seconds"),
        ({"for_seconds": 60, "break_when": ["day"]}, "/sticky/break_when/0"),
        ({"for_seconds": 60, "break_when": ["context."]}, "/sticky/break_when/0"),
        ({"for_seconds": 60, "break_when": ["model"] * 21}, "/sticky/break_when"),
        ({"for_seconds": 60, "until": "x"}, "/sticky/until"),
    ],
)
def test_a_stickiness_that_can_not_be_kept_is_refused(
    service: WorkerInProcess, declared: object, pointer: str
) -> None:
    body = {"key": "x", "variants": [{"key": "a"}], "sticky": declared}
    answer = service.post("/v1/experiments", body)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
