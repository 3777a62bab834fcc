"""The uplift of an experiment with a split is that of the treatment as it is."""

from collections.abc import Callable

import pytest

from bandit_svc.services.report.build import build_report
from tests.harness.service import SECOND_MS, Service

BEST = {
    "kind": "rules",
    "rules": [{"when": "device == 'mobile'", "then": "a"}],
    "otherwise": "b",
}
WORST = {"kind": "fixed", "variant": "c"}
SHARE = 0.7
FLOOR = 0.3
RUNS = 12
ROUNDS = 400
SEEN = 0.1
"""The share of floor that each of three variants gets."""


def truth() -> float:
    """Return the uplift: the best variant earns 1, and the baseline shows a.

    Of the treatment's units SHARE have the best policy, the others the worst one.
    """
    best, worst = 1 - FLOOR + SEEN, SEEN
    return SHARE * best + (1 - SHARE) * worst - 0.5


@pytest.mark.statistical
@pytest.mark.parametrize("visits", [1, 3], ids=["once", "coming back"])
def test_the_uplift_covers_the_truth_under_a_split(
    new_service: Callable[[str], Service], visits: int
) -> None:
    """Each interval misses in at most 5 %; 3 or more of 12 do in 2 % of cases."""
    missed, estimates = 0, []
    for run in range(RUNS):
        service = new_service(f"run-{run}")
        service.start()
        service.random.seed(run)
        service.create(
            policy=WORST,
            holdout=0.3,
            exploration_floor=FLOOR,
            split={
                "policies": {"current": 1 - SHARE, "other": SHARE},
                "policy": BEST,
                "advance_when": "never",
                "rollback_when": "never",
            },
        )
        service.mature()
        played(service, visits, f"run-{run}")
        found = build_report(
            service.storage, service.storage.experiments.get("hero"), service.now_ms
        )
        uplift = found.uplift.absolute
        assert uplift.estimate is not None
        lower, upper = uplift.interval
        estimates.append(uplift.estimate)
        if lower is None or upper is None or not lower <= truth() <= upper:
            missed += 1

    assert missed <= 2
    assert sum(estimates) / RUNS == pytest.approx(truth(), abs=0.04)


def played(service: Service, visits: int, run: str) -> None:
    """Play rounds; the device is the unit's own, and each run has units of its own."""
    for unit in range(ROUNDS):
        device = service.random.choice(["mobile", "desktop"])
        best = "a" if device == "mobile" else "b"
        for _ in range(visits):
            service.now_ms += SECOND_MS // 100
            decided = service.decide(
                unit_id=f"{run}-u{unit}", context={"device": device}
            )
            if decided.decision.variant == best:
                service.reward(decided)
    service.mature()
