"""A plan: by when a lift is found, and what is refused."""

import pytest
from msgspec.structs import replace

from bandit_svc.errors import InvalidInput
from bandit_svc.services.planning.plan import PlanRequest, plan

ASKED = PlanRequest(traffic=10_000, base_rate=0.05, lift=0.2)


def test_days_are_decisions_over_the_traffic() -> None:
    found = plan(ASKED)

    assert found.decisions_median is not None
    assert found.decisions_80 is not None
    assert found.median_days == pytest.approx(found.decisions_median / 10_000)
    assert found.days_80 == pytest.approx(found.decisions_80 / 10_000)
    assert found.decisions_median < found.decisions_80


def test_a_horizon_says_what_to_declare_in_the_experiment() -> None:
    found = plan(replace(ASKED, horizon=14.0))

    assert plan(ASKED).planned_decisions is None
    assert found.planned_decisions == 140_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("traffic", 0.0), ("traffic", float("nan")), ("base_rate", -0.1)),
        *(("base_rate", 0.9), ("lift", 0.0), ("lift", float("inf"))),
        *(("holdout", 0.0), ("holdout", 0.95), ("sd", 0.0), ("visits", 0.5)),
        *(("icc", 1.5), ("horizon", 0.0)),
    ],
)
def test_a_number_out_of_its_limits_is_refused_by_its_name(
    name: str, value: float
) -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(replace(ASKED, **{name: value}))

    assert [one.pointer for one in refused.value.fields] == [f"/{name}"]


def test_a_lift_beyond_reach_has_no_number_and_a_reason() -> None:
    found = plan(replace(ASKED, base_rate=1.0, sd=1e9))

    assert found.median_days is None
    assert found.days_80 is None
    assert "no number of decisions is enough" in str(found.reason)
