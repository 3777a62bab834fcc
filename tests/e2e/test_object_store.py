"""The archive in a bucket: commands and a service over a server that speaks S3."""

import importlib
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bandit_svc.clock import now_ms
from bandit_svc.domain.limits import DAY_MS
from tests.harness.process import COMMAND, plain_environment
from tests.harness.served import Served
from tests.harness.service import Service
from tests.harness.service_fixtures import new_service
from tests.harness.stored.archived import days
from tests.harness.stored.object_store import BUCKET, Keys, ObjectStore

__all__ = ["new_service"]

pytestmark = pytest.mark.e2e

URL = f"s3://{BUCKET}/folder"
OLD = 101
"""Decisions of the first day; those behind them are too new to leave the store."""
NEWEST = 2_000
HERS = "only-hers"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    """An object store of the test's own."""
    made = ObjectStore(tmp_path)
    yield made
    made.end()


@pytest.fixture
def keys(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An object store whose keys are in the environment."""
    for name, value in store.variables.items():
        monkeypatch.setenv(name, value)
    return store


@pytest.fixture
def service(new_service: Callable[[str], Service]) -> Service:
    """A service whose first day was ten days ago, as far as it is played."""
    service = new_service("data")
    service.now_ms = now_ms() - 10 * DAY_MS
    service.start()
    service.create(policy={"kind": "linear"}, holdout=0.2)
    service.decide(unit_id="erika", context={"city": HERS})
    days(service, 1, rounds=OLD - 1)
    return service


def command(
    service: Service, *arguments: str, archive: str = URL
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, as its environment says."""
    return subprocess.run(
        [COMMAND, *arguments, "--data", service.settings.data],
        env=plain_environment(BANDIT_ARCHIVE=archive),
        capture_output=True,
        text=True,
        check=False,
    )


def texts_in(store: ObjectStore) -> str:
    """Return every row of the archive as a text; the files are compressed."""
    parquet = importlib.import_module("pyarrow.parquet")
    tables = [
        parquet.read_table(io.BytesIO(content)).to_pylist()
        for content in store.objects().values()
    ]
    return repr(tables)


def test_commands_do_with_a_bucket_what_they_do_with_a_folder(
    service: Service, keys: ObjectStore, tmp_path: Path
) -> None:
    days(service, 1, rounds=NEWEST)
    archived = command(service, "archive")
    names = [*keys.objects()]
    for name, content in keys.objects().items():
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    folder = f"file://{tmp_path}/folder"
    export = ("export", "hero", "--format", "dsjson", "--group", "all")
    before = command(service, *export)
    dropped = command(service, "archive", "--keep-days", "1")
    evaluate = ("evaluate", "hero", "--format", "json", "--archive")
    estimates = command(service, *evaluate, URL)
    replayed = command(service, "replay", "hero", "--verify")
    sound = command(service, "doctor")
    after = command(service, *export)

    assert archived.stdout == "hero: 2 files written\n", archived.stderr
    assert [name.split("/")[:3] for name in names] == [
        ["folder", "joined", "experiment=hero"]
    ] * 2
    assert dropped.stdout == (
        f"hero: 0 files written, {OLD} joined decisions dropped from the store\n"
    )
    assert '"dr"' in estimates.stdout, estimates.stderr
    assert estimates.stdout == command(service, *evaluate, folder).stdout
    assert replayed.returncode == 0, replayed.stdout
    assert sound.stdout == (
        f"the archive {URL} has 2 files of 2,101 joined decisions, of which {OLD} have "
        "left the store\nno faults found\n"
    )
    assert after.stdout.count("\n") > OLD
    assert after.stdout == before.stdout


def test_an_object_that_was_altered_or_deleted_is_found_and_written_again(
    service: Service, keys: ObjectStore
) -> None:
    days(service, 1, rounds=20)
    command(service, "archive")
    whole = keys.objects()
    altered, deleted = whole
    keys.put(altered, b"PAR1 other bytes PAR1")
    keys.delete(deleted)
    faulty = command(service, "doctor")
    replayed = command(service, "replay", "hero", "--verify")
    mended = command(service, "archive", "--mend")

    assert faulty.returncode == 1
    assert "has other bytes than were written" in faulty.stdout
    assert "is missing" in faulty.stdout
    assert replayed.returncode == 1
    assert "can't be read" in replayed.stderr
    assert mended.stdout == "hero: 0 files written, 2 mended\n", mended.stderr
    assert keys.objects() == whole


@pytest.mark.parametrize("kind", ["wrong", "none", "bucket"])
def test_what_is_refused_is_a_sentence_without_a_key(
    service: Service,
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """Wrong keys, none at all, and right ones for a bucket that is not there."""
    known = Keys(store.keys.id, "wrong-secret") if kind == "wrong" else store.keys
    for name, value in store.variables_with(known).items():
        if kind != "none" or "KEY" not in name:
            monkeypatch.setenv(name, value)
    url = "s3://mistyped/folder" if kind == "bucket" else URL
    result = command(service, "archive", archive=url)

    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert f"Error: the archive {url} can't be written" in result.stderr
    assert "that this process has its keys" in result.stderr
    assert known.id not in result.stderr
    assert known.secret not in result.stderr
    assert store.buckets() == [BUCKET]
    assert store.objects() == {}


def test_a_service_archives_drops_looks_up_and_erases_in_a_bucket(
    service: Service, keys: ObjectStore, start_over: Callable[[Path], Served]
) -> None:
    days(service, 1, rounds=NEWEST)
    archived = service.storage.archived
    first = service.storage.joins.after(1, 0, 2)[1]
    served = start_over(Path(service.settings.data))
    served.wait_for(lambda: archived.dropped(1) == OLD, "the first day dropped")
    found = served.get(f"/v1/decisions/{first.decision.id}")
    before = texts_in(keys)
    erased = command(service, "privacy", "erase", "erika")
    report = served.get("/v1/experiments/hero/report")
    served.stop()
    sound = command(service, "doctor")
    replayed = command(service, "replay", "hero", "--verify")

    assert found["decision_id"] == first.decision.id
    assert found["reward"] == first.reward
    assert HERS in before
    assert erased.returncode == 0, erased.stderr
    assert HERS not in texts_in(keys)
    assert report is not None
    assert sound.stdout.endswith("no faults found\n"), sound.stdout
    assert replayed.returncode == 0, replayed.stdout
    assert keys.keys.secret not in served.said


@pytest.fixture
def start_over() -> Iterator[Callable[[Path], Served]]:
    """Return a function that starts a service with the archive over a folder."""
    services: list[Served] = []

    def start(folder: Path) -> Served:
        services.append(Served(folder, archive=URL, keep_days="1"))
        services[-1].wait_until_ready()
        return services[-1]

    yield start
    for service in services:
        if service.process.poll() is None:
            service.kill()
