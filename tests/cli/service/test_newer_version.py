"""A data folder of a newer version: refused with one sentence, and left as it is."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.cli.service.launch import prepare
from bandit_svc.errors import BanditError
from bandit_svc.eventlog.files.frames import (
    HEADER,
    Header,
    encode_frame,
    encode_header,
    epoch_of,
    identity_of,
)
from bandit_svc.settings import Settings
from tests.harness.command import Run

PARTITION = "w1750000100000-1-cd34"


def newer_store(data: Path) -> None:
    with closing(sqlite3.connect(data / "bandit.db")) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('bandit_svc', 'm999_moon', '2030-01-01 00:00:00+00:00')"
        )


def newer_header(segment: int) -> bytes:
    """Return the first frame of a file of format 3, which is longer than ours."""
    epoch = epoch_of(PARTITION)
    payload = bytearray(encode_header(Header(epoch, segment, 0, 0, bytes(16))))
    payload[0] = 3
    content = bytes(payload) + bytes(40)
    return encode_frame(identity_of(epoch, segment), 0, HEADER, content)[0]


def newer_segment(data: Path) -> None:
    folder = data / "log" / PARTITION
    folder.mkdir(parents=True)
    (folder / "00000001.seg").write_bytes(newer_header(1))


def newer_manifest(data: Path) -> None:
    folder = data / "log" / "manifests"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{PARTITION}.manifest").write_bytes(newer_header(0))


STORE = (newer_store, "written by a newer version: it has the migrations m999_moon")
LOGS = [
    (newer_segment, "the event log is of format 3, and this version reads"),
    (newer_manifest, "the event log is of format 3, and this version reads"),
]
COMMANDS = [
    ("init",),
    ("report", "hero"),
    ("replay", "hero"),
    ("experiment", "list"),
    ("keys", "list"),
    ("doctor", "--acknowledge", "1"),
]
MakeNewer = Callable[[Path], None]


@pytest.mark.parametrize(("make_newer", "sentence"), [STORE, *LOGS])
def test_every_command_refuses_it(
    run: Run, trained: Path, make_newer: MakeNewer, sentence: str
) -> None:
    make_newer(trained)
    results = [run(*command, "--data", trained) for command in COMMANDS]

    assert {result.exit_code for result in results} == {1}
    for result in results:
        assert sentence in result.stderr
        assert result.stdout == ""


@pytest.mark.parametrize(("make_newer", "sentence"), [STORE, *LOGS])
def test_doctor_names_it(
    run: Run, trained: Path, make_newer: MakeNewer, sentence: str
) -> None:
    make_newer(trained)
    result = run("doctor", "--data", trained)

    assert result.exit_code == 1
    assert sentence in result.stdout


@pytest.mark.parametrize(("make_newer", "sentence"), [STORE, *LOGS])
def test_the_service_does_not_start_on_it(
    trained: Path, make_newer: MakeNewer, sentence: str
) -> None:
    make_newer(trained)
    with pytest.raises(BanditError, match=sentence):
        prepare(Settings(data=str(trained)))
