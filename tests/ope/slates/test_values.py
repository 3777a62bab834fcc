"""Estimates of slates: by hand, in a world of known truth, and their coverage."""

import itertools

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError, NoDataError
from bandit_svc.ope.slates.pages import Pages
from bandit_svc.ope.slates.values import ESTIMATORS, slate_values
from simulators.environment import FloatArray

ROWS, SLOTS = 6, 3
PLAYS = np.array([0.30, 0.12, 0.20, 0.08, 0.25, 0.15])
"""The chance that a row is played by a viewer who looks at it."""
WEIGHTS = np.array([3.0, 2.0, 1.0, 1.0, 2.0, 1.0])
TARGET = np.array([2.0, 1.0, 3.0, 1.0, 2.0, 1.0])


def chances(slate: tuple[int, ...]) -> FloatArray:
    """A viewer goes on with 0.8 where nothing is played; row 4 earns half below 0."""
    looked, found = 1.0, []
    for at, row in enumerate(slate):
        plays = PLAYS[row] * (0.5 if row == 4 and 0 in slate[:at] else 1.0)
        found.append(looked * plays)
        looked *= (1.0 - plays) * 0.8
    return np.array(found)


def probability(slate: tuple[int, ...], weights: FloatArray) -> FloatArray:
    """Return the conditional chance of each slot."""
    left, found = weights.sum(), []
    for row in slate:
        found.append(weights[row] / left)
        left -= weights[row]
    return np.array(found)


SLATES = list(itertools.permutations(range(ROWS), SLOTS))
LOGGED = np.array([probability(slate, WEIGHTS) for slate in SLATES])
RATIO = np.array([probability(slate, TARGET) for slate in SLATES]) / LOGGED
CHANCES = np.array([chances(slate) for slate in SLATES])
SHARES = LOGGED.prod(axis=1)
TRUTH = float((SHARES * RATIO.prod(axis=1) * CHANCES.sum(axis=1)).sum())


def log(pages: int, seed: int) -> Pages:
    """Draw pages; a page has at most one play."""
    rng = np.random.default_rng(seed)
    shown = rng.choice(len(SLATES), pages, p=SHARES / SHARES.sum())
    played = (rng.random((pages, 1)) > CHANCES[shown].cumsum(axis=1)).sum(axis=1)
    reward = (played[:, None] == np.arange(SLOTS)).astype(float)
    page = np.repeat(np.arange(pages), SLOTS)
    slot = np.tile(np.arange(SLOTS), pages)
    return Pages.of(page, slot, reward.ravel(), RATIO[shown].ravel())


def test_each_estimator_weighs_a_slot_by_what_its_reward_may_depend_on() -> None:
    ratio = np.tile([2.0, 0.5, 3.0], 60)
    reward = np.tile([1.0, 2.0, 0.0], 60)
    page, slot = np.repeat(np.arange(60), 3), np.tile([1, 2, 3], 60)

    found = slate_values(Pages.of(page, slot, reward, ratio), 1.96)

    # By hand: 2 * 1 + (2 * 0.5) * 2; (2 * 0.5 * 3) * (1 + 2); 2 * 1 + 0.5 * 2. All
    # pages are alike, so that the weights over their mean are 1.
    values = {name: found[name].value.estimate for name in ESTIMATORS}
    assert values == pytest.approx(
        {"cascade": 4.0, "slate": 9.0, "independent": 3.0, "cascade_sn": 3.0}
    )


def test_the_order_of_the_rows_changes_nothing() -> None:
    pages = log(500, 1)
    shuffled = np.random.default_rng(2).permutation(pages.page.size)
    again = Pages.of(
        pages.page[shuffled],
        pages.slot[shuffled],
        pages.reward[shuffled],
        pages.ratio[shuffled],
    )

    for mine, other in zip(
        slate_values(pages, 1.96).values(),
        slate_values(again, 1.96).values(),
        strict=True,
    ):
        assert mine == other


@pytest.mark.statistical
def test_slate_and_cascade_have_the_truth_and_slots_alone_have_not() -> None:
    """The mean of 200 logs of 2,000 pages is within 4 of its standard errors.

    That of slots alone is 4.8 of them off, by 0.005.
    """
    estimates = {name: np.zeros(200) for name in ESTIMATORS}
    for seed in range(200):
        for name, found in slate_values(log(2_000, seed), 1.96).items():
            estimates[name][seed] = found.value.estimate
    error = {n: e.std(ddof=1) / np.sqrt(200) for n, e in estimates.items()}
    off = {n: abs(e.mean() - TRUTH) / error[n] for n, e in estimates.items()}

    assert off["slate"] < 4
    assert off["cascade"] < 4
    assert off["cascade_sn"] < 4
    assert off["independent"] > 4
    assert estimates["cascade"].std() < estimates["slate"].std()


@pytest.mark.statistical
def test_cascade_intervals_cover() -> None:
    """At one look of 95 %, 400 logs of 1,000 pages; 0.92 is 2.8 errors below 0.95."""
    covered = dict.fromkeys(("cascade", "cascade_sn", "slate"), 0)
    for seed in range(400):
        found = slate_values(log(1_000, 1_000 + seed), 1.96)
        for name in covered:
            interval = found[name].value.interval
            assert interval.lower is not None
            assert interval.upper is not None
            covered[name] += interval.lower <= TRUTH <= interval.upper

    assert min(covered.values()) >= 0.92 * 400


@pytest.mark.statistical
def test_pages_of_one_unit_are_taken_together() -> None:
    """Each unit has ten pages that earn alike: an interval by page is too narrow."""
    covered = {"page": 0, "unit": 0}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        units, visits = 400, 10
        earns = np.repeat(rng.random(units) < 0.3, visits).astype(float)
        unit = np.repeat(np.arange(units), visits)
        page = np.arange(units * visits)
        arrays = page, np.zeros(page.size), earns, np.ones(page.size)
        for name, pages in (
            ("page", Pages.of(*arrays)),
            ("unit", Pages.of(*arrays, unit)),
        ):
            interval = slate_values(pages, 1.96)["cascade"].value.interval
            assert interval.lower is not None
            assert interval.upper is not None
            covered[name] += interval.lower <= 0.3 <= interval.upper

    # 0.90 is 3.2 standard errors below 0.95.
    assert covered["unit"] >= 0.90 * 200
    assert covered["page"] <= 0.7 * 200


def test_too_few_effective_pages_are_refused() -> None:
    found = slate_values(log(40, 3), 1.96)

    assert all(one.value.estimate is None for one in found.values())


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(NoDataError):
        Pages.of([], [], [], [])
    with pytest.raises(LoggedDataError):
        Pages.of([1, 1], [1, 2], [0.0], [1.0, 1.0])
    with pytest.raises(LoggedDataError):
        Pages.of([1], [1], [0.0], [-1.0])
