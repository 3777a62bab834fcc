"""`bandit-svc keys`: made once, listed without secrets, revoked for good."""

import hashlib
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.services.managing.issue_keys import issue_key
from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.settings import Settings
from bandit_svc.storage.rows import KeyRow
from bandit_svc.wiring import Backends
from tests.harness.command import Run


def known(data: Path, key: str) -> KeyRow | None:
    with closing(Backends(Settings(data=str(data)))) as backends:
        return Catalog(backends.storage).key(key)


@pytest.mark.parametrize(
    ("scope", "prefix"), [("secret", "bsk_"), ("publishable", "bpk_")]
)
def test_create_prints_the_key_alone_on_stdout(
    run: Run, initialised: Path, scope: str, prefix: str
) -> None:
    key = run("keys", "create", "--scope", scope, "--data", initialised).stdout.strip()
    row = known(initialised, key)

    assert key.startswith(prefix)
    assert row is not None
    assert row.scope == scope


def test_the_id_of_a_key_is_the_beginning_of_its_sha256(
    run: Run, initialised: Path
) -> None:
    key = run("keys", "create", "--scope", "secret", "--data", initialised).stdout
    row = known(initialised, key.strip())

    assert row is not None
    assert row.id == hashlib.sha256(key.strip().encode()).hexdigest()[:12]


def test_list_shows_ids_and_scopes_and_no_key(run: Run, initialised: Path) -> None:
    key = run("keys", "create", "--scope", "secret", "--data", initialised).stdout
    row = known(initialised, key.strip())
    assert row is not None
    listed = run("keys", "list", "--data", initialised).stdout

    assert row.id in listed
    assert "publishable" in listed
    assert row.sha256 not in listed
    assert "bsk_" not in listed


def test_a_revoked_key_is_refused_and_stays_in_the_list(
    run: Run, initialised: Path
) -> None:
    key = run("keys", "create", "--scope", "secret", "--data", initialised).stdout
    row = known(initialised, key.strip())
    assert row is not None
    result = run("keys", "revoke", row.id, "--data", initialised)
    listed = run("keys", "list", "--data", initialised).stdout.splitlines()
    (line,) = [line for line in listed if row.id in line]

    assert result.exit_code == 0
    assert known(initialised, key.strip()) is None
    assert not line.endswith("-")


def test_revoking_an_unknown_id_exits_1_and_says_where_ids_are(
    run: Run, initialised: Path
) -> None:
    result = run("keys", "revoke", "nothing", "--data", initialised)

    assert result.exit_code == 1
    assert "keys list" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--scope", "root"]])
def test_a_missing_or_unknown_scope_is_wrong_usage(
    run: Run, initialised: Path, arguments: list[str]
) -> None:
    result = run("keys", "create", *arguments, "--data", initialised)

    assert result.exit_code == 2


def test_the_scope_may_come_from_the_environment(run: Run, initialised: Path) -> None:
    result = run("keys", "create", "--data", initialised, BANDIT_SCOPE="publishable")

    assert result.stdout.startswith("bpk_")


def test_too_little_entropy_is_refused(initialised: Path) -> None:
    with (
        closing(Backends(Settings(data=str(initialised)))) as backends,
        pytest.raises(InvalidInput, match="20 bytes"),
    ):
        issue_key(backends.storage.keys, "secret", b"short", now_ms=0)
