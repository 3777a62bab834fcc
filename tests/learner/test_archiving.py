"""The learner asks for files of the archive, and learns on where it is missing."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bandit_svc.domain.limits import DAY_MS
from bandit_svc.learner.archiving import RETRY_MS
from bandit_svc.learner.job_kinds import job_kinds
from bandit_svc.learner.loop import Tick
from bandit_svc.services.managing.jobs import run_job
from bandit_svc.wiring import Backends
from tests.harness.service import Service
from tests.harness.service_fixtures import new_service, service

__all__ = ["new_service", "service"]


@pytest.fixture
def place(service: Service, tmp_path: Path) -> Path:
    """The folder of a service's archive; a day of the experiment is over."""
    place = tmp_path / "archive"
    service.settings = replace(service.settings, archive=f"file://{place}")
    service.learner = service.new_learner()
    service.create()
    service.rounds(40)
    service.mature()
    service.now_ms += DAY_MS
    return place


def tick(service: Service) -> Tick:
    """Tick, and do the jobs that were asked for."""
    done = service.learner.tick()
    kinds = job_kinds(Backends(service.settings).archive, service.settings.keep_days)
    while run_job(service.storage, kinds, lambda: service.now_ms):
        pass
    service.now_ms += RETRY_MS + 1
    return done


def test_what_is_due_is_written_by_a_job(service: Service, place: Path) -> None:
    first = tick(service).archive
    second = tick(service).archive

    assert first is not None
    assert first.lag_s > 0
    assert second is not None
    assert (second.lag_s, second.fault) == (0.0, None)
    assert len([*place.rglob("*.parquet")]) == 1


def test_a_missing_archive_is_told_and_tried_again(
    service: Service, place: Path
) -> None:
    place.write_text("not a folder")
    tick(service)
    state = tick(service).archive
    model = service.model()
    service.rounds(20)
    service.mature()
    place.unlink()
    tick(service)
    mended = tick(service).archive

    assert state is not None
    assert "can't be written" in (state.fault or "")
    assert service.model().meta.learned > model.meta.learned
    assert mended is not None
    assert mended.fault is None
    assert [*place.rglob("*.parquet")]


def test_without_an_archive_nothing_is_looked_at(service: Service) -> None:
    service.create()
    service.rounds(5)

    assert service.mature().archive is None


def test_what_is_old_leaves_the_store_by_a_job(service: Service, place: Path) -> None:
    service.settings = replace(service.settings, keep_days=1)
    service.learner = service.new_learner()
    service.rounds(2_100)
    service.mature()
    service.now_ms += DAY_MS
    service.learner_lives()
    tick(service)
    service.now_ms += 2 * DAY_MS
    service.learner_lives()
    tick(service)
    tick(service)
    fresh = Backends(service.settings)
    positions = [row.position for row in fresh.storage.joins.after(1, 0, 10_000)]

    assert fresh.storage.archived.dropped(1) == 40
    assert positions == [*range(1, 2_141)]
    assert len([*place.rglob("*.parquet")]) == 2
