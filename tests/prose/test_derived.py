"""Chances and claims in words."""

import pytest

from bandit_svc.prose.derived import chance_sentence, chance_text, claims_sentence
from bandit_svc.services.report.metrics.rows import Chance, Claim, Claims

PRIOR = "normal, mean 0"


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.423, "42.3 %"),
        (0.99951, "over 99.9 %"),
        (1.0, "over 99.9 %"),
        (0.0002, "under 0.1 %"),
        (None, "\N{EN DASH}"),
    ],
)
def test_a_chance_is_never_certain(probability: float | None, text: str) -> None:
    assert chance_text(Chance(probability, PRIOR, None)) == text


def test_a_chance_comes_with_its_prior_and_its_warning() -> None:
    told = chance_sentence(Chance(0.9, PRIOR, 1.0))

    assert "is 90.0 %, with this prior: normal, mean 0." in told
    assert "of this one look" in told
    assert chance_sentence(Chance(None, PRIOR, None)) == ""
    assert chance_sentence(None) == ""


def test_claims_name_the_metrics_or_that_there_are_none() -> None:
    basket = Claim("basket", 900.0, claimed=True, difference="higher")
    clicks = Claim("clicks", 0.7, claimed=False, difference=None)

    assert claims_sentence(Claims(0.05, (basket, clicks), "The rule.")) == (
        "At a false discovery rate of 5.0 % these differ: basket (higher). The rule."
    )
    assert claims_sentence(Claims(0.05, (clicks,), "The rule.")) == (
        "No metric is claimed to differ at a false discovery rate of 5.0 %. The rule."
    )
    assert claims_sentence(None) == ""
