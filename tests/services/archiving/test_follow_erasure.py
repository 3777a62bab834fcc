"""An erased unit goes from the archive too, and not before the archive is there."""

import os
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bandit_svc.archive.target import PART
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.errors import Unprocessable
from bandit_svc.services.archiving.faults import archive_faults
from bandit_svc.services.archiving.orders import joined_order
from bandit_svc.services.learning.replay import replay
from bandit_svc.services.managing.privacy.ask_erasure import ask_erasure
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.services.managing.privacy.export_unit import export_unit
from bandit_svc.wiring import Backends
from tests.harness.service import Service
from tests.harness.stored.archived import archive, bytes_in, days, ports_of, texts_in
from tests.harness.stored.retained import drop, with_archive


def erase(service: Service, url: str) -> str:
    """Do what the learner does with an erasure that waits; return its step."""
    settings = msgspec.structs.replace(service.settings, archive=url)
    with closing(Backends(settings)) as fresh:
        done = erase_unit(fresh.privacy, lambda: service.now_ms, os.urandom)
    assert done is not None
    return done.step


@pytest.fixture
def url(service: Service, tmp_path: Path) -> str:
    """The archive of a service of which Erika came on the first of two days."""
    service.create(policy={"kind": "linear"})
    service.decide(unit_id="erika", context={"city": "only-hers"})
    days(service, 2)
    url = f"file://{tmp_path}/archive"
    archive(service, ports_of(service, url))
    ask_erasure(service.storage, "erika", bytes(9), service.now_ms)
    return url


def test_the_files_with_an_erased_unit_are_written_again(
    service: Service, url: str
) -> None:
    ports = ports_of(service, url)
    before = bytes_in(ports)
    assert [one for one in texts_in(ports) if "only-hers" in one]
    step = erase(service, url)
    experiment = service.storage.experiments.get("hero")
    found = replay(service.storage, experiment, order=joined_order(ports, experiment))

    assert step == "done"
    assert bytes_in(ports).keys() == before.keys()
    assert not [one for one in texts_in(ports) if "only-hers" in one or "erika" in one]
    assert found.matches
    assert archive_faults(service.storage, ports) == []


def test_an_erasure_waits_for_an_archive_that_is_away(
    service: Service, url: str
) -> None:
    place = Path(url.removeprefix("file://"))
    moved = place.rename(place.with_name("moved"))
    place.write_text("not a folder")
    with pytest.raises(Unprocessable, match="can't be"):
        erase(service, url)
    waiting = service.storage.privacy.waiting()
    place.unlink()
    moved.rename(place)

    assert waiting is not None
    assert waiting.step == "blanked"
    assert erase(service, url) == "done"


def test_an_erasure_names_the_setting_where_the_archive_is_not_known(
    service: Service, url: str
) -> None:
    with pytest.raises(Unprocessable, match="BANDIT_ARCHIVE"):
        erase(service, "")
    service.now_ms += DAY_MS

    assert erase(service, url) == "done"


@pytest.mark.parametrize("slots", [None, 3])
def test_an_erased_unit_goes_from_files_that_the_archive_alone_has(
    service: Service, tmp_path: Path, slots: int | None
) -> None:
    url = f"file://{tmp_path}/archive"
    ports = with_archive(service, url)
    service.create(policy={"kind": "linear"})
    hers = {"city": "only-hers", "plan": "shared-one"}
    made = service.decide(unit_id="erika", context=hers, slots=slots)
    service.decide(unit_id="other", context={"plan": "shared-one"})
    days(service, 1, rounds=40)
    days(service, 2, rounds=110)
    drop(service, ports)
    before = service.model()
    exported = export_unit(service.storage, "erika")
    ask_erasure(service.storage, "erika", bytes(9), service.now_ms)
    step = erase(service, url)
    view = service.storage.facts.decision(made.decision.id)
    texts = texts_in(ports)

    assert [one.decision_id for one in exported.decisions] == [made.decision.id]
    assert step == "done"
    assert not [one for one in texts if "only-hers" in one or "erika" in one]
    assert view is not None
    assert view.decision.context == {"plan": "shared-one"}
    assert view.decision.pmf == made.decision.pmf
    assert service.model().meta.sha256 != before.meta.sha256
    assert service.replay().matches
    assert service.storage.facts.check() == []
    assert archive_faults(service.storage, ports) == []
    assert export_unit(service.storage, "erika").decisions == []


def test_an_erasure_that_was_killed_in_the_archive_is_done_by_the_next(
    service: Service, tmp_path: Path
) -> None:
    """Killed when the file is recorded and not yet put: the unit is in it still."""
    url = f"file://{tmp_path}/archive"
    ports = with_archive(service, url)
    service.create(policy={"kind": "linear"})
    service.decide(unit_id="erika", context={"city": "only-hers"})
    days(service, 1, rounds=40)
    days(service, 2, rounds=110)
    drop(service, ports)
    before = service.model()
    ask_erasure(service.storage, "erika", bytes(9), service.now_ms)
    first, *_ = sorted((tmp_path / "archive").rglob("*.parquet"))
    # A folder where the file is to be written keeps it from being put.
    part = first.with_name(first.name + PART)
    part.mkdir()
    with pytest.raises(Unprocessable, match="can't be written"):
        erase(service, url)
    part.rmdir()
    waiting = service.storage.privacy.waiting()

    assert waiting is not None
    assert waiting.numbers == (1,)
    assert erase(service, url) == "done"
    assert service.model().meta.sha256 != before.meta.sha256
    assert not [one for one in texts_in(ports) if "only-hers" in one]
    assert archive_faults(service.storage, ports) == []
