"""The report of a programme follows joined decisions, corrections and erasures."""

import math
import os
from collections import defaultdict
from contextlib import closing

import pytest

from bandit_svc.domain.programmes.programme import ProgrammeDefinition
from bandit_svc.services.managing.privacy.ask_erasure import ask_erasure
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.services.managing.programmes.manage import (
    change_programme,
    create_programme,
)
from bandit_svc.services.report.programmes.build import (
    ProgrammeReport,
    build_programme_report,
)
from bandit_svc.services.serving.decide import Decided
from bandit_svc.wiring import Backends
from tests.harness.service import Service

VARIANTS = [{"key": "nothing"}, {"key": "a"}]
UNITS = 500
KEYS = ("web", "mail")


class Shop:
    """A programme of two experiments; a unit that sees `a` anywhere brings 1, once."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.made: list[Decided] = []
        self.brought: dict[str, Decided] = {}
        definition = ProgrammeDefinition("shop", holdout=0.25, business_as_usual=0.15)
        create_programme(service.storage, definition, "salt", service.now_ms)
        for key in KEYS:
            service.create(
                key,
                programme="shop",
                variants=VARIANTS,
                holdout=0.4,
                policy={"kind": "fixed", "variant": "a"},
                baseline={"kind": "fixed", "variant": "nothing"},
                exploration_floor=0.0,
            )

    def visit(self, key: str, units: range) -> None:
        """Let units come."""
        for u in units:
            self.service.now_ms += 1
            decided = self.service.decide(experiment=key, unit_id=f"u{u}")
            self.made.append(decided)
            if decided.decision.variant == "a" and f"u{u}" not in self.brought:
                self.brought[f"u{u}"] = decided
                self.service.reward(decided, 1.0, reward_id=f"order-{u}")

    def settle(self) -> None:
        """Let everything mature and be read."""
        while not self.service.mature_only().idle:
            pass

    def report(self) -> ProgrammeReport:
        storage, now_ms = self.service.storage, self.service.now_ms
        return build_programme_report(storage, storage.programmes.get("shop"), now_ms)

    def means(self, key: str | None = None) -> dict[str, float]:
        """Return the mean total of the units of each group, or of an experiment's."""
        totals: dict[str, dict[str, float]] = defaultdict(dict)
        for one in self.made:
            d = one.decision
            assert d.unit_id is not None
            assert d.programme is not None
            total = float(d.unit_id in self.brought)
            if key is None:
                totals[d.programme.group][d.unit_id] = total
            elif d.experiment == key and d.programme.group == "experiment":
                totals[d.group][d.unit_id] = total
        return {group: sum(t.values()) / len(t) for group, t in totals.items()}

    def treated_share(self, key: str) -> float:
        """Return the share of the units of `experiment` that get a treatment."""
        groups = {
            d.unit_id: d.group
            for d in (one.decision for one in self.made)
            if d.experiment == key
            and d.programme is not None
            and d.programme.group == "experiment"
        }
        return list(groups.values()).count("treatment") / len(groups)


@pytest.fixture
def shop(service: Service) -> Shop:
    """Return a programme whose every unit has come to both places."""
    shop = Shop(service)
    for key in KEYS:
        shop.visit(key, range(UNITS))
    shop.settle()
    return shop


def test_whole_and_parts_are_those_of_the_units(shop: Shop) -> None:
    report, means = shop.report(), shop.means()

    assert {row.group: row.mean for row in report.groups} == means | {"explore": None}
    assert report.whole.estimate == means["experiment"] - means["holdout"]
    usual = report.versus_business_as_usual.estimate
    assert usual == means["experiment"] - means["business_as_usual"]
    for key in KEYS:
        mine = shop.means(key)
        part = report.parts[key].estimate or 0.0
        share = shop.treated_share(key)
        assert math.isclose(part, share * (mine["treatment"] - mine["baseline"]))
    assert report.interaction.parts == sum(
        report.parts[key].estimate or 0.0 for key in KEYS
    )
    assert report.units_in_both_groups == 0
    assert [check.status for check in report.health] == ["ok"]


def test_parts_that_saturate_do_not_add_up_and_the_report_says_so(shop: Shop) -> None:
    # One that sees `a` in either place brings 1: 1 - .4² = .84 as a whole, and a part
    # of .6 x .4 = .24, so that .36 is left.
    report = shop.report()

    assert report.whole.estimate == pytest.approx(0.84, abs=0.08)
    assert report.parts["web"].estimate == pytest.approx(0.24, abs=0.08)
    lower, upper = report.whole.interval
    assert lower is not None
    assert upper is not None
    assert lower < 0.84 < upper
    assert "don't add up to the whole, which is more" in report.interaction.sentence


def test_a_correction_is_followed(shop: Shop) -> None:
    before = shop.report().whole.estimate or 0.0
    unit, decided = next(iter(shop.brought.items()))
    shop.service.correct(decided, 0.0, reward_id=f"order-{unit[1:]}")
    shop.service.relearn()
    shop.settle()
    del shop.brought[unit]
    means = shop.means()

    after = shop.report().whole.estimate or 0.0
    assert after < before
    assert math.isclose(after, means["experiment"] - means["holdout"])


def test_a_learner_that_begins_anew_reads_on(shop: Shop) -> None:
    shop.service.learner = shop.service.new_learner()
    shop.visit("web", range(UNITS - 100, UNITS + 100))
    shop.settle()
    means = shop.means()

    found = {row.group: row.mean for row in shop.report().groups}
    for group, mean in means.items():
        assert math.isclose(found[group] or 0.0, mean, abs_tol=1e-12), group  # type: ignore[index]
    units = sum(row.units for row in shop.report().groups)
    assert units == UNITS + 100


def test_what_an_erased_unit_has_brought_stays_without_its_id(shop: Shop) -> None:
    before = shop.report()
    storage = shop.service.storage
    ask_erasure(storage, "u7", bytes(9), shop.service.now_ms)
    with closing(Backends(shop.service.settings)) as fresh:
        done = erase_unit(fresh.privacy, lambda: shop.service.now_ms, os.urandom)
    assert done is not None

    assert done.counts["programme_units"] == 1
    shop.settle()
    assert shop.report().groups == before.groups


def test_units_that_a_changed_share_moves_are_counted(shop: Shop) -> None:
    change_programme(
        shop.service.storage, "shop", {"holdout": 0.4}, shop.service.now_ms
    )
    shop.visit("web", range(UNITS))
    shop.settle()
    report = shop.report()
    groups: dict[str, set[str]] = defaultdict(set)
    for one in shop.made:
        d = one.decision
        assert d.programme is not None
        groups[d.unit_id or ""].add(d.programme.group)

    assert report.units_in_both_groups == sum(len(g) > 1 for g in groups.values()) > 20
    assert report.health[0].status == "early"


def test_a_programme_without_a_holdout_says_why_it_has_no_whole(
    service: Service,
) -> None:
    create_programme(
        service.storage, ProgrammeDefinition("shop"), "salt", service.now_ms
    )
    service.create(programme="shop", holdout=0.0)
    for u in range(20):
        service.decide(unit_id=f"u{u}")
    service.mature_only()
    programme = service.storage.programmes.get("shop")
    report = build_programme_report(service.storage, programme, service.now_ms)

    assert report.whole.estimate is None
    assert "share of holdout is 0" in str(report.whole.reason)
    assert "no holdout of its own" in str(report.parts["hero"].reason)
    assert report.interaction.estimate is None
