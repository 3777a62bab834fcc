"""The uplift's sums follow the joined order, and nothing else."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.experiment import UnitHashes
from bandit_svc.services.learning.uplift_sums import Kept, kept_uplift
from bandit_svc.storage.rows import UpliftSums
from tests.harness.service import SECOND_MS, Service

CHANGED_AT = 21
DERIVED = [
    {"name": "person", "kind": "per_unit", "of": "reward"},
    # Some 26 seconds, of the 84 that the log has.
    {"name": "again", "kind": "retention", "days": 0.0003},
]


def _kept(service: Service) -> Kept:
    kept = kept_uplift(service.storage.joins, 1)
    assert kept is not None
    return kept


def _visits(service: Service, count: int) -> None:
    """Let ten units come again and again, and buy something now and then."""
    for visit in range(count):
        service.now_ms += 10
        decided = service.decide(unit_id=f"u{visit % 10}", context={"hour": visit % 5})
        if visit % 3 == 0:
            service.reward(decided)
        if visit % 4 == 0:
            service.reward(decided, 2.0, metric="returns")


def test_each_joined_decision_counts_once_for_its_unit(service: Service) -> None:
    service.create(holdout=0.5)
    _visits(service, 40)
    for _ in range(3):
        service.mature()
    totals = _kept(service).sums

    assert _kept(service).position == totals.decisions.sum() == 40
    assert totals.units == 10
    assert totals.units_in_both == 0
    assert (totals.plain[0, 0], totals.plain[0, 2]) == (14, 14)


def test_a_decision_without_a_unit_is_a_unit_of_its_own(service: Service) -> None:
    service.create(holdout=0.5)
    for _ in range(20):
        service.decide()
    service.mature()

    assert _kept(service).sums.units == 20
    assert not service.storage.joins.unit_states(1, range(100))


def test_guardrail_metrics_are_summed_up_beside_the_reward(service: Service) -> None:
    metric = {"name": "returns", "minimum": 0, "maximum": 5, "direction": "lower"}
    service.create(holdout=0.5, metrics=[metric])
    _visits(service, 40)
    service.mature()
    kept = _kept(service)

    assert kept.layout.value("returns") == 1
    assert kept.sums.plain[1, 0] == 20


def test_without_a_holdout_nothing_is_kept_of_a_unit(service: Service) -> None:
    service.create(holdout=0.0)
    _visits(service, 20)
    service.mature()

    assert _kept(service).position == 20
    assert _kept(service).sums.decisions.sum() == 0


@pytest.mark.parametrize("batch", [1, 7])
def test_the_bytes_do_not_depend_on_the_batches(tmp_path: Path, batch: int) -> None:
    at_once, bit_by_bit = (
        _joined_in_batches(tmp_path / f"of{size}", size) for size in (42, batch)
    )

    assert at_once == bit_by_bit


def _joined_in_batches(folder: Path, size: int) -> tuple[Kept, dict[int, bytes]]:
    """Return the sums of 42 decisions that were joined `size` at a time."""
    service = Service(folder)
    service.start()
    service.create(holdout=0.3, policy={"kind": "uniform"}, derived_metrics=DERIVED)
    for first in range(0, 42, size):
        for visit in range(first, first + size):
            service.now_ms += 2 * SECOND_MS
            if visit == CHANGED_AT:
                service.change(holdout=0.6)
            decided = service.decide(unit_id=f"u{visit % 5}")
            service.reward(decided, 0.1 * (visit % 7))
        service.learner.tick()
    service.mature()
    kept = _kept(service)
    hashes = UnitHashes("salt-hero")
    units = [hashes.of(f"u{unit}") for unit in range(5)]
    states = service.storage.joins.unit_states(1, units)
    service.close()
    return kept, dict(states)


def test_a_store_without_sums_gets_them_from_its_joined_decisions(
    service: Service,
) -> None:
    metric = {"name": "returns", "minimum": 0, "maximum": 5, "direction": "lower"}
    service.create(holdout=0.5, metrics=[metric])
    _visits(service, 40)
    service.mature()
    before, units = _kept(service), _states(service)
    drift = service.storage.breakdowns.drift(1)
    with closing(sqlite3.connect(f"{service.settings.data}/bandit.db")) as database:
        database.execute("DELETE FROM uplift")
        database.execute("DELETE FROM unit_states")
        database.commit()
    service.new_learner().tick()

    assert _kept(service) == before
    assert _states(service) == units
    assert sum(row.n for row in drift) == before.position
    assert service.storage.breakdowns.drift(1) == drift


def test_sums_of_a_version_without_derived_metrics_are_read_and_go_on(
    service: Service,
) -> None:
    """Write the form of before: a layout of four fields, and no returns at the end."""
    service.create(holdout=0.5)
    _visits(service, 40)
    service.mature()
    wanted = _kept(service)
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode(wanted))
    former = [fields[0], fields[1][:4], *fields[2:7]]
    service.storage.joins.save_uplift(1, UpliftSums(msgspec.msgpack.encode(former)))

    assert _kept(service) == wanted
    _visits(service, 3)
    service.mature()
    assert _kept(service).position == 43
    assert _kept(service).sums.units == 10


def test_sums_without_segments_and_variants_are_made_anew(service: Service) -> None:
    service.create(holdout=0.5)
    _visits(service, 40)
    service.mature()
    wanted, units = _kept(service), _states(service)
    before = msgspec.structs.replace(wanted, parts=b"", form=1)
    service.storage.joins.save_uplift(1, UpliftSums(msgspec.msgpack.encode(before)))

    assert kept_uplift(service.storage.joins, 1) is None
    service.new_learner().tick()
    assert _kept(service) == wanted
    assert _states(service) == units


def test_a_metric_that_is_declared_later_is_summed_up_from_the_beginning(
    service: Service,
) -> None:
    service.create(holdout=0.5)
    _visits(service, 40)
    service.mature()
    metric = {"name": "returns", "minimum": 0, "maximum": 5, "direction": "lower"}
    service.change(metrics=[metric])
    service.learner.tick()

    assert _kept(service).layout.metrics == ("returns",)
    assert _kept(service).sums.plain[1, 0] == 20
    assert _kept(service).sums.decisions.sum() == 40


def _states(service: Service) -> dict[int, bytes]:
    """Return the states of the ten units of `_visits`."""
    hashes = UnitHashes("salt-hero")
    units = [hashes.of(f"u{unit}") for unit in range(10)]
    return dict(service.storage.joins.unit_states(1, units))


def test_units_that_come_once_are_bounded_by_bets_until_one_comes_back(
    service: Service,
) -> None:
    service.create(holdout=0.5)
    for unit in range(300):
        service.decide(unit_id=f"u{unit}")
    service.mature()
    once = _kept(service).headline
    service.decide(unit_id="u7")
    service.mature()
    again = _kept(service).headline

    assert (once.method, again.method) == ("betting-cs", "trajectory-mixture")
    assert once.bets is not None
    assert once.bets.n == 300
    assert _kept(service).bets == b""
