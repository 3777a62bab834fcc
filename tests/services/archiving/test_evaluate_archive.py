"""Estimates from the archive are those of `ope` on the store's own decisions."""

from pathlib import Path

import numpy as np
import pytest

from bandit_svc.domain.experiment import TREATMENT
from bandit_svc.errors import InvalidInput, Unprocessable
from bandit_svc.ope.estimators.importance import snips
from bandit_svc.ope.estimators.intervals import standard_error
from bandit_svc.ope.logged import LoggedData
from bandit_svc.services.archiving.evaluate_archive import evaluate_archive
from bandit_svc.services.archiving.ports import ArchivePorts
from tests.harness.service import Service
from tests.harness.stored.archived import archive, days, ports_of, rows_of


@pytest.fixture
def ports(service: Service, tmp_path: Path) -> ArchivePorts:
    return ports_of(service, f"file://{tmp_path}/archive")


def test_uniform_and_a_variant_are_those_of_ope(
    service: Service, ports: ArchivePorts
) -> None:
    experiment = service.create(exploration_floor=0.3)
    days(service, 3, 150)
    archive(service, ports)
    result = evaluate_archive(ports, experiment, ["uniform", "fixed:a"])
    treated = [row for row in rows_of(service) if row.decision.group == TREATMENT]
    units = [row.decision.unit_id for row in treated]
    chosen = np.array([row.decision.chosen for row in treated])
    uniform, fixed = result.policies
    for row, chances in ((uniform, np.full(3, 1 / 3)), (fixed, np.eye(3)[0])):
        logged = LoggedData(
            reward=np.array([one.reward for one in treated]),
            propensity=np.array([one.decision.propensity for one in treated]),
            target_probability=chances[chosen],
            unit=np.unique(np.array(units), return_inverse=True)[1],
        )
        value = snips(logged)
        lower, upper = row.estimates["snips"].interval
        assert lower is not None
        assert upper is not None

        assert row.n == len(treated)
        assert row.estimates["snips"].estimate == pytest.approx(value.value, rel=1e-9)
        assert (upper - lower) / 2 == pytest.approx(
            1.959963984540054 * standard_error(value, logged.unit), rel=1e-9
        )
    assert result.mean == pytest.approx(np.mean([one.reward for one in treated]))
    assert (result.first_day, result.last_day) == ("2026-09-21", "2026-09-23")


def test_without_a_maximum_there_is_no_reward_model(
    service: Service, ports: ArchivePorts
) -> None:
    experiment = service.create(exploration_floor=0.3, reward={"maximum": None})
    days(service, 1, 200)
    archive(service, ports)
    (row,) = evaluate_archive(ports, experiment, ["uniform"]).policies

    assert row.estimates["ips"].estimate is not None
    assert row.estimates["dr"].estimate is None


def test_what_the_callers_own_system_showed_is_not_of_the_policy(
    service: Service, ports: ArchivePorts
) -> None:
    """An apprentice that went live: the chances are of what was drawn since."""
    service.create(mode="apprentice", exploration_floor=0.3)
    for _ in range(50):
        service.round(shown="a", shown_propensity=0.9)
        service.round(shown="b")
    service.mature()
    experiment = service.change(mode="live")
    days(service, 2, 150)
    archive(service, ports)
    result = evaluate_archive(ports, experiment, ["uniform"])
    drawn = [row for row in rows_of(service) if row.decision.shown is None]
    treated = [row for row in drawn if row.decision.group == TREATMENT]
    (uniform,) = result.policies

    assert uniform.n == len(treated) < 400
    assert result.mean == pytest.approx(np.mean([row.reward for row in treated]))
    weights = [1 / 3 / row.decision.propensity for row in treated]
    values = [w * row.reward for w, row in zip(weights, treated, strict=True)]
    assert uniform.estimates["ips"].estimate == pytest.approx(np.mean(values))


def test_few_decisions_are_refused(service: Service, ports: ArchivePorts) -> None:
    experiment = service.create()
    days(service, 1, 20)
    archive(service, ports)
    (row,) = evaluate_archive(ports, experiment, ["uniform"]).policies

    assert "effective sample size" in (row.refused or "")
    assert row.estimates["ips"].estimate is None


def test_what_the_archive_cant_tell_is_said(
    service: Service, ports: ArchivePorts
) -> None:
    experiment = service.create()
    with pytest.raises(Unprocessable, match="no file of hero yet"):
        evaluate_archive(ports, experiment)
    with pytest.raises(InvalidInput, match="leave --archive out"):
        evaluate_archive(ports, experiment, ["model:1"])
    with pytest.raises(InvalidInput, match="switch_dr can't be had"):
        evaluate_archive(ports, experiment, (), ["switch_dr"])
