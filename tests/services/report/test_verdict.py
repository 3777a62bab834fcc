"""The sentence at the top of a report: what is known, and what to do about it."""

import pytest
from msgspec.structs import replace

from bandit_svc.domain.experiment import Status
from bandit_svc.prose.report_html.page import outcome_of
from bandit_svc.services.checks.loop import LEARNER
from bandit_svc.services.report.counts.decisions import Pending
from bandit_svc.services.report.report import HistoryPoint, Report
from bandit_svc.services.report.verdict import verdict
from bandit_svc.services.values import NOT_ESTIMATED, UNKNOWN, Estimated
from tests.harness.reports import COUNTS, MODEL, UPLIFT, report_of

ADVICE = ("Keep it running", "Pause it", "Wait for more")
NOTHING = replace(COUNTS, treatment=0, baseline=0, joined=0, pending=0)
UNCOMPARED = replace(
    UPLIFT,
    absolute=Estimated(None, UNKNOWN, "wait until decisions of both groups matured"),
)
EXPERIENCED = replace(MODEL, learned=5_000)


def with_uplift(lower: float, upper: float, **parts: object) -> Report:
    uplift = replace(UPLIFT, absolute=Estimated((lower + upper) / 2, (lower, upper)))
    return report_of("hero", uplift=uplift, model=EXPERIENCED, **parts)


def halves(old: tuple[float, float], new: tuple[float, float]) -> list[HistoryPoint]:
    """Return two points of 1,000 decisions each, a tenth of them the baseline's.

    Args:
        old: mean rewards of the bandit and the baseline in the first stretch.
        new: those in the second one.
    """
    so_far = (old[0] + new[0]) / 2, (old[1] + new[1]) / 2
    return [
        HistoryPoint(
            at="2027-01-15T08:00:00Z",
            joined=joined,
            uplift=NOT_ESTIMATED,
            treatment=treatment,
            baseline=baseline,
            shown=900,
            shares={},
            matured=1_000,
            rewarded=0,
        )
        for joined, (treatment, baseline) in ((1_000, old), (2_000, so_far))
    ]


@pytest.mark.parametrize("interval", [(0.1, 0.3), (-0.1, 0.3), (-0.3, -0.1)])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("paused", "It is paused: no decision is made until it is resumed."),
        ("archived", "It is archived: no more decisions will come."),
    ],
)
def test_a_stopped_experiment_is_not_told_to_wait_or_to_pause(
    status: Status, words: str, interval: tuple[float, float]
) -> None:
    said = verdict(with_uplift(*interval, status=status))

    assert said.endswith(words)
    assert not [advice for advice in ADVICE if advice in said]


def test_an_experiment_without_a_request_says_so() -> None:
    none = report_of("hero", decisions=NOTHING, uplift=UNCOMPARED)

    assert verdict(none) == (
        "No request for a decision has come yet. See First request on its page, or "
        "POST /v1/decisions."
    )
    assert verdict(replace(none, status="paused")) == (
        "No request for a decision has come yet. It is paused: no decision is made "
        "until it is resumed."
    )


def test_a_long_window_tells_how_many_have_a_reward_and_when_they_count() -> None:
    waiting = report_of(
        "hero",
        decisions=replace(NOTHING, pending=2_500),
        pending=Pending(633, "2026-12-04T15:53:00.000Z"),
        uplift=UNCOMPARED,
    )

    assert verdict(waiting) == (
        "Nothing is known yet: wait until decisions of both groups matured. "
        "2,500 decisions wait for rewards; 633 of them have one so far. The first ones "
        "count from 2026-12-04 15:53:00 UTC on."
    )


def test_a_loss_that_goes_on_is_advised_against() -> None:
    report = with_uplift(-0.3, -0.1, history=halves((0.1, 0.2), (0.1, 0.2)))

    assert verdict(report).endswith("Pause it and look at its context and rewards.")
    assert outcome_of(report) == "bad"


def test_a_loss_of_the_first_decisions_is_called_the_price_of_learning() -> None:
    report = with_uplift(-0.3, -0.1, history=halves((0.1, 0.3), (0.25, 0.2)))

    assert "the price of learning" in verdict(report)
    assert "the bandit earned 0.2500 and the baseline 0.2000." in verdict(report)
    assert "Pause it" not in verdict(report)
    assert outcome_of(report) == "open"


def test_a_loss_of_a_policy_that_has_learned_little_is_not_advised_against() -> None:
    report = with_uplift(-0.3, -0.1, history=halves((0.1, 0.2), (0.1, 0.2)))
    young = replace(report, model=replace(MODEL, learned=400))

    assert "It has learned from 400 decisions only" in verdict(young)
    assert "Pause it" not in verdict(young)
    assert outcome_of(young) == "open"


def test_a_learner_that_stands_still_is_named_beside_the_advice() -> None:
    still = LEARNER.warn("the learner has stored nothing for 61 s")
    said = verdict(with_uplift(-0.1, 0.3, health=(still,)))

    assert "Wait for more decisions." in said
    assert said.endswith(
        "But look at the learner: the learner has stored nothing for 61 s."
    )
    archived = with_uplift(-0.1, 0.3, health=(still,), status="archived")
    assert "learner" not in verdict(archived)
