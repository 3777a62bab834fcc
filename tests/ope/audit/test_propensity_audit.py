"""False propensities are found, true ones are left alone."""

import math

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit.propensity_audit import Choices, PropensityAudit
from bandit_svc.ope.errors import LoggedDataError
from benchmarks.truth.audit import CELLS, FLOOR, ROUNDS, corrupted, softmax

RUNS = 200
K = 4
CORRUPTIONS = ("overridden", "argmax", "other policy")


def log(seed: int, kind: str, told: str) -> Choices:
    """Log 5,000 choices, sound or corrupted in one of the issue's three ways.

    Args:
        seed: of this run; the policies are those of seeds 7 and 8.
        kind: "sound" or one of CORRUPTIONS.
        told: what the audit gets: "pmf", "floor" (the propensity of the logged action,
            and the floor), "cells" (that propensity, and the contexts).
    """
    generator = np.random.default_rng(seed)
    policy, other = (softmax(np.random.default_rng(s), K) for s in (7, 8))
    made = corrupted(generator, kind, policy, other)
    return Choices(
        action=made.action,
        n_actions=K,
        propensity=made.propensity,
        pmf=made.pmf if told == "pmf" else None,
        min_propensity=FLOOR / K if told == "floor" else None,
        cell=made.cell if told == "cells" else None,
        n_cells=CELLS,
    )


@pytest.mark.statistical
@pytest.mark.parametrize("told", ["pmf", "floor", "cells"])
@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_a_corrupted_log_is_found_within_5000_decisions(kind: str, told: str) -> None:
    """Seeds 0 to 39, each a log: all must be found, at p <= 0.01.

    If only 95 % of logs were found (the issue's goal), 40 of 40 would be found with a
    chance of 13 %; benchmarks/truth runs 200 of each kind.
    """
    for seed in range(40):
        assert PropensityAudit().add(log(seed, kind, told)).p_value <= 0.01


@pytest.mark.statistical
@pytest.mark.parametrize("told", ["pmf", "floor", "cells"])
def test_a_sound_log_is_flagged_in_at_most_5_percent(told: str) -> None:
    """Seeds 0 to 199. The promise is 5 %; what is measured is below 1 %."""
    flagged = sum(
        PropensityAudit().add(log(seed, "sound", told)).p_value <= 0.05
        for seed in range(RUNS)
    )

    assert flagged / RUNS <= 0.05


@pytest.mark.statistical
def test_an_argmax_is_found_by_its_propensities_alone() -> None:
    """Seeds 0 to 39: all must be found, as above."""
    for seed in range(40):
        assert PropensityAudit().add(log(seed, "argmax", "alone")).p_value <= 0.01


@pytest.mark.statistical
def test_a_sound_log_of_propensities_alone_is_not_flagged() -> None:
    """Seeds 0 to 19: at most 1, which is 5 %; none is measured."""
    found = [
        PropensityAudit().add(log(seed, "sound", "alone")).p_value for seed in range(20)
    ]

    assert sum(p_value <= 0.05 for p_value in found) <= 1


def test_the_suspicion_names_what_is_wrong() -> None:
    by_floor = PropensityAudit().add(log(1, "overridden", "floor"))
    by_pmf = PropensityAudit().add(log(1, "argmax", "pmf"))

    assert by_floor.suspicion == "action 0 is chosen more often than logged"
    assert by_pmf.suspicion == "choices are sharper or flatter than logged"
    assert PropensityAudit().suspicion == "no action was chosen yet"


def test_a_propensity_that_is_not_the_pmfs_is_counted() -> None:
    audit = PropensityAudit().add(log(1, "overridden", "pmf"))

    # About 10 % were overridden; where 0 was drawn as well, nothing is wrong.
    assert 0.05 < audit.mismatched / audit.n < 0.1
    assert PropensityAudit().add(log(1, "sound", "pmf")).mismatched == 0


def test_a_bet_by_hand() -> None:
    # One choice of action 0 from a fair pmf of two: tilted by t, the likelihood ratio
    # is exp(t) / (1 + (exp(t) - 1) / 2).
    choices = Choices(
        action=np.array([0]),
        n_actions=2,
        propensity=np.array([0.5]),
        pmf=np.array([[0.5, 0.5]]),
    )
    capital = PropensityAudit().add(choices).log_capital
    found = capital["action 0 is chosen more or less often than logged"]

    expected = math.exp(0.8) / (1 + (math.exp(0.8) - 1) / 2)
    assert np.exp(found[11]) == pytest.approx(expected)
    # A fair pmf can't be sharpened or flattened.
    assert capital["choices are sharper or flatter than logged"] == pytest.approx(
        np.zeros(12)
    )


def test_every_bet_is_fair_if_the_pmf_is_true() -> None:
    # Expectation over both possible choices, by hand from the pmf: 1 for each bet.
    pmf = np.array([[0.3, 0.7]])
    mean: dict[str, FloatArray] = {}
    for action, chance in enumerate(pmf[0]):
        for told in (pmf, None):
            choices = Choices(
                action=np.array([action]),
                n_actions=2,
                propensity=np.array([chance]),
                pmf=told,
                min_propensity=0.3,
            )
            for name, logs in PropensityAudit().add(choices).log_capital.items():
                mean[name] = mean.get(name, np.zeros(logs.size)) + chance * np.exp(logs)

    for name, values in mean.items():
        # The one-sided bets lose where they must not win.
        if "above 1 /" in name:
            assert np.all(values <= 1 + 1e-12), name
        else:
            assert values == pytest.approx(np.ones(values.size)), name


def test_batches_give_what_the_whole_gives() -> None:
    choices = log(3, "sound", "pmf")
    whole = PropensityAudit().add(choices)
    parts = PropensityAudit().add(choices.part(0, 1_000))
    parts = parts.add(choices.part(1_000, ROUNDS))

    assert parts.n == whole.n
    assert parts.p_value == pytest.approx(whole.p_value)


def test_a_p_value_never_rises_again() -> None:
    found = PropensityAudit().add(log(1, "argmax", "floor"))
    later = found.add(log(2, "sound", "floor"))

    assert later.p_value <= found.p_value


def test_eligible_actions_may_change_from_round_to_round() -> None:
    # Action 1 can be chosen in every other round only.
    generator = np.random.default_rng(5)
    count = np.tile([1, 2], 1_000)
    action = np.where(count == 2, generator.integers(0, 2, 2_000), 0)
    choices = Choices(
        action=action,
        n_actions=2,
        propensity=1 / count,
        eligible_count=count,
        min_propensity=0.5,
    )

    audit = PropensityAudit().add(choices)
    assert audit.p_value > 0.05
    # How rarely action 1 should come is unknown without the pmf.
    assert not any("1 is chosen less often" in name for name in audit.log_capital)


def test_a_propensity_below_the_declared_floor_is_refused() -> None:
    choices = Choices(
        action=np.array([0]),
        n_actions=2,
        propensity=np.array([0.1]),
        min_propensity=0.2,
    )

    with pytest.raises(LoggedDataError, match=r"at least min_propensity, 0\.2"):
        PropensityAudit().add(choices)
