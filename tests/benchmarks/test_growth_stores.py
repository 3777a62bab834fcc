"""Stores that the growth benchmark makes by copying are sound ones."""

from contextlib import closing
from pathlib import Path

from bandit_svc.services.managing.doctor import examine
from bandit_svc.services.report.build import build_report
from bandit_svc.wiring import Backends
from benchmarks.growth.stores import (
    BLOCK,
    START_MS,
    definition,
    multiply,
    settings_of,
    trained,
    with_events,
)

LATER_MS = START_MS + 10**8


def test_a_log_that_was_copied_has_no_fault_and_every_event(tmp_path: Path) -> None:
    with_events(tmp_path, 3 * BLOCK)
    with closing(Backends(settings_of(tmp_path))) as backends:
        faults = examine(backends.storage, backends.reader, LATER_MS)
        (experiment,) = backends.storage.experiments.all()
        report = build_report(backends.storage, experiment, LATER_MS)

    assert faults == []
    assert report.decisions.joined == 3 * (BLOCK * 10 // 13)
    assert report.model.learned == report.decisions.joined


def test_every_experiment_gets_a_sound_model(tmp_path: Path) -> None:
    trained(tmp_path, 50, definitions=[definition(f"e-{n}", 3) for n in range(3)])
    with closing(Backends(settings_of(tmp_path))) as backends:
        faults = examine(backends.storage, backends.reader, LATER_MS)
        versions = backends.storage.model_versions.latest_versions()

    assert faults == []
    assert set(versions) == {1, 2, 3}


def test_a_log_that_experiments_share_is_copied_for_each_of_them(
    tmp_path: Path,
) -> None:
    definitions = [definition(f"e-{n}", 3, holdout=0.2) for n in range(3)]
    trained(tmp_path, 100, definitions=definitions, busy=3)
    multiply(tmp_path, 4)
    with closing(Backends(settings_of(tmp_path))) as backends:
        faults = examine(backends.storage, backends.reader, LATER_MS)
        rows = backends.storage.overview.summaries(LATER_MS)

    assert faults == []
    # 100 decisions in turn: 34, 33 and 33 of the block, each four times.
    assert [row.joined for row in rows] == [136, 132, 132]
