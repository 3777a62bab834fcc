"""Two channels that saturate: the truth in closed form, and as it is played."""

import numpy as np
import pytest

from simulators.worlds.two_channels import FACTOR, KEEN, Chances, mean, rounds, truth


def test_the_whole_is_more_than_twice_the_sum_of_its_parts() -> None:
    known = truth(Chances())

    # By hand: .035 for both, .035 - .0279 and .035 - .0278 for the last one added.
    assert known.whole == pytest.approx(0.035)
    assert known.parts == pytest.approx({"banner": 0.0071, "mail": 0.0072})
    assert known.interaction == pytest.approx(0.0207)


def test_a_policy_that_offers_half_of_the_time_has_half_of_its_part() -> None:
    # By hand: the banner's part is linear in its own chance, the mail being the same.
    half, all_of_it = truth(Chances(banner=0.5)), truth(Chances())

    assert half.parts["banner"] == pytest.approx(all_of_it.parts["banner"] / 2)
    assert half.parts["mail"] > all_of_it.parts["mail"]


def test_keen_units_leave_the_mean_as_it_is() -> None:
    assert KEEN * FACTOR[True] + (1 - KEEN) * FACTOR[False] == pytest.approx(1.0)


@pytest.mark.statistical
def test_played_groups_have_the_true_whole_and_parts() -> None:
    """40,000 units of seed 11, 20 rounds each, every unit in each of four groups.

    The groups share the draws, so that a difference has a standard error of at most
    sqrt(.035 / 800,000) = .0002, more with the keen; the tolerance is four of them.
    Each unit draws its own holdouts, nested in the treatment, and its offers; a part
    is of the channel as it is run, its holdout included.
    """
    chances = Chances(0.8, 0.6, banner_holdout=0.2, mail_holdout=0.1)
    rng = np.random.default_rng(11)
    held = rng.random((40_000, 2)) < (0.2, 0.1)
    bought = dict.fromkeys(("treatment", "holdout", "no banner", "banner"), 0)

    for one in rounds(40_000, 20, rng):
        banner, mail = (rng.random(2) < (0.8, 0.6)).tolist()
        may_banner, may_mail = (~held[one.unit]).tolist()
        sent = mail and may_mail
        bought["holdout"] += one.bought(banner=False, mail=False)
        bought["treatment"] += one.bought(banner=banner and may_banner, mail=sent)
        bought["no banner"] += one.bought(banner=False, mail=sent)
        bought["banner"] += one.bought(banner=banner and may_banner, mail=sent)

    means = {group: count / 800_000 for group, count in bought.items()}
    known = truth(chances)
    assert means["holdout"] == pytest.approx(mean(0.0, 0.0), abs=0.0012)
    assert means["treatment"] - means["holdout"] == pytest.approx(
        known.whole, abs=0.0008
    )
    assert means["banner"] - means["no banner"] == pytest.approx(
        known.parts["banner"], abs=0.0008
    )
