"""How often intervals by unit are ever wrong, in small versions of bench-truth's cells.

Every run looks at each tenth decision. `make bench-truth` runs 1,000 of
each; here few runs tell an interval that keeps its promise from one that is
wrong in a third of runs or more. Seeds are fixed; an interval that were wrong in
exactly 5 % of runs would go beyond 6 of 60 for one seed in 25.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT
from bandit_svc.ope.uplift.agreement import carry_over, exclusion
from bandit_svc.ope.uplift.by_unit import Band, Possible, absolute, relative
from bandit_svc.ope.uplift.columns import ONE_STEP, RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions, totals_over
from bandit_svc.ope.uplift.uplift import absolute_uplift_over
from benchmarks.truth.unit_logs import (
    Cell,
    carry_over_log,
    deployed_difference,
    null_log,
)

pytestmark = pytest.mark.statistical

RUNS, DECISIONS, MOST_WRONG = 60, 4_000, 6
LOOKS = np.arange(9, DECISIONS, 10)
RATE = Possible(0.0, 1.0)
QUANTILE = 1.96


def excludes_0(band: Band) -> bool:
    return bool(np.any(((band.lower > 0) | (band.upper < 0)) & band.enough))


def by_decision_excludes_0(log: JoinedDecisions) -> bool:
    treated = log.draws.treated
    ends = absolute_uplift_over(log.values[:, 0], treated, 0.95, 0.0, 1.0)
    groups = np.cumsum(treated), np.cumsum(~treated)
    enough = np.minimum(*groups) >= MINIMAL_COUNT
    return bool(np.any(((ends[0] > 0) | (ends[1] < 0)) & enough))


def logs(cell: Cell, seed: int) -> Iterator[tuple[JoinedDecisions, Totals]]:
    for run in range(RUNS):
        log = null_log(cell, DECISIONS, np.random.default_rng([seed, run]))
        yield log, totals_over(log, LOOKS)


@pytest.mark.parametrize(
    "cell",
    [
        Cell("session", 5.0),
        Cell("heavy", 2.0, (0.5, 0.1), (0.5, 1.0)),
        Cell("pop", 2.0, (0.1, 0.5), (0.5, 1.0)),
        Cell("once", 1.0, (0.5, 0.05), (0.5, 1.0)),
    ],
    ids=["sessions", "heavy tails, holdout down", "holdout up", "once, holdout down"],
)
def test_without_effect_an_uplift_by_unit_hardly_ever_excludes_0(cell: Cell) -> None:
    """The uplift by decision claims a winner in a quarter to all of the runs."""
    wrong, plain = np.zeros(4), 0
    for log, totals in logs(cell, 1):
        plain += by_decision_excludes_0(log)
        bands = [absolute(totals, w, 0.95, RATE) for w in (0, 1, 2)]
        bands.append(relative(totals, TRAJECTORY, 0.95, RATE))
        wrong += [excludes_0(band) for band in bands]

    assert plain >= RUNS / 4
    assert wrong.max() <= MOST_WRONG


def test_the_headline_is_narrower_than_the_randomised_uplift() -> None:
    """.69 of its error once a unit, and .84 with sessions of 5; less than .9 both."""
    for cell in (Cell("once", 1.0), Cell("session", 5.0)):
        errors = [
            [float(sides(totals.at(-1), w).difference_raw()) for w in (0, 1)]
            for _, totals in logs(cell, 2)
        ]
        randomised, trajectory = np.sqrt(np.mean(errors, axis=0))
        assert trajectory / randomised < 0.9


@pytest.mark.parametrize("world", ["fatigue", "context", "habituation", "visits"])
def test_where_earlier_decisions_matter_the_headline_holds_what_is_deployed(
    world: str,
) -> None:
    """40 runs of 6,000 decisions; a fixed-n interval holds the truth in at least 34.

    It is to hold it in 95 %; in 90 %, as measured at 10,000 decisions at the worst, 40
    runs give fewer than 34 for one seed in 20. The one-step uplift is wrong nearly
    always, but in `visits`, whose truth is 0 for it too.
    """
    truth = deployed_difference(world, 400_000, [3])
    holds = np.zeros(3)
    for run in range(40):
        log = carry_over_log(world, 6_000, 0.1, np.random.default_rng([4, run]))
        totals = totals_over(log, np.array([log.unit.size - 1])).at(0)
        for weighting in (RANDOMISED, TRAJECTORY, ONE_STEP):
            two = sides(totals, weighting)
            off = abs(float(two.means[0] - two.means[1]) - truth)
            holds[weighting] += off <= QUANTILE * float(two.difference_raw()) ** 0.5

    assert holds[TRAJECTORY] >= 34
    if world != "visits":
        assert holds[ONE_STEP] <= 8


def test_a_carry_over_is_found_where_there_is_one_and_seldom_elsewhere() -> None:
    """Contexts that follow earlier actions: found in all of 20 runs of 6,000."""
    found, false = np.zeros(2), np.zeros(2)
    for run in range(20):
        random = np.random.default_rng([5, run])
        for world, counted in (("context", found), ("none", false)):
            log = carry_over_log(world, 6_000, 0.1, random)
            totals = totals_over(log, np.arange(9, log.unit.size, 10))
            counted += [
                excludes_0(carry_over(totals, 0.95)),
                excludes_0(exclusion(totals, 0.95)),
            ]

    assert found[0] >= 15
    assert false.max() <= 3


@pytest.mark.parametrize("tightest_at", [500.0, 50_000.0])
def test_an_interval_that_is_tight_elsewhere_is_as_seldom_wrong(
    tightest_at: float,
) -> None:
    possible = Possible(0.0, 1.0, tightest_at=tightest_at)
    wrong = np.zeros(2)
    for _, totals in logs(Cell("session", 3.0), 5):
        wrong += [
            excludes_0(absolute(totals, w, 0.95, possible))
            for w in (RANDOMISED, TRAJECTORY)
        ]

    assert wrong.max() <= MOST_WRONG
