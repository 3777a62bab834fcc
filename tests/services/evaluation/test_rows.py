"""What other policies would have earned, in the report, and whether to believe it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import to_builtins

from bandit_svc.ope.progressive.weighted import WeightedRewards
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.prose.report_csv import report_rows
from bandit_svc.services.checks.check import Check
from bandit_svc.services.evaluation.checks import propensity_audit, scorecard
from bandit_svc.services.evaluation.labels import TREATED_BASELINE
from bandit_svc.services.evaluation.rows import (
    CandidateProgress,
    Clustering,
    kept_evaluations,
    policies,
)
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report
from bandit_svc.services.values import NOT_ESTIMATED, PolicyRow
from tests.harness.group_draws import mixed_chance
from tests.harness.service import Service

LIMIT = 20.0
Json = dict[str, Any]


def report_of(service: Service) -> Report:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def policies_of(service: Service) -> dict[str, PolicyRow]:
    return {row.policy: row for row in report_of(service).policies}


def check_of(service: Service, name: str) -> Check:
    (check,) = (c for c in report_of(service).health if c.name == name)
    return check


@pytest.fixture
def earned(service: Service) -> Service:
    """400 decisions of a policy that learned after 200 of them; rewards -1 to 3."""
    reward = {"minimum": -1, "maximum": 3, "default": -1}
    service.create(
        holdout=0.3, exploration_floor=0.5, reward=reward, candidates=[
            {"kind": "thompson", "name": "shadow"}
        ],
    )  # fmt: skip
    for _ in range(2):
        service.rounds(200)
        service.mature()
    return service


def test_a_row_has_the_shape_of_the_contract_for_each_candidate(
    earned: Service,
) -> None:
    rows = policies_of(earned)

    assert list(rows) == [
        *("uniform", "baseline", "fixed:a", "fixed:b", "fixed:c", "shadow"),
    ]
    for row in rows.values():
        values = to_builtins(row)
        assert set(values) == {
            *("policy", "n", "behind", "effective_sample_size", "mean_weight"),
            *("max_weight", "refused", "estimates", "estimand", "period", "units"),
        }
        assert set(row.estimates) == {"ips", "snips", "dm", "dr"}
        for one in values["estimates"].values():
            assert set(one) - {"reason"} == {"estimate", "interval"}


def test_estimates_are_those_of_the_log_in_the_rewards_own_units(
    earned: Service,
) -> None:
    log = [
        (row.decision, row.reward) for row in earned.storage.joins.after(1, 0, 10**6)
    ]
    weight = np.array([1 / 3 / mixed_chance(d) for d, _ in log])
    reward = np.array([r for _, r in log])
    row = policies_of(earned)["uniform"]
    snips = float((weight * reward).sum() / weight.sum())
    # Of rewards above the minimum, so that the minimum is the zero.
    ips = float((weight * (reward + 1)).mean()) - 1

    assert (row.n, row.behind, row.refused) == (len(log), 0, None)
    assert row.mean_weight == pytest.approx(weight.mean())
    assert row.max_weight == pytest.approx(weight.max())
    assert row.estimates["snips"].estimate == pytest.approx(snips)
    assert row.estimates["ips"].estimate == pytest.approx(ips)
    lower, upper = row.estimates["ips"].interval
    assert lower is not None
    assert upper is not None
    assert -1 <= lower < ips < upper <= 3


def test_a_variant_shows_what_always_showing_it_would_have_earned(
    earned: Service,
) -> None:
    rows = policies_of(earned)

    for variant in report_of(earned).variants:
        fixed = rows[f"fixed:{variant.variant}"]
        assert variant.ips == fixed.estimates["ips"]


def test_every_number_is_in_the_csv(earned: Service) -> None:
    cells = {(s, n, m): v for s, n, m, v in report_rows(report_of(earned))}
    row = policies_of(earned)["shadow"]

    assert cells["policies", "shadow", "n"] == row.n
    for name, one in row.estimates.items():
        assert [cells["policies", "shadow", name + end] for end in ENDS] == [
            one.estimate,
            *one.interval,
        ]
    assert ("variants", "a", "ips_lower") in cells


ENDS = ("", "_lower", "_upper")


def come_back(service: Service, units: int, visits: int) -> None:
    """Let each unit come a number of times; a third of them always reward."""
    for _ in range(visits):
        for unit in range(units):
            decided = service.decide(unit_id=f"u{unit}")
            if unit % 3 == 0:
                service.reward(decided)
        service.mature()


def test_where_units_come_back_an_interval_is_as_wide_as_the_design_effect_says(
    service: Service,
) -> None:
    service.create(holdout=0.4, exploration_floor=1.0)
    come_back(service, 200, 3)
    experiment = service.storage.experiments.get("hero")
    evaluations = kept_evaluations(service.storage, experiment, 600)
    row = policies_of(service)["uniform"]
    exact, by_unit = (
        {r.policy: r for r in policies(experiment, evaluations, one)}["uniform"]
        for one in (Clustering(known=True), Clustering(4.0, 3.0, known=True))
    )

    assert (row.units, row.n) == (200, exact.n)
    assert 200 < row.n < 600
    for name in ("ips", "dr"):
        width, wider, reported = (
            float(upper) - float(lower)
            for lower, upper in (
                one.estimates[name].interval for one in (exact, by_unit, row)
            )
            if lower is not None and upper is not None
        )
        # Ends may be cut at 0 and 1.
        assert width < wider <= 2 * width * (1 + 1e-9)
        # All rewards of a unit are alike: a design effect of about 3.
        assert 1.4 < reported / width < 1.9
        assert exact.estimates[name].estimate == row.estimates[name].estimate


def test_decisions_of_few_units_are_refused_however_many_they_are(
    service: Service,
) -> None:
    service.create(holdout=0.4, exploration_floor=1.0)
    come_back(service, 40, 10)
    row = policies_of(service)["uniform"]

    assert (row.effective_sample_size or 0) > 200
    assert "at least 50 are needed" in str(row.refused)
    assert "Units come back" in str(row.refused)
    assert row.estimates["ips"] == NOT_ESTIMATED


def test_without_a_holdout_a_row_tells_whom_its_interval_is_of(
    service: Service,
) -> None:
    service.create(holdout=0.0, exploration_floor=1.0)
    come_back(service, 60, 2)
    row = policies_of(service)["uniform"]

    assert (row.units, row.n) == (60, 120)
    assert "of the units that came" in str(row.note)


def test_the_baselines_value_is_known_where_the_policy_hardly_shows_it(
    service: Service,
) -> None:
    """At a floor of .02 the treatment alone has an effective sample size under 50."""
    service.create(
        holdout=0.1, exploration_floor=0.02,
        policy={"kind": "fixed", "variant": "b"},
    )  # fmt: skip
    service.rounds(1_500)
    service.mature()
    row = policies_of(service)["baseline"]
    experiment = service.storage.experiments.get("hero")
    alone = kept_evaluations(service.storage, experiment, 1_500)[TREATED_BASELINE]

    assert row.refused is None
    assert (row.max_weight or 0) < 10
    assert alone.summary.sums.effective_sample_size < 50


def test_too_few_decisions_are_refused_with_a_sentence(service: Service) -> None:
    service.create(holdout=0.0)
    before = policies_of(service)["uniform"]
    service.rounds(20)
    service.mature()
    after = policies_of(service)["uniform"]

    assert (before.n, before.mean_weight) == (0, None)
    assert before.refused == "No decision has matured yet."
    assert after.n == 20
    assert "at least 50 are needed" in str(after.refused)
    for row in (before, after):
        for one in row.estimates.values():
            assert one == NOT_ESTIMATED


def test_without_an_exploration_floor_there_is_no_estimate(service: Service) -> None:
    service.create(holdout=0.0, exploration_floor=0.0)
    service.rounds(200)
    service.mature()

    for row in policies_of(service).values():
        assert "without an exploration floor" in str(row.refused)
        assert row.estimates["ips"].estimate is None
    audit = check_of(service, "propensity_audit")
    assert audit.status == "early"
    assert "had an exploration floor" in audit.detail


def test_a_changed_candidate_says_how_far_it_is_behind(earned: Service) -> None:
    earned.change(candidates=[{"kind": "epsilon_greedy", "name": "shadow"}])
    row = policies_of(earned)["shadow"]

    assert (row.n, row.behind) == (0, 400)


def test_both_checks_are_ok_on_a_sound_log(earned: Service) -> None:
    assert check_of(earned, "propensity_audit").detail.startswith(
        "the mean weight of each of 3 fixed variants agrees with 1"
    )
    assert check_of(earned, "scorecard").status == "ok"
    assert "the holdout earned" in check_of(earned, "scorecard").detail


def forged(share: float, chance: float, propensity: float) -> CandidateProgress:
    """A variant that is chosen with one chance and logged with another."""
    rng = np.random.default_rng(5)
    rewards = WeightedRewards(audited=True)
    for chosen, acted in zip(
        rng.random(4_000) < chance, rng.random(4_000) < share, strict=True
    ):
        rewards.add(chosen / propensity, float(acted), LIMIT)
    return CandidateProgress(rewards.summary())


@pytest.mark.parametrize(
    ("chance", "propensity", "status", "word"),
    [
        (0.2, 0.2, "ok", "agrees with 1"),
        (0.3, 0.2, "fail", "more often than logged"),
        (0.2, 0.3, "fail", "less often than logged"),
    ],
)
def test_the_audit_finds_a_variant_that_is_not_shown_as_often_as_logged(
    service: Service, chance: float, propensity: float, status: str, word: str
) -> None:
    sound = forged(0.1, 0.5, 0.5)
    check = propensity_audit(
        service.create(),
        {"fixed:a": sound, "fixed:b": forged(0.1, chance, propensity)},
    )

    assert check.status == status
    assert word in check.detail


def test_a_variant_that_is_added_costs_the_others_nothing_of_the_audits_risk(
    service: Service,
) -> None:
    experiment, sound = service.create(), forged(0.1, 0.5, 0.5)
    alone = {"fixed:b": forged(0.1, 0.3, 0.2)}
    among_others = {"fixed:a": sound, **alone, "fixed:c": sound}

    # So that risks of different looks add up to 1 % at most, whatever came and went.
    assert propensity_audit(experiment, among_others) == propensity_audit(
        experiment, alone
    )


def test_where_successes_are_joined_first_neither_check_is_asked(
    service: Service,
) -> None:
    reward = {"window_seconds": 1800, "learn_on": "first_reward"}
    service.create(reward=reward, holdout=0.3, exploration_floor=0.5)
    service.rounds(400)
    # Only successes have closed by now, most of them of variant a.
    service.mature()

    assert (policies_of(service)["fixed:a"].mean_weight or 0.0) > 1.3
    for name in ("propensity_audit", "scorecard"):
        check = check_of(service, name)
        assert check.status == "early"
        assert "successes are joined first" in check.detail


def test_the_scorecard_counts_units_where_they_come_back(service: Service) -> None:
    """Rewards of a unit are alike in 20 decisions: a design effect near 20."""
    experiment = service.create(holdout=0.5)
    n, evaluations = 3_000, {TREATED_BASELINE: forged(0.1, 0.5, 0.5)}
    holdout = Moments(n, 0.2 * n, 0.2 * n)
    before = scorecard(service.storage, experiment, evaluations, holdout)
    for unit in range(150):
        for _ in range(20):
            decided = service.decide(unit_id=f"u{unit}")
            if unit % 4 == 0:
                service.reward(decided)
    service.mature()
    after = scorecard(service.storage, experiment, evaluations, holdout)

    assert (before.status, after.status) == ("warn", "ok")


@pytest.mark.parametrize(("mean", "status"), [(0.1, "ok"), (0.5, "warn")])
def test_the_scorecard_compares_the_baseline_with_the_holdout(
    service: Service, mean: float, status: str
) -> None:
    experiment = service.create()
    n = 3_000
    holdout = Moments(n, mean * n, mean * n)
    evaluations = {TREATED_BASELINE: forged(0.1, 0.5, 0.5)}
    check = scorecard(service.storage, experiment, evaluations, holdout)

    assert check.status == status
    assert f"the holdout earned {mean:.4f}" in check.detail


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ({"holdout": 0.5}, "the holdout was changed"),
        ({"baseline": {"kind": "uniform"}}, "the baseline was changed"),
    ],
)
def test_the_scorecard_does_not_compare_what_was_changed(
    earned: Service, patch: Json, reason: str
) -> None:
    earned.change(**patch)
    check = check_of(earned, "scorecard")

    assert (check.status, reason in check.detail) == ("early", True)


def test_the_scorecard_does_not_compare_visitors_of_whom_some_had_no_floor(
    service: Service,
) -> None:
    experiment, one = service.create(), forged(0.1, 0.5, 0.5)
    partly = one._replace(summary=replace(one.summary, unbounded=7))
    holdout = Moments(3_000, 1_500.0, 1_500.0)
    check = scorecard(service.storage, experiment, {TREATED_BASELINE: partly}, holdout)

    assert check.status == "early"
    assert "7 decisions of the treatment had no exploration floor" in check.detail


def test_the_scorecard_waits_for_the_holdout(service: Service) -> None:
    service.create(holdout=0.1)
    service.rounds(100)
    service.mature()

    assert (
        "of the holdout have matured; 50 are needed"
        in check_of(service, "scorecard").detail
    )
