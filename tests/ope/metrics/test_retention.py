"""Counts of units as sums: each unit is one row."""

import numpy as np
import pytest

from bandit_svc.ope.metrics.retention import UnitCounts, retention_totals
from bandit_svc.ope.uplift.by_unit import Possible, absolute
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.unit_sums import NO_UNIT, totals_over
from tests.harness.unit_decisions import decisions

COUNTS = (
    UnitCounts(treated=True, chance=0.5, units=200, returned=60),
    UnitCounts(treated=False, chance=0.5, units=180, returned=40),
    UnitCounts(treated=True, chance=0.1, units=400, returned=100),
    UnitCounts(treated=False, chance=0.1, units=60, returned=20),
)


def test_counts_are_the_sums_of_as_many_rows() -> None:
    rows = [
        (one.treated, one.chance, float(place < one.returned))
        for one in COUNTS
        for place in range(one.units)
    ]
    treated, chance, again = (np.array(column) for column in zip(*rows, strict=True))
    made = decisions(np.full(treated.size, NO_UNIT), treated, again, chance=chance)
    made.draws.treatment_propensity[:] = np.nan
    whole = totals_over(made, np.array([treated.size - 1])).at(0)
    found = retention_totals(COUNTS)

    for name in ("sums", "by_unit", "by_decision", "counts", "heaviest", "plain"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name)), name


def test_shares_are_weighed_by_the_chance_of_the_group() -> None:
    """By hand: (60/.5 + 100/.9) / (200/.5 + 400/.9) - (40/.5 + 20/.1) / 960."""
    totals = retention_totals(COUNTS)
    band = absolute(totals, RANDOMISED, 0.95, Possible(0.0, 1.0))
    share = (120 + 100 / 0.9) / (400 + 400 / 0.9) - (80 + 200) / (360 + 600)

    assert band.estimate == pytest.approx(share)
    assert bool(band.enough)
    assert absolute(totals, TRAJECTORY, 0.95, Possible(0.0, 1.0)).estimate == (
        pytest.approx(share)
    )


def test_no_units_are_no_sums() -> None:
    assert retention_totals(()).units == 0
