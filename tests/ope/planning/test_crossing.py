"""By when an estimate leaves its interval's reach."""

import math

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.planning.crossing import crossing_counts
from bandit_svc.ope.sequences.asymptotic import boundary


def test_a_straight_line_is_crossed_as_bachelier_and_levy_say() -> None:
    """With n times the half width a + s n the first passage is inverse Gaussian.

    P(crossed by n) = Phi((m n - a) / r) + exp(2 m a) Phi((-m n - a) / r), with m the
    drift above s and r the root of n; here a = 20, s = 0.02 and the drift 0.1.
    """
    above, a = 0.08, 20.0

    def half_width(n: FloatArray) -> FloatArray:
        return a / n + 0.02

    found = crossing_counts(half_width, 0.1, 1.0, 1.0, (0.25, 0.5, 0.8))

    for n, chance in zip(found, (0.25, 0.5, 0.8), strict=True):
        root = math.sqrt(n)
        exact = _normal((above * n - a) / root) + math.exp(2 * above * a) * _normal(
            -(above * n + a) / root
        )
        assert exact == pytest.approx(chance, abs=0.005)


def test_what_is_known_at_the_first_look_is_found_there() -> None:
    found = crossing_counts(lambda n: 1 / n, 1.0, 0.1, 500.0, (0.5, 0.8))

    assert found == [500.0, 500.0]


def test_what_no_number_of_decisions_shows_takes_for_ever() -> None:
    found = crossing_counts(lambda n: np.full_like(n, 2.0), 1.0, 1.0, 50.0, (0.5,))

    assert found == [math.inf]


@pytest.mark.statistical
@pytest.mark.parametrize("tightest_at", [500.0, 5_000.0, 50_000.0])
def test_paths_leave_the_boundary_when_it_says(tightest_at: float) -> None:
    """Quantiles of 4,000 paths, seed 3, looked at 2,000 times in equal ratios.

    A median of 4,000 has a standard error of about 1.2 %, a look is 0.3 % after the
    one before; 6 % is four standard errors and a look.
    """
    random = np.random.default_rng(3)
    n = np.unique(np.geomspace(50, 40_000, 2_000).round())
    line = boundary(n, 0.95, tightest_at=tightest_at)
    steps = np.diff(np.r_[0.0, n])
    drift, crossed = 0.03, []
    for _ in range(4_000):
        path = np.cumsum(random.normal(drift * steps, np.sqrt(steps)))
        above = np.flatnonzero(path > n * line)
        crossed.append(n[above[0]] if above.size else np.inf)

    found = crossing_counts(
        lambda m: np.asarray(boundary(m, 0.95, tightest_at=tightest_at)),
        *(drift, 1.0, 50.0),
        (0.5, 0.8),
    )

    assert found == pytest.approx(np.quantile(crossed, [0.5, 0.8]), rel=0.06)


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
