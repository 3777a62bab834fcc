"""Why a variant was shown, asked with a publishable key."""

import pytest

from tests.harness.worker_in_process import Answer, StartWorker, WorkerInProcess

RULES = {
    "kind": "rules",
    "rules": [
        {"when": "weather = 'rain' and user.faith = 'x'", "then": "coat"},
        {"when": "weather = 'rain'", "then": "umbrella"},
    ],
    "otherwise": "sandals",
}
FIELDS = {
    "weather": {"label": "the weather where you are"},
    "user.faith": {"label": "what you believe", "sensitive": True},
    "hour": {"label": "the time of day"},
}


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    started = start_worker()
    started.create(
        "hero",
        variants=[{"key": key} for key in ("sandals", "umbrella", "coat")],
        policy=RULES,
        fields=FIELDS,
        opt_out="https://shop.example/privacy",
        holdout=0.0,
        exploration_floor=0.3,
    )
    return started


def asked(service: WorkerInProcess, decision_id: str) -> Answer:
    key = {"Authorization": f"Bearer {service.publishable}"}
    return service.get(f"/v1/why/{decision_id}", headers=key)


def told(service: WorkerInProcess, decision_id: str) -> dict[str, object]:
    answer = asked(service, decision_id)
    assert answer.status_code == 200
    found: dict[str, object] = answer.json
    return found


def shown(service: WorkerInProcess, variant: str, **context: object) -> str:
    """Return the id of a decision for a variant, which is drawn at some time."""
    while True:
        made = service.decide("hero", context=context)
        if made["variant"] == variant:
            return str(made["decision_id"])


def test_labelled_keys_that_made_it_likelier_are_told(
    service: WorkerInProcess,
) -> None:
    made = shown(service, "umbrella", weather="rain", hour=7)

    assert told(service, made) == {
        "because": ["the weather where you are"],
        "personalised": True,
        "opt_out": "https://shop.example/privacy",
    }


def test_a_sensitive_key_is_never_named(service: WorkerInProcess) -> None:
    made = shown(service, "coat", weather="rain", user={"faith": "x"})
    found = told(service, made)

    assert found["because"] == ["the weather where you are"]
    assert found["personalised"]


def test_what_was_drawn_to_learn_is_told_as_that(service: WorkerInProcess) -> None:
    made = shown(service, "sandals", weather="rain")

    assert told(service, made)["because"] == ["chosen at random, to learn"]


def test_what_no_key_has_changed_is_not_personalised(
    service: WorkerInProcess,
) -> None:
    found = told(service, shown(service, "sandals", hour=7))

    assert found["because"] == []
    assert not found["personalised"]


def test_the_comparison_group_is_told_so(start_worker: StartWorker) -> None:
    service = start_worker()
    service.create("hero", holdout=0.9)
    ids = [
        made["decision_id"]
        for made in (service.decide("hero", context={"hour": 7}) for _ in range(60))
        if made["group"] == "baseline"
    ]

    assert told(service, ids[0]) == {
        "because": ["not chosen for you, but for a comparison"],
        "personalised": False,
        "opt_out": None,
    }


def test_an_id_that_was_never_issued_is_not_found(service: WorkerInProcess) -> None:
    assert asked(service, "abc").status_code == 404


def test_what_the_service_added_has_a_label_of_its_own(
    start_worker: StartWorker,
) -> None:
    service = start_worker()
    service.create(
        "hero",
        variants=[{"key": key} for key in ("sandals", "umbrella", "coat")],
        policy={
            "kind": "rules",
            "rules": [{"when": "device.class = 'bot'", "then": "umbrella"}],
            "otherwise": "sandals",
        },
        enrich={"device": {}},
        holdout=0.0,
        exploration_floor=0.3,
    )
    while True:
        made = service.decide("hero", user_agent="curl/8.5.0")
        if made["variant"] == "umbrella":
            break

    usual = told(service, made["decision_id"])["because"]
    service.patch(
        "/v1/experiments/hero", {"fields": {"device.class": {"sensitive": True}}}
    )

    assert usual == ["the device that you use"]
    assert told(service, made["decision_id"])["because"] == []
