"""Our own log as arrays: real decisions of a real policy, through the store."""

import numpy as np
import pytest

from bandit_svc.errors import Unprocessable
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.audit_log import audit_log
from bandit_svc.services.decision_logs.stored_log import stored_log
from tests.harness.service import Service


def stored(service: Service) -> DecisionLog:
    storage = service.storage
    return stored_log(storage, storage.experiments.get("hero"))


def test_decisions_of_the_treatment_come_with_their_pmf_and_reward(
    service: Service,
) -> None:
    service.create(holdout=0.5)
    made = [service.decide(unit_id=f"u{i}") for i in range(40)]
    for decided in made[::2]:
        service.reward(decided)
    service.mature()
    log = stored(service)
    treated = [d.decision for d in made if d.decision.group == "treatment"]
    rewarded = [d for d in made[::2] if d.decision.group == "treatment"]

    assert 0 < len(treated) < 40
    assert sorted(log.propensity) == sorted(d.propensity for d in treated)
    assert log.reward.sum() == len(rewarded)
    assert log.pmf is not None
    assert log.pmf.sum(axis=1) == pytest.approx(np.ones(log.n))
    assert log.pmf[np.arange(log.n), log.action].tolist() == log.propensity.tolist()


def test_a_variant_that_was_excluded_was_not_eligible(service: Service) -> None:
    service.create(holdout=0.0)
    for _ in range(10):
        service.decide(exclude=("c",))
        service.decide()
    service.mature()
    log = stored(service)

    assert log.actions == ("a", "b", "c")
    assert log.eligible is not None
    assert sorted(log.eligible.sum(axis=1)) == [2] * 10 + [3] * 10
    # 10 decisions among two, 10 among three.
    assert log.eligible_count.sum() == 50


def test_without_a_matured_decision_there_is_nothing_to_audit(service: Service) -> None:
    service.create()

    with pytest.raises(Unprocessable, match="no matured decision"):
        stored(service)


@pytest.mark.statistical
def test_our_own_log_passes_the_audit_while_the_policy_learns(service: Service) -> None:
    """1,000 decisions of the default policy in ten batches, ids drawn from seed 7.

    A true log fails the audit in about 2 % of cases; the seed is fixed.
    """
    service.create(holdout=0.0)
    for _ in range(10):
        service.rounds(100)
        service.mature()
    log = stored(service)
    failed = [c for c in audit_log(log) if c.status == "fail"]

    assert log.n == 1_000
    assert (log.n_cells, log.cell_name) == (2, "device")
    assert log.version is not None
    assert log.version.max() > 1
    assert failed == []


def test_an_overridden_choice_in_our_own_log_is_found(service: Service) -> None:
    """As if somebody showed variant c in one of ten cases, and said nothing."""
    service.create(holdout=0.0)
    for _ in range(10):
        service.rounds(100)
        service.mature()
    log = stored(service)
    log.action[::10] = 2
    checks = {check.name: check for check in audit_log(log)}

    assert checks["propensities"].status == "fail"
    assert "another probability than their own pmf" in checks["propensities"].detail
