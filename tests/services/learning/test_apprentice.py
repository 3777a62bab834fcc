"""An apprentice of a table of rules: agreement, value, the switch, and what stays.

Seeds are fixed. A round is a decision for one of nine cells; a rule names one of three
variants in each, whose reward is .4 where it is the best one and .1 elsewhere. With a
noise of .04 the caller's own system shows another variant in 2.7 % of the rounds.
"""

import os
from collections.abc import Callable
from contextlib import closing

import pytest

from bandit_svc.domain.apprentice.shown import Shown
from bandit_svc.services.managing.privacy.ask_erasure import ask_erasure
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.wiring import Backends
from tests.harness.service import Service
from tests.harness.simulated.apprentice_seeds import (
    BATCH,
    found_in,
    play,
    report_of,
)
from tests.harness.simulated.rules_table import RulesTable


@pytest.mark.statistical
@pytest.mark.parametrize("given", [True, False])
def test_it_comes_to_agree_and_its_value_is_what_it_earns_live(
    service: Service, *, given: bool
) -> None:
    """One seed each way; tests/harness/simulated/apprentice_seeds.py plays more."""
    service.create(mode="apprentice", policy={"kind": "auto"})
    world = RulesTable(2, given=given)
    *_, last = (play(service, world, BATCH) for _ in range(16))
    found = found_in(service)

    assert sum(one.agrees for one in last) / BATCH >= 0.95
    assert found.decisions == 16 * BATCH
    assert found.recent == 17 * 250
    assert found.refused is None
    assert found.propensities == ("given" if given else "estimated")
    assert found.unknown_propensities == (0 if given else found.decisions)
    assert (found.agreement.estimate or 0.0) >= 0.95
    lower, upper = found.agreement.interval
    assert lower is not None
    assert upper is not None
    assert 0.9 < lower < upper <= 1.0
    assert sum(point.n for point in found.history) == found.decisions
    assert found.history[0].agreement < 0.6 < found.history[-1].agreement

    service.change(mode="live")
    service.mature()
    live = play(service, world, 4 * BATCH, live=True)
    earned = sum(one.policy_value for one in live) / len(live)
    low, high = found.policy.interval
    assert low is not None
    assert high is not None
    assert low <= earned <= high


@pytest.mark.statistical
@pytest.mark.parametrize("given", [True, False])
def test_of_a_fixed_rule_there_is_agreement_and_no_value(
    service: Service, *, given: bool
) -> None:
    service.create(mode="apprentice")
    world = RulesTable(1, noise=0.0, given=given)
    *_, last = (play(service, world, BATCH) for _ in range(16))
    found = found_in(service)

    assert sum(one.agrees for one in last) / BATCH >= 0.95
    assert (found.agreement.estimate or 0.0) >= 0.95
    for unknown in (found.policy, found.difference):
        assert (unknown.estimate, unknown.interval) == (None, (None, None))
        assert "follow" in str(unknown.reason)
        assert "at random" in str(unknown.reason)
    assert found.shown.estimate is not None


@pytest.mark.statistical
def test_a_false_chance_is_found_and_takes_the_value_away(service: Service) -> None:
    service.create(mode="apprentice", policy={"kind": "linear"})
    world = RulesTable(3, noise=0.3)
    play(service, world, 2 * BATCH)
    checks = {check.name: check for check in report_of(service).health}
    assert checks["propensity_audit"].status == "ok"

    # It says that it draws among three alike, and shows the rule's in 80 %.
    world.told = 1 / 3
    play(service, world, 2 * BATCH)
    report = report_of(service)
    checks = {check.name: check for check in report.health}
    assert checks["propensity_audit"].status == "fail"
    assert report.apprentice is not None
    assert report.apprentice.policy.estimate is None
    assert "propensity_audit" in str(report.apprentice.refused)


