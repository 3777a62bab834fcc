"""The command: there, what the new store is good for, and back."""

from contextlib import closing
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from bandit_svc.cli.exit_codes import DONE, FAILED, WRONG_USAGE
from bandit_svc.learner.loop import Learner
from bandit_svc.settings import Settings
from bandit_svc.storage.sqlite.moving.snapshot import SqliteMovable
from bandit_svc.storage.sqlite.store import SqliteStorage
from bandit_svc.wiring import Backends
from tests.harness.command import run_command
from tests.harness.service import Service
from tests.harness.stored.moves import hashes


@pytest.fixture
def url(postgres: str, schema: str) -> str:
    """Return the address of a schema that is not there."""
    parts = conninfo_to_dict(postgres)
    return (
        f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
        f"&schema={schema}"
    )


def test_a_service_goes_to_a_server_and_back(tmp_path: Path, url: str) -> None:
    """The learner goes on with what the log got meanwhile."""
    service = Service(tmp_path / "data")
    service.start()
    service.create(policy={"kind": "linear"})
    service.rounds(60)
    service.mature()
    service.rounds(40)
    data = tmp_path / "data"

    there = run_command("migrate-to", "--data", data, "--store", url)

    assert there.exit_code == DONE, there.output
    assert "all equal" in there.output
    assert "hero: the published model" in there.output
    # The workers add to the log, which nobody reads here any more.
    service.now_ms += 2_000
    settings = Settings(data=str(data), store=url, publish_every_ms=0)
    with closing(Backends(settings)) as backends:
        learner = Learner(backends, lambda: service.now_ms, clock_s=lambda: 0.0)
        learner.tick()
        assert backends.storage.joins.last_position(1) == 100
    for words in (["replay", "hero", "--verify"], ["doctor"]):
        said = run_command(*words, "--data", data, BANDIT_STORE=url)
        assert said.exit_code == DONE, said.output
    service.close()
    assert "was moved to" in run_command("doctor", "--data", data).output

    (tmp_path / "away").mkdir()
    for path in [*data.glob("bandit.db*"), *data.glob("units.db*")]:
        path.rename(tmp_path / "away" / path.name)
    home = run_command(
        *("migrate-to", "--data", data, "--store", f"sqlite://{data}"), BANDIT_STORE=url
    )

    assert home.exit_code == DONE, home.output
    for words in (["replay", "hero", "--verify"], ["doctor"]):
        said = run_command(*words, "--data", data)
        assert said.exit_code == DONE, said.output


def test_a_learner_must_not_run(tmp_path: Path, url: str) -> None:
    run_command("init", "--data", tmp_path)
    with (
        closing(SqliteStorage(tmp_path)) as storage,
        storage.leases.hold("learner") as held,
    ):
        assert held is not None

        refused = run_command("migrate-to", "--data", tmp_path, "--store", url)

    assert refused.exit_code == FAILED
    assert f"process {held.process} writes to the store now" in refused.output


def test_a_move_is_undone(tmp_path: Path, url: str) -> None:
    run_command("init", "--data", tmp_path)
    expected = hashes(SqliteMovable(tmp_path))
    moved = run_command("migrate-to", "--data", tmp_path, "--store", url)
    assert moved.exit_code == DONE, moved.output
    left = run_command("keys", "list", "--data", tmp_path)
    assert left.exit_code == FAILED
    assert "was moved to the schema" in left.output

    undone = run_command("migrate-to", "--data", tmp_path, "--undo")

    assert undone.exit_code == DONE
    assert run_command("keys", "list", "--data", tmp_path).exit_code == DONE
    assert hashes(SqliteMovable(tmp_path)).items() >= expected.items()


def test_a_store_or_undo_is_named(tmp_path: Path) -> None:
    refused = run_command("migrate-to", "--data", tmp_path)

    assert refused.exit_code == WRONG_USAGE


def test_a_password_is_printed_nowhere(tmp_path: Path, url: str) -> None:
    run_command("init", "--data", tmp_path)
    with_password = url.replace("bandit@", "bandit:se%63ret@")

    moved = run_command("migrate-to", "--data", tmp_path, "--store", with_password)

    assert moved.exit_code == DONE, moved.output
    assert "ret@" not in moved.output
