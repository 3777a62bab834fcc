"""`bandit-svc keys`: made once, listed without secrets, revoked for good."""

import hashlib
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.services.managing.issue_keys import issue_key
from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.settings import Settings
from bandit_svc.storage.keys import KeyRow
from bandit_svc.wiring import Backends
from tests.harness.command import Run


def known(data: Path, key: str) -> KeyRow | None:
    with closing(Backends(Settings(data=str(data)))) as backends:
        return Catalog(backends.storage).key(key, 9)


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


def test_a_key_is_made_for_experiments_origins_and_a_time(
    run: Run, initialised: Path, definition_file: Path
) -> None:
    run("experiment", "create", definition_file, "--data", initialised)
    made = run(
        *("keys", "create", "--scope", "publishable", "--data", initialised),
        *("--experiment", "hero", "--origin", "https://Shop.example/"),
        *("--origin", "http://localhost:3000", "--expires", "2099-01-31T14:00Z"),
    )
    row = known(initialised, made.stdout.strip())
    assert row is not None
    listed = run("keys", "list", "--data", initialised).stdout.splitlines()
    (line,) = [line for line in listed if row.id in line]

    assert row.experiments == ("hero",)
    assert row.origins == ("https://shop.example", "http://localhost:3000")
    assert "2099-01-31 14:00:00Z" in line
    assert line.endswith("hero         https://shop.example,http://localhost:3000")
    assert [word for word in listed if "LAST USED" in word]


@pytest.mark.parametrize(
    ("expires", "after_ms"),
    [("90d", 90 * 86_400_000), ("12h", 12 * 3_600_000), ("30m", 1_800_000)],
)
def test_a_key_may_end_a_time_from_now(
    run: Run, initialised: Path, expires: str, after_ms: int
) -> None:
    made = run(
        *("keys", "create", "--scope", "secret", "--data", initialised),
        *("--expires", expires),
    )
    row = known(initialised, made.stdout.strip())

    assert row is not None
    assert row.expires_at_ms == row.created_at_ms + after_ms


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--scope", "publishable", "--experiment", "nope"], 1, "nope"),
        (["--scope", "secret", "--origin", "https://a.example"], 2, "publishable key"),
        (["--scope", "publishable", "--origin", "a.example"], 2, "is no origin"),
        (["--scope", "publishable", "--expires", "soon"], 2, "is no instant"),
        (["--scope", "publishable", "--expires", "2020-01-01"], 2, "which is past"),
    ],
)
def test_a_restriction_that_means_nothing_is_a_sentence(
    run: Run, initialised: Path, arguments: list[str], code: int, words: str
) -> None:
    result = run("keys", "create", *arguments, "--data", initialised)

    assert result.exit_code == code
    assert words in result.output
    assert "bpk_" not in result.output
