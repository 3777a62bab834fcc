"""The report's rows of slots: pages once in every other number, slots apart here."""

from bandit_svc.cli.experiments.report_text import report_text
from bandit_svc.domain.events.decision_id import slot_id
from bandit_svc.domain.slots.places import shown_variants
from bandit_svc.services.report.build import build_report
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from tests.harness.service import Service


def test_a_page_is_counted_once_and_each_slot_has_its_own_row(service: Service) -> None:
    """300 pages of 3 slots; the first always earns 1, a b in the second 0.5."""
    experiment = service.create(
        variants=[{"key": key} for key in "abcd"], reward={"maximum": 3.0}, holdout=0.5
    )
    earned = {"treatment": 0.0, "baseline": 0.0}
    pages = dict.fromkeys(earned, 0)
    second = dict.fromkeys(earned, 0.0)
    for at in range(300):
        service.now_ms += 10
        page = service.decide(unit_id=f"u-{at}", slots=3).decision
        gains = {1: 1.0}
        if shown_variants(page)[1] == "b":
            gains[2] = 0.5
        for slot, gain in gains.items():
            earns = RewardReport(slot_id(page.id, slot), gain)
            record_reward(service.worker.serving, earns, service.now_ms)
        pages[page.group] += 1
        earned[page.group] += sum(gains.values())
        second[page.group] += gains.get(2, 0.0)
    service.mature()

    report = build_report(service.storage, experiment, service.now_ms)

    counts = report.decisions
    assert (counts.treatment, counts.baseline) == (
        pages["treatment"],
        pages["baseline"],
    )
    for group in report.groups:
        assert group.n == group.units == pages[group.group]
        assert group.mean is not None
        assert abs(group.mean - earned[group.group] / pages[group.group]) < 1e-9
    difference = [earned[g] / pages[g] for g in ("treatment", "baseline")]
    plain = report.uplift.randomised.absolute
    assert plain.estimate is not None
    assert abs(plain.estimate - (difference[0] - difference[1])) < 1e-9
    assert [row.slot for row in report.slots] == [0, 1, 2, 3]
    assert [row.mean for row in report.slots][:2] == [0.0, 1.0]
    row = report.slots[2]
    assert row.shown == pages["treatment"]
    means = [second[g] / pages[g] for g in ("treatment", "baseline")]
    assert row.mean is not None
    assert row.value is not None
    assert abs(row.mean - means[0]) < 1e-9
    assert abs(row.value - (means[0] - means[1])) < 1e-9
    assert sum(one.n for one in row.variants) == pages["treatment"]
    assert "SLOT" in report_text(report)
