"""`bandit-svc init`: a store, and two keys that are shown once."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.errors import Unavailable
from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends
from tests.harness.command import Run

KEY = re.compile(r"\b(?:bsk|bpk)_[a-z2-7]{32}\b")


def test_init_prints_one_secret_and_one_publishable_key_that_the_store_knows(
    run: Run, data: Path
) -> None:
    result = run("init", "--data", data)
    secret, publishable = KEY.findall(result.stdout)

    assert result.exit_code == 0
    with closing(Backends(Settings(data=str(data)))) as backends:
        catalog = Catalog(backends.storage)
        scopes = [
            getattr(catalog.key(k, 9), "scope", None) for k in (secret, publishable)
        ]
        assert len(backends.storage.secret()) == 32
    assert scopes == ["secret", "publishable"]


def test_keys_are_nowhere_in_the_data_folder(run: Run, data: Path) -> None:
    keys = KEY.findall(run("init", "--data", data).stdout)
    kept = b"".join(f.read_bytes() for f in data.rglob("*") if f.is_file())

    assert len(keys) == 2
    assert not [key for key in keys if key.encode() in kept]


def test_a_second_init_exits_1_prints_no_key_and_changes_nothing(
    run: Run, initialised: Path
) -> None:
    with closing(Backends(Settings(data=str(initialised)))) as backends:
        before = backends.storage.secret(), backends.storage.keys.all()
    result = run("init", "--data", initialised)

    assert result.exit_code == 1
    assert "initialised already" in result.stderr
    assert not KEY.search(result.output)
    with closing(Backends(Settings(data=str(initialised)))) as backends:
        assert (backends.storage.secret(), backends.storage.keys.all()) == before


def test_the_folder_is_open_to_its_owner_alone(initialised: Path) -> None:
    assert initialised.stat().st_mode & 0o077 == 0


def test_without_data_the_environment_names_the_folder(run: Run, data: Path) -> None:
    assert run("init", BANDIT_DATA=str(data)).exit_code == 0
    assert (data / "bandit.db").exists()


def test_without_data_and_environment_the_folder_is_data_in_the_working_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run("init").exit_code == 0
    assert (tmp_path / "data" / "bandit.db").exists()


def test_an_option_wins_over_its_variable(run: Run, data: Path) -> None:
    elsewhere = data.with_name("elsewhere")

    assert run("init", "--data", data, BANDIT_DATA=str(elsewhere)).exit_code == 0
    assert data.exists()
    assert not elsewhere.exists()


def test_a_folder_that_is_a_file_is_a_sentence(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    result = run("init", "--data", file)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output


def test_a_new_store_has_a_key_of_pseudonyms_that_its_owner_alone_reads(
    initialised: Path,
) -> None:
    key = initialised / "pseudonym.key"
    with closing(Backends(Settings(data=str(initialised)))) as backends:
        assert backends.storage.pseudonym_key() == bytes.fromhex(key.read_text())
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(key.read_text())) == 32


def test_without_its_key_a_store_is_not_served_until_init_makes_a_new_one(
    run: Run, initialised: Path
) -> None:
    key = initialised / "pseudonym.key"
    before = key.read_text()
    key.unlink()
    with closing(Backends(Settings(data=str(initialised)))) as backends:
        with pytest.raises(Unavailable, match=r"pseudonym\.key.*restore it"):
            backends.storage.pseudonym_key()
        assert run("init", "--data", initialised).exit_code == 1
        assert backends.storage.pseudonym_key() is not None
    assert key.read_text() != before


def test_a_store_of_before_keeps_ids_as_they_come(run: Run, data: Path) -> None:
    with closing(Backends(Settings(data=str(data)))) as backends:
        backends.storage.migrate()
        backends.storage.initialise(bytes(32), 0)
        run("init", "--data", data)
        assert backends.storage.pseudonym_key() is None
    assert not (data / "pseudonym.key").exists()
