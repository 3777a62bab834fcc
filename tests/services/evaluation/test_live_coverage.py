"""What intervals say of logs that the service's own policies make, at every decision.

1,000 experiments with a holdout. The policy learns from each decision, is served with
the exploration floor, and its value at each is known, since contexts come from a pool.
"""

from collections import Counter

import pytest

from benchmarks.truth.policies import (
    FLOORS,
    LOGGING,
    Pool,
    estimates_missed,
    policy_log,
    uplift_missed,
)
from simulators.worlds.hero import HeroWorld

RUNS = 1_000
DECISIONS = 1_000


@pytest.mark.statistical
def test_at_most_5_percent_of_experiments_ever_show_a_wrong_interval() -> None:
    """Seeds [3, run]; 1,000 runs of 1,000 decisions on `hero`, 1,000 looks each.

    `vw`, `linear`, `thompson` and `epsilon_greedy` log in turn, with a floor of 0.1
    and 0.02, so that weights reach 50 and 250. Each estimate must hold in 95 % of
    runs: of the served policy, of uniform, the baseline, the worst variant and a
    candidate that learns from the same log; and so must uplift, absolute and relative,
    against what the treatment's policy was worth as it stood at each of its decisions.

    No tolerance on top of the 50 runs of 1,000: the sequences promise 5 % and keep
    more. At a true rate of 3 % more than 50 would miss for one seed in 4,000; measured
    are 9 of 1,000 at most (0.4 % for uplift), and the seeds are fixed.
    """
    pool = Pool(HeroWorld())
    kinds = list(LOGGING.values())
    missed: Counter[str] = Counter()
    for run in range(RUNS):
        spec, floor = kinds[run % 4], FLOORS[run // 4 % 2]
        log = policy_log(pool, spec, floor, DECISIONS, [3, run])
        missed.update(estimates_missed(log) | uplift_missed(log))

    assert {name: n for name, n in missed.items() if n > 0.05 * RUNS} == {}
