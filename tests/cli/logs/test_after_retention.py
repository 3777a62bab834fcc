"""What commands print is the same when decisions have left the store."""

from pathlib import Path

import pytest

from tests.harness.command import Run
from tests.harness.service import Service
from tests.harness.service_fixtures import new_service, service
from tests.harness.stored.archived import days
from tests.harness.stored.retained import drop, with_archive

__all__ = ["new_service", "service"]

FORMS = ("all.parquet", "treatment.parquet", "drawn.dsjson", "learned.dsjson")


@pytest.fixture
def url(service: Service, tmp_path: Path) -> str:
    """The archive of an experiment with pages, late and corrected rewards."""
    url = f"file://{tmp_path}/archive"
    with_archive(service, url)
    service.create(reward={"maximum": 2.0}, policy={"kind": "vw"}, holdout=0.2)
    days(service, 1, rounds=30)
    decided = service.rounds(10)
    service.round(slots=2)
    service.mature()
    service.reward(decided[0], 1.0, reward_id="late")
    service.mature()
    days(service, 3, rounds=60)
    return url


def printed(run: Run, service: Service, folder: Path, *options: object) -> list[bytes]:
    """Return what commands that read joined decisions write, by file."""
    where = ("hero", "--data", service.settings.data)
    found = []
    for name in FORMS:
        kind, form = name.split(".")
        group = kind if kind in {"all", "treatment"} else "treatment"
        chosen = ["--as-learned"] if kind == "learned" else ["--group", group]
        out = folder / name
        file = ("--format", form, "--out", out)
        exported = run("export", *where, *file, *chosen, *options)
        assert exported.exit_code == 0, exported.output
        found.append(out.read_bytes())
    return found


def test_an_export_is_the_same_bytes_before_and_after(
    run: Run, service: Service, url: str, tmp_path: Path
) -> None:
    before = printed(run, service, tmp_path)
    dropped = drop(service, with_archive(service, url))
    after = printed(run, service, tmp_path, "--archive", url)
    out = ("--format", "dsjson", "--out", tmp_path / "none")
    without = run("export", "hero", "--data", service.settings.data, *out)

    assert dropped == 101
    assert [len(one) > 0 for one in before] == [True] * len(FORMS)
    assert after == before
    assert without.exit_code == 1
    assert "BANDIT_ARCHIVE" in without.stderr
    assert not (tmp_path / "none").exists()
