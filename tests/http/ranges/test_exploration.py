"""What exploration costs against the greedy choice."""

import pytest

from bandit_svc.services.report.business.exploration import exploration_cost
from tests.harness.worker_in_process import WorkerInProcess

FLOOR = 0.5


def lived(service: WorkerInProcess, units: int, earns: str) -> None:
    """Let `b` be greedy at 75 % of the chances; a decision with `earns` earns 1."""
    service.create(
        "hero",
        holdout=0.2,
        policy={"kind": "fixed", "variant": "b"},
        exploration_floor=FLOOR,
        reward={"window_seconds": 60},
    )
    for unit in range(units):
        decided = service.decide("hero", unit_id=f"u{unit}")
        if decided["variant"] == earns:
            service.reward(decided["decision_id"], 1)
    service.learn(after_s=61)


@pytest.mark.parametrize(("earns", "cost"), [("b", 0.25), ("a", -0.25)])
def test_it_is_what_the_greedy_choice_would_have_earned_more(
    service: WorkerInProcess, earns: str, cost: float
) -> None:
    """By hand: `b` is shown in 75 %, so that a quarter of 1 is lost, or won.

    About 800 decisions of the treatment; half the interval is some 0.02, and the true
    number is outside of it for one seed in 20: so twice the half is allowed.
    """
    lived(service, 1_000, earns)

    found = exploration_cost(service.worker.storage.joins, 1)

    assert found.estimate is not None
    lower, upper = found.interval
    assert lower is not None
    assert upper is not None
    assert upper - lower < 0.12
    assert found.estimate == pytest.approx(cost, abs=upper - lower)


def test_it_is_not_told_of_few_units_or_without_rewards(
    service: WorkerInProcess,
) -> None:
    lived(service, 30, "b")
    few = exploration_cost(service.worker.storage.joins, 1)
    for unit in range(400):
        service.decide("hero", unit_id=f"v{unit}")
    service.learn(after_s=61)

    assert (few.estimate, few.interval) == (None, (None, None))
    assert "50 units" in str(few.reason)


def test_without_exploration_there_is_no_number(service: WorkerInProcess) -> None:
    service.create(
        "hero",
        policy={"kind": "fixed", "variant": "b"},
        exploration_floor=0.0,
        reward={"window_seconds": 60},
    )
    for unit in range(200):
        service.decide("hero", unit_id=f"u{unit}")
    service.learn(after_s=61)

    found = exploration_cost(service.worker.storage.joins, 1)

    assert found.estimate is None
    assert "another variant than the greedy one" in str(found.reason)
