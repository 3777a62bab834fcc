"""`bandit-svc doctor`: a line for each fault, and nothing for a sound folder."""

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.services.managing.doctor import examine
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends
from tests.harness.command import Run
from tests.harness.raw_store import change_store


def state(data: Path) -> bytes:
    with closing(sqlite3.connect(data / "bandit.db")) as connection:
        (found,) = connection.execute(
            "SELECT state FROM snapshots ORDER BY version DESC"
        ).fetchone()
    return bytes(found)


def faults(run: Run, data: Path) -> list[str]:
    """Return the lines of a doctor that found something."""
    result = run("doctor", "--data", data)
    assert result.exit_code == 1, result.output
    return result.stdout.splitlines()


def test_a_sound_folder_has_no_faults(run: Run, trained: Path) -> None:
    result = run("doctor", "--data", trained)

    assert (result.exit_code, result.stdout) == (0, "no faults found\n")


def test_a_new_folder_has_no_faults(run: Run, initialised: Path) -> None:
    assert run("doctor", "--data", initialised).exit_code == 0


def test_a_folder_without_a_store_is_one_fault(run: Run, data: Path) -> None:
    (fault,) = faults(run, data)

    assert "bandit-svc init" in fault
    assert not data.exists()


def test_a_truncated_model_is_found_by_its_digest(run: Run, trained: Path) -> None:
    half = state(trained)[:-10]
    change_store(trained, "UPDATE snapshots SET state = ?", half)
    (fault,) = faults(run, trained)

    assert "model version 1 of experiment 'hero' is damaged" in fault
    assert hashlib.sha256(half).hexdigest()[:12] in fault


def test_a_model_that_can_not_be_loaded_is_found(run: Run, trained: Path) -> None:
    half = state(trained)[:-10]
    digest = hashlib.sha256(half).hexdigest()
    change_store(trained, "UPDATE snapshots SET state = ?, sha256 = ?", half, digest)
    (fault,) = faults(run, trained)

    assert "can't be loaded" in fault


def test_a_model_that_is_ahead_of_the_store_is_found(run: Run, trained: Path) -> None:
    change_store(trained, "UPDATE snapshots SET spans = '[[0, 1000]]'")
    (fault,) = faults(run, trained)

    assert "learned up to position 1000" in fault


def test_sums_that_disagree_with_the_joined_decisions_are_found(
    run: Run, trained: Path
) -> None:
    change_store(trained, "UPDATE tallies SET n = n + 1 WHERE metric = 'reward'")
    (fault,) = faults(run, trained)

    assert "must agree" in fault


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        # Three sums over time: of two variants shown by the policy and of the baseline.
        ("UPDATE history SET n = n + 1", "43 joined decisions in the sums over time"),
        ("UPDATE history SET n = n - 1", "37 joined decisions in the sums over time"),
        ("UPDATE history SET rewarded = 0", "0 rewarded decisions in the sums"),
        ("DELETE FROM latencies", "0 rewards in the latencies"),
        ("DELETE FROM drift_stretches", "0 joined decisions in the drift"),
        ("DELETE FROM calibration", "0 choices in the calibration"),
        ("UPDATE unit_counts SET treatment = 99", "units counted, of 40 known ones"),
    ],
)
def test_sums_of_a_report_that_disagree_with_the_facts_are_found(
    run: Run, trained: Path, sql: str, what: str
) -> None:
    change_store(trained, sql)
    (fault,) = faults(run, trained)

    assert what in fault
    assert "restore the data folder" in fault


def test_a_store_that_is_no_database_is_a_fault_and_no_traceback(
    run: Run, trained: Path
) -> None:
    for file in trained.glob("bandit.db*"):
        file.write_bytes(b"garbage" * 1000)
    found = faults(run, trained)

    assert len(found) == 1
    assert "database" in found[0]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE snapshots SET created_at_ms = ?", "model"),
        ("UPDATE experiments SET revised_at_ms = ?", "revision"),
    ],
)
def test_a_clock_before_the_newest_stamp_is_a_fault(
    run: Run, trained: Path, sql: str, what: str
) -> None:
    change_store(trained, sql, 2**42)
    (fault,) = faults(run, trained)

    assert f"before the newest {what}" in fault


def test_the_newest_decision_counts_from_one_minute_on(trained: Path) -> None:
    settings = Settings(data=str(trained))
    change_store(trained, "UPDATE experiments SET revised_at_ms = 0")
    with closing(Backends(settings)) as backends:

        def found(now_ms: int) -> list[str]:
            return examine(backends.storage, backends.reader, now_ms)

        # The model was made at START + 20 s, the last decision 39 ms after START.
        start_ms = 1_750_000_000_000
        late = found(start_ms + 20_000 - 60_000)
        early = found(start_ms + 39 - 60_001)

    assert late == []
    assert any("newest joined decision" in fault for fault in early)


def test_little_room_on_the_disk_is_a_fault_by_the_limit_of_the_log(
    run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than any disk has; a twentieth of the disk is the limit then.
    monkeypatch.setenv("BANDIT_LOG_LEAST_FREE_BYTES", str(2**50))
    disk = os.statvfs(trained)
    least = disk.f_blocks * disk.f_frsize // 20
    near = disk.f_bavail * disk.f_frsize < 2 * least
    result = run("doctor", "--data", trained)

    assert result.exit_code == near
    assert ("BANDIT_LOG_LEAST_FREE_BYTES" in result.stdout) == near


def test_a_log_that_is_no_folder_is_a_fault(run: Run, trained: Path) -> None:
    shutil.rmtree(trained / "log")
    (trained / "log").touch()
    found = faults(run, trained)

    assert any("log of the event log can't be read" in fault for fault in found)


def test_a_partition_shorter_than_what_was_read_from_it_is_a_fault(
    run: Run, trained: Path
) -> None:
    folder = trained / "log" / "w1750000000000-1-ab12"
    folder.mkdir(parents=True)
    (folder / "00000001.jsonl").write_bytes(b"{}\n")
    change_store(
        trained, "INSERT INTO cursors VALUES (?, 1, 100, 0, NULL)", folder.name
    )
    (fault,) = faults(run, trained)

    assert "segment 1 byte 3" in fault
    assert "segment 1 byte 100" in fault


def test_unread_bytes_of_a_dead_writer_are_no_fault(run: Run, trained: Path) -> None:
    folder = trained / "log" / "w1750000000000-1-ab12"
    folder.mkdir(parents=True)
    (folder / "00000001.jsonl").write_bytes(b'{"torn')

    assert run("doctor", "--data", trained).exit_code == 0


def test_doctor_changes_no_file(run: Run, trained: Path) -> None:
    def contents() -> dict[Path, bytes]:
        # SQLite keeps its own account of readers in -shm.
        files = (f for f in trained.rglob("*") if f.is_file() and "-shm" not in f.name)
        return {file: file.read_bytes() for file in files}

    before = contents()
    run("doctor", "--data", trained)

    assert contents() == before


def test_a_log_that_is_near_its_limit_is_a_fault(
    run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANDIT_SEGMENT_BYTES", "65536")
    monkeypatch.setenv("BANDIT_LOG_MOST_BYTES", "196608")
    (trained / "log").mkdir(exist_ok=True)
    (trained / "log" / "unread").write_bytes(b"x" * 196_608)
    (fault,) = faults(run, trained)

    assert "BANDIT_LOG_MOST_BYTES" in fault
