"""What every store promises of the sums that tell whether a log can be trusted."""

import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.events.decision import Activation, Decision
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.segment import FOLDED
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import (
    CalibrationRow,
    ClosedDecision,
    IngestOutcome,
    JoinedContexts,
    JoinSums,
    UnitRow,
    UpliftSums,
    VersionSums,
)

NewDecision = Callable[..., Decision]
Ingest = Callable[..., IngestOutcome]
Closed = Callable[..., ClosedDecision]
LONG_AFTER_MS = 10**12
_ids = count()


@pytest.fixture
def decide(ingest: Ingest, new_decision: NewDecision) -> Callable[..., None]:
    """Ingest one batch with a decision for each of these units."""

    def run(*units: str | None, **fields: object) -> None:
        ingest(
            *(new_decision(f"u{next(_ids)}", unit_id=unit, **fields) for unit in units)
        )

    return run


@pytest.fixture
def close_all(storage: Storage, closed: Closed) -> Callable[..., None]:
    """Close what is due in batches of a size."""

    def run(size: int = 10_000, sums: JoinSums | None = None, **fields: object) -> None:
        while due := storage.joins.due(LONG_AFTER_MS, size):
            batch = [closed(d, 1.0, **fields) for d in due]
            storage.joins.close(batch, LONG_AFTER_MS, sums or JoinSums())

    return run


@pytest.fixture
def close_with(storage: Storage, closed: Closed) -> Callable[..., None]:
    """Close what is due in batches of a size, all with one thing in their context."""

    def run(size: int, present: tuple[str, str], *wide: str) -> None:
        while due := storage.joins.due(LONG_AFTER_MS, size):
            n = len(due)
            contexts = JoinedContexts([0] * n, [[present]] * n, wide)
            sums = JoinSums(uplift={1: UpliftSums(b"", contexts=contexts)})
            storage.joins.close([closed(d) for d in due], LONG_AFTER_MS, sums)

    return run


def now(storage: Storage, number: int = 1) -> list[UnitRow]:
    return [row for row in storage.breakdowns.units(number) if not row.looked]


def test_a_unit_counts_once_in_the_group_in_which_it_was_first_seen(
    storage: Storage, hero: Experiment, decide: Callable[..., None]
) -> None:
    del hero
    decide("ann", "bob", "ann")
    decide("ann", "cid", group="baseline")

    assert now(storage) == [UnitRow(1, 2, 1, looked=False)]


def test_decisions_without_a_unit_count_by_themselves(
    storage: Storage, hero: Experiment, decide: Callable[..., None]
) -> None:
    del hero
    decide(None, None, "ann")

    assert now(storage) == [UnitRow(1, 3, 0, looked=False)]


def test_units_count_from_the_revision_in_which_the_holdout_changed(
    storage: Storage, hero: Experiment, decide: Callable[..., None]
) -> None:
    decide("ann", "bob")
    definition = hero.definition
    for changes in ({"holdout": 0.5}, {"description": "the same holdout"}):
        definition = msgspec.structs.replace(definition, **changes)
        hero = storage.experiments.revise(hero, definition, 1)
    # Ann has moved to the other group, and is no new unit.
    decide("ann", "cid", group="baseline", revision=2)
    decide("dan", revision=3)

    assert now(storage) == [
        UnitRow(1, 2, 0, looked=False),
        UnitRow(2, 1, 1, looked=False),
    ]


def test_the_looks_are_the_same_however_facts_are_batched(
    storage: Storage, hero: Experiment, decide: Callable[..., None]
) -> None:
    del hero
    units = [f"unit {i}" for i in range(400)]
    decide(*units, number=2)
    for start in range(0, 400, 7):
        decide(*units[start : start + 7])
    one, other = (
        [(r.treatment, r.looked) for r in storage.breakdowns.units(n)] for n in (1, 2)
    )

    assert one == other
    # Each of the first hundred, then every 2 %.
    assert [n for n, looked in one if looked][98:103] == [99, 100, 102, 104, 106]
    assert len(one) < 200


def test_a_deferred_decision_counts_its_unit_when_it_is_activated(
    storage: Storage,
    hero: Experiment,
    ingest: Ingest,
    new_decision: NewDecision,
    new_activation: Callable[..., Activation],
) -> None:
    del hero
    ingest(new_decision("d", unit_id="ann", deferred=True))
    before = now(storage)
    ingest(new_activation("d"))
    ingest(new_activation("d"))

    assert (before, now(storage)) == ([], [UnitRow(1, 1, 0, looked=False)])


