"""Experiments in which nothing is better than anything else, at every decision."""

import pytest

from benchmarks.truth.policies import (
    FLOORS,
    LOGGING,
    Pool,
    normal_claims_winner,
    policy_log,
    winner_claimed,
)
from simulators.worlds.hero import HeroWorld
from simulators.worlds.null import NullWorld

RUNS = 1_000
DECISIONS = 1_000


@pytest.mark.statistical
def test_where_no_variant_does_anything_few_experiments_ever_claim_a_winner() -> None:
    """Seeds [4, run]; 1,000 runs of 1,000 decisions in the A/A world, 1,000 looks each.

    The service's four kinds of learning policies serve in turn, with a holdout. At
    most 50 runs may ever have an uplift whose interval excludes 0. No tolerance on
    top: at a true rate of 3 % more than 50 would for one seed in 4,000; measured are
    4 of 1,000, and the seeds are fixed. A normal interval claims a winner in at least
    200 of the same runs, so that the test can fail.
    """
    pool = Pool(NullWorld())
    kinds = list(LOGGING.values())
    ours = normal = 0
    for run in range(RUNS):
        spec, floor = kinds[run % 4], FLOORS[run // 4 % 2]
        log = policy_log(pool, spec, floor, DECISIONS, [4, run])
        ours += winner_claimed(log)
        normal += normal_claims_winner(log)

    assert ours <= 0.05 * RUNS
    assert normal >= 0.2 * RUNS


@pytest.mark.statistical
def test_where_the_policy_is_the_baseline_few_experiments_ever_claim_a_winner() -> None:
    """Seeds [5, run]; 1,000 runs of 1,000 decisions on `hero`, 1,000 looks each.

    Limit as above; measured are 2 of 1,000.
    """
    world = HeroWorld()
    pool = Pool(world)
    ours = 0
    for run in range(RUNS):
        log = policy_log(pool, world.experiment()["baseline"], 0.0, DECISIONS, [5, run])
        ours += winner_claimed(log)

    assert ours <= 0.05 * RUNS
