"""`max_share` of a variant over the API: what is shown, and what is refused."""

import pytest

from tests.harness.worker_in_process import Answer, StartWorker, WorkerInProcess


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    return start_worker()


def create(service: WorkerInProcess, *limits: object, **fields: object) -> Answer:
    """Ask for an experiment whose variants a, b and so on have these limits."""
    variants = [
        {"key": key} | ({} if limit is None else {"max_share": limit})
        for key, limit in zip("abcd", limits, strict=False)
    ]
    return service.post(
        "/v1/experiments", {"key": "hero", "variants": variants, **fields}
    )


def test_a_limit_is_read_back_and_the_policy_shows_it(service: WorkerInProcess) -> None:
    assert create(service, 0.4, None, 0.7).status_code == 201
    found = service.get("/v1/experiments/hero").json

    assert [v.get("max_share") for v in found["variants"]] == [0.4, None, 0.7]
    assert found["policy"]["max_shares"] == {
        "floor": 0.02,
        "shares": {"a": 0.4, "c": 0.7},
    }
    # What was read can be written again.
    again = service.patch(
        "/v1/experiments/hero",
        {"policy": found["policy"], "variants": found["variants"]},
    )
    assert again.status_code == 200
    assert again.json["revision"] == found["revision"]


def test_the_first_decision_keeps_the_limit(service: WorkerInProcess) -> None:
    create(service, 0.1, None, holdout=0.0)
    shown = [service.decide("hero") for _ in range(20)]

    for one in shown:
        expected = 0.1 if one["variant"] == "a" else 0.9
        assert one["propensity"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("limits", "fields", "pointer", "words"),
    [
        ((None, 0), {}, "/variants/1/max_share", "above 0"),
        ((None, -0.1), {}, "/variants/1/max_share", "above 0"),
        ((1.5, None), {}, "/variants/0/max_share", "at most 1"),
        (("half", None), {}, "/variants/0/max_share", "float"),
        (
            (None, 0.1),
            {"exploration_floor": 0.4},
            "/variants/1/max_share",
            "floor of 0.4 gives each of 2",
        ),
        ((0.4, 0.3, 0.2), {}, "/variants/2/max_share", "together they are 0.9"),
        ((0.9,), {}, "/variants/0/max_share", "at least 1"),
    ],
)
def test_a_limit_that_can_t_be_kept_is_refused_where_it_is(
    service: WorkerInProcess,
    limits: tuple[object, ...],
    fields: dict[str, object],
    pointer: str,
    words: str,
) -> None:
    answer = create(service, *limits, **fields)

    assert answer.status_code == 400
    (fault,) = answer.json["errors"]
    assert fault["pointer"] == pointer
    assert words in fault["detail"]
    assert service.get("/v1/experiments/hero").status_code == 404


def test_a_change_that_leaves_limits_of_under_one_is_refused(
    service: WorkerInProcess,
) -> None:
    create(service, 0.5, 0.3, 0.2)
    raised = service.patch("/v1/experiments/hero", {"exploration_floor": 0.9})
    kept = service.get("/v1/experiments/hero").json["variants"]
    retired = service.patch("/v1/experiments/hero", {"variants": kept[:2]})

    assert raised.status_code == retired.status_code == 400
    assert raised.json["errors"][0]["pointer"] == "/variants/2/max_share"
    assert retired.json["errors"][0]["pointer"] == "/variants/1/max_share"


def test_a_variant_of_a_request_has_no_limit(service: WorkerInProcess) -> None:
    create(service, None, None, request_variants="replace")
    body = {"experiment": "hero", "variants": [{"key": "x", "max_share": 0.4}]}
    answer = service.post("/v1/decisions", body)

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == "/variants/0/max_share"


def test_a_baseline_has_no_limits(service: WorkerInProcess) -> None:
    limits = {"floor": 0.0, "shares": {"a": 0.4}}
    baseline = {"kind": "uniform", "max_shares": limits}
    answer = create(service, None, None, baseline=baseline)

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == "/baseline/max_shares"


def test_a_candidate_may_have_limits_of_its_own(service: WorkerInProcess) -> None:
    limits = {"floor": 0.02, "shares": {"a": 0.4}}
    candidate = {"name": "limited", "kind": "thompson", "max_shares": limits}
    create(service, None, None, candidates=[candidate])
    found = service.get("/v1/experiments/hero").json

    assert found["candidates"][0]["max_shares"] == limits
    assert "max_shares" not in found["policy"]
