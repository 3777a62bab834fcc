"""`bandit-svc webhook`: a secret is printed once, rotated, and never listed."""

import base64
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.clock import now_ms
from bandit_svc.errors import InvalidInput
from bandit_svc.services.managing.webhook_sources import (
    ENTROPY_BYTES,
    MOST_SECRETS,
    add_source,
    key_of,
    rotate_secret,
)
from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.settings import Settings
from bandit_svc.storage.doors.sources import SourceRow
from bandit_svc.wiring import Backends
from tests.harness.command import Run

KINDS = ["standard-webhooks", "segment", "cloudevents", "stripe"]
HOUR_MS = 3_600_000


def known(data: Path, name: str) -> SourceRow | None:
    with closing(Backends(Settings(data=str(data)))) as backends:
        return Catalog(backends.storage).sources().named(name)


@pytest.mark.parametrize("kind", KINDS)
def test_the_secret_is_the_last_word_and_is_not_listed(
    run: Run, initialised: Path, kind: str
) -> None:
    added = run("webhook", "add", "orders", "--kind", kind, "--data", initialised)
    listed = run("webhook", "list", "--data", initialised).stdout
    secret = added.stdout.split()[-1]
    row = known(initialised, "orders")

    assert row is not None
    assert row.valid_secrets(now_ms()) == [secret]
    assert secret.startswith("bwk_" if kind == "segment" else "whsec_")
    assert "orders" in listed
    assert kind in listed
    assert secret not in listed
    assert secret not in added.stderr


def test_a_made_secret_is_24_random_bytes_as_base64(
    run: Run, initialised: Path
) -> None:
    words = [
        run("webhook", "add", name, "--kind", "cloudevents", "--data", initialised)
        for name in ("one", "two")
    ]
    keys = [key_of(word.stdout.split()[-1]) for word in words]

    assert [len(key) for key in keys] == [24, 24]
    assert keys[0] != keys[1]


def test_a_senders_own_secret_is_taken(run: Run, initialised: Path) -> None:
    secret = "whsec_" + base64.b64encode(b"0" * 32).decode()
    added = run(
        *("webhook", "add", "shop", "--kind", "stripe", "--secret", secret),
        *("--test-mode", "--data", initialised),
    )
    row = known(initialised, "shop")

    assert added.stdout.split() == [secret]
    assert row is not None
    assert row.test_mode


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("Orders", "--kind", "stripe"), "'Orders' is no name of a source"),
        (("a/b", "--kind", "stripe"), "is no name"),
        (("a" * 65, "--kind", "stripe"), "is no name"),
        (("a", "--kind", "stripe", "--browser"), "only a source of kind segment"),
        (("a", "--kind", "stripe", "--secret", "short"), "has 5 characters"),
        (
            ("a", "--kind", "standard-webhooks", "--secret", "whsec_" + "!" * 20),
            "must be the base64",
        ),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_kept(
    run: Run, initialised: Path, arguments: tuple[str, ...], told: str
) -> None:
    refused = run("webhook", "add", *arguments, "--data", initialised)

    assert refused.exit_code == 2
    assert told in refused.stderr
    assert run("webhook", "list", "--data", initialised).stdout.count("\n") == 1


def test_a_name_is_taken_once(run: Run, initialised: Path) -> None:
    run("webhook", "add", "orders", "--kind", "stripe", "--data", initialised)
    again = run("webhook", "add", "orders", "--kind", "segment", "--data", initialised)

    assert again.exit_code == 1
    assert "already" in again.stderr


def test_a_rotated_secret_is_good_beside_the_old_one_for_its_time(
    run: Run, initialised: Path
) -> None:
    with closing(Backends(Settings(data=str(initialised)))) as backends:
        sources = backends.storage.sources
        first = add_source(sources, "app", "segment", b"1" * ENTROPY_BYTES, 0)
        second = rotate_secret(sources, "app", b"2" * ENTROPY_BYTES, 5, HOUR_MS)
        third = rotate_secret(sources, "app", b"3" * ENTROPY_BYTES, 10, 2 * HOUR_MS)
    texts = [third.text, second.text, first.text]
    ends_ms = 5 + HOUR_MS

    assert third.row.valid_secrets(ends_ms - 1) == texts
    assert third.row.valid_secrets(ends_ms) == texts[:2]
    assert third.row.valid_secrets(10 + 2 * HOUR_MS) == texts[:1]
    rotated = run("webhook", "rotate", "app", "--keep", "0m", "--data", initialised)
    row = known(initialised, "app")
    assert row is not None
    assert row.valid_secrets(0) == rotated.stdout.split()


def test_a_source_has_a_handful_of_secrets(initialised: Path) -> None:
    with closing(Backends(Settings(data=str(initialised)))) as backends:
        sources = backends.storage.sources
        add_source(sources, "app", "segment", b"0" * ENTROPY_BYTES, 0)
        for number in range(1, MOST_SECRETS):
            rotate_secret(sources, "app", bytes([number]) * ENTROPY_BYTES, 1, HOUR_MS)
        with pytest.raises(InvalidInput, match="wait until one has ended"):
            rotate_secret(sources, "app", b"9" * ENTROPY_BYTES, 2, HOUR_MS)
        made = add_source(sources, "two", "segment", b"0" * ENTROPY_BYTES, 0)
        with pytest.raises(InvalidInput, match="has this secret already"):
            rotate_secret(sources, "two", b"", 2, HOUR_MS, made.text)


def test_a_removed_source_is_gone(run: Run, initialised: Path) -> None:
    run("webhook", "add", "orders", "--kind", "stripe", "--data", initialised)
    run("webhook", "remove", "orders", "--data", initialised)

    assert known(initialised, "orders") is None
    assert run("webhook", "remove", "orders", "--data", initialised).exit_code == 1
    assert run("webhook", "rotate", "orders", "--data", initialised).exit_code == 1


def test_a_wrong_time_is_refused(run: Run, initialised: Path) -> None:
    refused = run("webhook", "rotate", "x", "--keep", "soon", "--data", initialised)

    assert refused.exit_code == 2
    assert "'soon' is no time" in refused.stderr


def test_a_mapping_is_checked_and_kept(
    run: Run, initialised: Path, tmp_path: Path
) -> None:
    file = tmp_path / "orders.toml"
    rule = '[[events]]\ntype = "paid"\nvalue = "data.total"\n'
    file.write_text(rule)
    add = ("webhook", "add", "orders", "--kind", "stripe", "--data", initialised)
    refused = run(*add, "--mapping", file)
    file.write_text(rule + 'decision_id = "data.decision"\n')
    run(*add, "--mapping", file)
    row = known(initialised, "orders")

    assert "say where the id of either is" in refused.stderr
    assert row is not None
    assert row.mapping is not None
    assert row.mapping["events"][0]["decision_id"] == "data.decision"
