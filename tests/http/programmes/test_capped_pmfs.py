"""What is logged is what was drawn from, whatever caps have left."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bandit_svc.domain.limits import DAY_MS
from tests.harness.simulated.capped_shop import MAIL, NOTHING, STRICT, VOUCHER
from tests.harness.worker_in_process import StartWorker, WorkerInProcess


@pytest.fixture(scope="module")
def capped(start_shared_worker: StartWorker) -> WorkerInProcess:
    service = start_shared_worker()
    body = {
        "key": "shop",
        "holdout": 0.2,
        "explore": 0.2,
        "caps": [STRICT, MAIL, {"match": "variant=b", "max": 2, "per": "2d"}],
    }
    assert service.post("/v1/programmes", body).status_code == 201
    variants = [NOTHING, VOUCHER, *({"key": key} for key in "abc")]
    for key in ("web", "email"):
        service.create(key, programme="shop", channel=key, variants=variants)
    return service


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["web", "email"]), st.integers(0, 3), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_the_logged_propensity_is_the_entry_of_the_pmf_over_what_is_left(
    capped: WorkerInProcess, steps: list[tuple[str, int, bool]]
) -> None:
    # What the last example has shown is known long before it is forgotten.
    capped.learn()
    capped.now_ms += 3 * DAY_MS
    for key, unit, learns in steps:
        answer = capped.decide(key, unit_id=f"u{unit}")
        if learns:
            capped.learn(0.001)
        logged = capped.get(f"/v1/decisions/{answer['decision_id']}").json
        chances = {one["variant"]: one["probability"] for one in logged["variants"]}
        out = answer.get("ineligible", {})

        assert set(chances) | set(out) == {"nothing", "voucher", "a", "b", "c"}
        assert not set(chances) & set(out)
        assert sum(chances.values()) == pytest.approx(1.0)
        assert answer["propensity"] == chances[answer["variant"]]
        assert logged.get("ineligible", {}) == out
    assert capped.worker.storage.units.overshoot() == {}
