"""The examples of a first request, for experiments of every range of rewards."""

import pytest

from bandit_svc.domain.experiment import RewardDefinition
from bandit_svc.prose.example_requests import example_requests, example_value
from tests.harness.service import Service


@pytest.mark.parametrize(
    ("minimum", "maximum", "expected"),
    [
        (0.0, 1.0, 1.0),
        (0.0, 500.0, 50.0),
        (-20.0, 130.0, 13.0),
        (0.0, None, 1.0),
        (5.0, None, 5.0),
        (-10.0, 0.0, -5.0),
        (100.1, 100.2, 100.15),
        (0.0, 0.3, 0.3),
    ],
)
def test_the_reward_of_an_example_is_one_that_a_visitor_may_earn(
    minimum: float, maximum: float | None, expected: float
) -> None:
    value = example_value(RewardDefinition(minimum=minimum, maximum=maximum))

    assert value == pytest.approx(expected)
    assert minimum <= value <= (value if maximum is None else maximum)


def test_programs_have_a_fallback_and_no_key(service: Service) -> None:
    experiment = service.create(reward={"maximum": 500.0})
    found = example_requests(experiment, "https://bandit.example")
    texts = {one.language: one.text for one in found}

    assert list(texts) == ["curl", "Python", "JavaScript"]
    for text in texts.values():
        assert "bpk_YOUR_PUBLISHABLE_KEY" in text
        assert "50" in text
    assert 'fallback: "a"' in texts["JavaScript"]
    assert 'import("https://bandit.example/client.js")' in texts["JavaScript"]


def test_of_an_apprentice_the_example_tells_what_is_shown(service: Service) -> None:
    experiment = service.create(mode="apprentice")
    (only,) = example_requests(experiment, "https://bandit.example")

    assert only.language == "curl"
    assert '"shown": "a", "shown_propensity": null' in only.text