@pytest.mark.backends("sqlite")
def test_units_are_kept_as_hashes_that_differ_by_experiment(
    storage: Storage, hero: Experiment, decide: Callable[..., None], folder: Path
) -> None:
    definition = msgspec.structs.replace(hero.definition, key="other")
    storage.experiments.create(definition, "pepper", 0)
    decide("ann@example.org")
    decide("ann@example.org", number=2)
    with sqlite3.connect(folder / "bandit.db") as database:
        rows = database.execute("SELECT number, unit FROM units").fetchall()
    database.close()

    assert [number for number, _ in rows] == [1, 2]
    assert rows[0][1] != rows[1][1]
    assert all(abs(unit) < 2**63 for _, unit in rows)


def test_history_counts_the_decisions_that_got_a_reward(
    storage: Storage, decide: Callable[..., None], close_all: Callable[..., None]
) -> None:
    decide("a", "b", "c")
    close_all(2, counted=1)
    decide("d")
    close_all(counted=0)
    (row,) = storage.breakdowns.history(1)

    assert (row.n, row.rewarded) == (4, 3)


def test_calibration_doubles_its_blocks_behind_the_sixteenth(
    storage: Storage, decide: Callable[..., None], close_all: Callable[..., None]
) -> None:
    for version in (0, 1, 15, 15):
        decide("a")
        close_all(sums=JoinSums([VersionSums(1, version, 4, 2, 1.0, 0.5, 1)]))
    before = storage.breakdowns.calibration(1)
    decide("a")
    close_all(sums=JoinSums([VersionSums(1, 40, 4, 2, 1.0, 0.5, 1)]))

    assert [(r.block, r.width, r.n) for r in before] == [
        (0, 1, 2),
        (1, 1, 2),
        (15, 1, 4),
    ]
    # 40 is beyond 16 blocks of 1 and of 2, and the eleventh of 4.
    assert storage.breakdowns.calibration(1) == [
        CalibrationRow(0, 4, 4, 4, 2.0, 1.0, 2),
        CalibrationRow(3, 4, 4, 4, 2.0, 1.0, 2),
        CalibrationRow(10, 4, 4, 2, 1.0, 0.5, 1),
    ]


@pytest.mark.parametrize("size", [1, 77, 10_000])
def test_drift_has_the_same_stretches_however_joins_are_batched(
    storage: Storage,
    decide: Callable[..., None],
    close_with: Callable[..., None],
    size: int,
) -> None:
    batches = 1_400 if size > 1 else 600
    decide(*["a"] * batches)
    close_with(size, ("device", "mobile"))
    stretches = [row.n for row in storage.breakdowns.drift(1)]

    # Whenever there are three of 250, the two oldest become one of 500.
    expected = [500, 500, 250, 150] if size > 1 else [250, 250, 100]
    assert stretches == expected
    for row in storage.breakdowns.drift(1):
        assert row.present == {"device": {"mobile": row.n}}


def test_drift_never_has_more_than_16_stretches_and_loses_no_decision(
    storage: Storage, decide: Callable[..., None], close_with: Callable[..., None]
) -> None:
    n = 0
    for _ in range(12):
        decide(*["a"] * 2_000)
        close_with(2_000, ("k", "v"))
        n += 2_000
        rows = storage.breakdowns.drift(1)
        assert len(rows) <= 16
        assert sum(row.n for row in rows) == n
        assert sum(row.present["k"]["v"] for row in rows) == n


def test_drift_keeps_of_an_id_only_whether_it_was_there(
    storage: Storage,
    decide: Callable[..., None],
    close_with: Callable[..., None],
) -> None:
    for i in range(15):
        decide(*["a"] * 20)
        close_with(20, ("id", f"person {i}"))
    decide(*["a"] * 100)
    close_with(100, ("id", FOLDED), "id")
    present = [row.present["id"] for row in storage.breakdowns.drift(1)]

    assert present == [{FOLDED: 250}, {FOLDED: 150}]


def test_the_adjusted_state_is_what_the_last_join_left(
    storage: Storage, decide: Callable[..., None], close_all: Callable[..., None]
) -> None:
    before = storage.joins.adjusted(1)
    for state in (b"one", b"two"):
        decide("a")
        close_all(sums=JoinSums(adjusted={1: state}))

    assert (before, storage.joins.adjusted(1)) == (None, b"two")
