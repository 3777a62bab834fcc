"""How often segments claim a difference in A/A logs, in a small version of bench-truth.

Half of the decisions are of regular units, which come 30 times and earn alike (ICC .9);
the others come once. `make bench-truth` has more decisions, runs and worlds.
"""

import numpy as np
import pytest

from benchmarks.truth.parts.segments import RISK, found, regulars

pytestmark = pytest.mark.statistical

RUNS, DECISIONS, EVERY, MOST_WRONG = 40, 8_000, 40, 5


def test_a_segment_of_few_units_that_are_alike_claims_no_difference() -> None:
    """At most 5 % of runs may claim any difference at any of 200 looks.

    Seeds are fixed. A share of exactly 5 % goes beyond 5 of 40 for one seed in 70. At
    the end some 66 regular units a group have 2,000 decisions, of a design effect of
    1 + 29 * .9 = 27; all decisions together have about half of that. A segment that
    borrowed it has therefore an interval some .7 times as wide.
    """
    claims, ratios = 0, []
    for run in range(RUNS):
        log, segment = regulars(0.5, 0.5, DECISIONS, np.random.default_rng([5, run]))
        both = found(log, segment, EVERY)
        claims += bool(both.by_unit.discovered(RISK).any())
        halves = [
            one.half_width(1 - RISK)[-1, 0] for one in (both.by_unit, both.borrowed)
        ]
        ratios.append(halves[1] / halves[0])

    assert claims <= MOST_WRONG
    assert np.isfinite(ratios).all()
    assert 0.6 < np.mean(ratios) < 0.85
