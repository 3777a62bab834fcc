"""The test of draws against what comes after them: by hand, and on capped offers."""

import numpy as np
import pytest

from bandit_svc.ope.audit.history_dependence import DrawSums, dependences
from simulators.worlds.capped_offer import VISITS, capped_log


def test_statistic_and_variance_by_hand() -> None:
    """Four transitions of one stratum; the variant has a chance of 1/4 each time."""
    sums = DrawSums.empty(1, 1)
    drawn = np.array([1.0, 0.0, 0.0, 1.0])[:, None]
    event = np.array([1.0, 0.0, 1.0, 1.0])[:, None]
    chance = np.full((4, 1), 0.25)

    sums.add(np.zeros(4, dtype=np.int64), drawn - chance, chance, event)
    statistic, variance, spread = sums.tests()

    # D = .75, -.25, -.25, .75; b - 3/4 = .25, -.75, .25, .25.
    assert statistic[0, 0] == pytest.approx(0.75 * 0.5 + 0.25 * 0.5)
    assert variance[0, 0] == pytest.approx(0.1875 * (3 * 0.25**2 + 0.75**2))
    assert spread[0, 0] == pytest.approx(4 * 0.1875)


def test_batches_add_up_whatever_their_size() -> None:
    generator = np.random.default_rng(1)
    stratum = generator.integers(0, 4, 90)
    chance = generator.uniform(0.1, 0.9, (90, 3))
    event = np.where(generator.random((90, 2)) < 0.5, 1.0, 0.0)
    whole, parts = DrawSums.empty(3, 2), DrawSums.empty(3, 2)
    whole.add(stratum, -chance, chance, event)
    for rows in np.array_split(np.arange(90), 7):
        parts.add(stratum[rows], -chance[rows], chance[rows], event[rows])

    assert parts.counts == pytest.approx(whole.counts)
    assert parts.draws == pytest.approx(whole.draws)


def test_what_follows_from_the_value_alone_is_no_dependence() -> None:
    """A draw decides who comes back, and a counter of visits always goes up."""
    sums = DrawSums.empty(1, 1)
    chance = np.full((500, 1), 0.5)
    # Of those that came back four in five had drawn it.
    drawn = (np.arange(500) % 5 > 0)[:, None] * 1.0
    stratum = np.arange(500) % 6
    sums.add(stratum, drawn - chance, chance, np.ones((500, 1)))

    assert dependences([sums]) == [[]]


def found_in(units: int, seed: int, *, capped: bool, adaptive: bool) -> bool:
    """Return true if some look, one after each visit, finds a dependence."""
    log = capped_log(
        units, np.random.default_rng([5, seed]), capped=capped, adaptive=adaptive
    )
    generator = np.random.default_rng([6, seed])
    device = generator.integers(0, 3, (units, VISITS))
    eligible, key = DrawSums.empty(2, 1), DrawSums.empty(2, 1)
    for visit in range(VISITS - 1):
        popup = log.chance[:, visit]
        chance = np.stack([1 - popup, popup], axis=1)
        drawn = np.stack([~log.shown[:, visit], log.shown[:, visit]], axis=1) * 1.0
        may = np.flatnonzero(log.eligible[:, visit])
        lost = 1.0 - log.eligible[may, visit + 1][:, None]
        none = np.zeros(may.size, dtype=np.int64)
        eligible.add(none, (drawn - chance)[may], chance[may], lost)
        moved = (device[:, visit + 1] != device[:, visit])[:, None] * 1.0
        key.add(device[:, visit], drawn - chance, chance, moved)
        if any(dependences([eligible, key])):
            return True
    return False


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_cap_is_found_in_each_of_thirty_logs(*, adaptive: bool) -> None:
    found = [found_in(120, seed, capped=True, adaptive=adaptive) for seed in range(30)]

    assert all(found)


@pytest.mark.statistical
@pytest.mark.parametrize("adaptive", [False, True])
def test_a_twin_without_a_cap_is_rarely_found(*, adaptive: bool) -> None:
    """At most 5 of 100 twins are promised; of 600 none was found. Seeds are fixed."""
    found = [found_in(300, seed, capped=False, adaptive=adaptive) for seed in range(50)]

    assert sum(found) <= 2
