"""Leases of a PostgreSQL store: a holder that was stopped must not write again."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.errors import Unavailable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.store import PostgresStorage
from tests.harness.waiting import wait_until


def test_a_holder_that_was_stopped_loses_its_lease_and_its_writes_fail(
    storage: Storage, start_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = start_process("hold_lease_and_write")
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    first = storage.leases.holder("learner")
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: storage.leases.holder("learner") is None, "the lease has ended")
    with storage.leases.hold("learner") as second:
        process.send_signal(signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.flush()
        said = process.stdout.readline()
        # Who holds the lease now writes.
        storage.keys.used({"k-1": 1})

    assert first is not None
    assert second is not None
    assert second.token == first.token + 1
    assert said.startswith("the lease 'learner' of this process ran out")
    assert storage.experiments.all() == []


def test_a_server_that_is_away_is_told_with_a_way_out() -> None:
    away = PostgresStorage("host=/nonexistent dbname=postgres", "none", Path())

    with pytest.raises(Unavailable, match="server of BANDIT_STORE is up"):
        away.experiments.all()


def test_a_schema_without_tables_is_told_with_a_way_out(
    postgres: str,
) -> None:
    empty = PostgresStorage(postgres, "no_tables", Path())

    with pytest.raises(Unavailable, match="no store in the schema 'no_tables'"):
        empty.check_schema()
    empty.close()