def test_at_its_bound_it_is_made_live_once_with_its_evidence(
    service: Service,
) -> None:
    bound = {"agreement": 0.5, "dr_lower": -1.0}
    service.create(
        mode="apprentice", switch_at=bound, policy={"kind": "linear"}, holdout=0.2
    )
    world = RulesTable(1, noise=0.1)
    for _ in range(8):
        play(service, world, BATCH)
        report = report_of(service)
        if service.storage.experiments.get("hero").definition.mode == "live":
            break
    experiment = service.storage.experiments.get("hero")
    assert experiment.definition.mode == "live"
    assert experiment.revision == 2
    report = report_of(service)
    assert report.apprentice is not None
    switched = report.apprentice.switched
    assert switched is not None
    assert switched.revision == 2
    assert switched.note.startswith("service: made live, as the agreement is at least")
    assert "(bound 50.0 %)" in switched.note
    before = report.decisions.treatment
    assert report.uplift.units.treatment == 0

    # The comparison of groups begins now, with what was learned.
    learned = service.model().meta.learned
    play(service, world, BATCH, live=True)
    report = report_of(service)
    units = report.uplift.units
    assert units.treatment + units.baseline == BATCH
    assert 50 <= units.baseline <= 150
    assert report.decisions.treatment == before + units.treatment
    assert report.decisions.units_in_both_groups == 0
    assert service.model().meta.learned > learned
    replayed = service.replay()
    assert replayed.published_sha256 == replayed.replayed_sha256
    # Nothing changes it back, nor once more.
    assert service.storage.experiments.get("hero").revision == 2


def test_units_that_come_back_make_the_intervals_wider(
    new_service: Callable[[str], Service],
) -> None:
    widths = []
    for visits in (1, 20):
        service = new_service(f"visits-{visits}")
        service.start()
        service.create(mode="apprentice", policy={"kind": "uniform"})
        world = RulesTable(4, noise=0.6, visits=visits)
        play(service, world, 4 * BATCH)
        lower, upper = found_in(service).shown.interval
        assert lower is not None
        assert upper is not None
        widths.append(upper - lower)
    # The root of the design effect of 20 equal rewards is 4.5.
    assert 2.5 * widths[0] < widths[1]


def test_with_rules_that_change_the_newest_decisions_count(service: Service) -> None:
    service.create(mode="apprentice", policy={"kind": "linear"})
    world = RulesTable(5, noise=0.3)
    play(service, world, 2 * BATCH)
    before = found_in(service)
    turned = {"a": "b", "b": "c", "c": "a"}
    world.rules = {cell: turned[key] for cell, key in world.rules.items()}
    play(service, world, 4 * BATCH)
    after = found_in(service)
    assert (after.shown.estimate or 0.0) < (before.shown.estimate or 0.0) - 0.05
    assert after.recent < after.decisions
    # A system that has become worse leaves the policy to earn more.
    assert (after.difference.estimate or 0.0) > 0.05


def test_it_is_the_same_after_a_kill_and_begins_anew_after_a_live_time(
    service: Service,
) -> None:
    service.create(mode="apprentice", policy={"kind": "linear"})
    world = RulesTable(6, noise=0.2)
    play(service, world, BATCH)
    whole = found_in(service)
    service.learner = service.new_learner()
    assert found_in(service) == whole
    play(service, world, BATCH)
    assert found_in(service).decisions > whole.decisions

    service.change(mode="live")
    service.mature()
    play(service, world, BATCH, live=True)
    service.change(mode="apprentice")
    play(service, world, BATCH)
    anew = found_in(service)
    assert anew.decisions == BATCH
    assert anew.switched is None


def test_an_erasure_leaves_what_was_shown_and_takes_its_context(
    service: Service,
) -> None:
    service.create(mode="apprentice", policy={"kind": "linear"})
    world = RulesTable(7, noise=0.2)
    play(service, world, BATCH)
    context = {"device": "mobile", "segment": "only-hers"}
    hers = service.decide(unit_id="erika", context=context, shown="b")
    service.mature()
    service.change(mode="live")
    service.mature()
    before = found_in(service)

    ask_erasure(service.storage, "erika", bytes(9), service.now_ms)
    with closing(Backends(service.settings)) as fresh:
        done = erase_unit(fresh.privacy, lambda: service.now_ms, os.urandom)
    assert done is not None
    assert done.step == "done"
    service.learner = service.new_learner()
    rows = service.storage.joins.after(1, 0, 10_000)
    kept = {row.decision.id: row.decision for row in rows}[hers.decision.id]
    assert (kept.variant, kept.shown) == ("b", Shown(None))
    assert (kept.unit_id, kept.context) != ("erika", context)
    replayed = service.replay()
    assert replayed.published_sha256 == replayed.replayed_sha256
    # The sums are made again, although it is live by now.
    after = found_in(service)
    assert (after.decisions, after.mode) == (before.decisions, "live")
    assert after.unknown_propensities == before.unknown_propensities == 1
