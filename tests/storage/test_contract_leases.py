"""What every store promises of leases; see storage.control.leases."""

import os
import subprocess
from collections.abc import Callable

from bandit_svc.storage.interface import Storage
from tests.harness.waiting import wait_until


def test_a_lease_has_one_holder(
    storage: Storage, open_store: Callable[[], Storage]
) -> None:
    elsewhere = open_store().leases
    with storage.leases.hold("learner") as first:
        with (
            elsewhere.hold("learner") as second,
            storage.leases.hold("learner") as third,
        ):
            assert first is not None
            assert (second, third) == (None, None)
        # Asking in vain must not end the lease of the holder.
        with storage.leases.hold("learner") as again:
            assert again is None
    with elsewhere.hold("learner") as after:
        assert after is not None


def test_leases_of_two_names_do_not_exclude_each_other(storage: Storage) -> None:
    hold = storage.leases.hold
    with hold("learner") as one, hold("other") as other:
        assert one is not None
        assert other is not None


def test_a_holder_is_read_without_taking_its_lease(
    storage: Storage, open_store: Callable[[], Storage]
) -> None:
    elsewhere = open_store().leases
    assert elsewhere.holder("learner") is None
    with storage.leases.hold("learner") as held:
        found = elsewhere.holder("learner")
        assert found == held == storage.leases.holder("learner")
        assert str(found).startswith(f"process {os.getpid()} on ")
        assert elsewhere.holder("other") is None
    assert elsewhere.holder("learner") is None


def test_a_reader_of_holders_is_in_nobodys_way(
    storage: Storage, open_store: Callable[[], Storage]
) -> None:
    elsewhere = open_store().leases
    taken = []
    for _ in range(20):
        elsewhere.holder("learner")
        with storage.leases.hold("learner") as held:
            elsewhere.holder("learner")
            taken.append(held is not None)

    assert all(taken)


def test_a_lease_held_by_another_process_ends_when_it_is_killed(
    storage: Storage, start_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = start_process("hold_lease")
    assert process.stdout is not None
    said = process.stdout.readline()
    with storage.leases.hold("learner") as during:
        assert during is None
    assert f"{storage.leases.holder('learner')}\n" == said
    assert str(process.pid) in said
    process.kill()
    process.wait()

    wait_until(lambda: storage.leases.holder("learner") is None, "the lease has ended")
    with storage.leases.hold("learner") as after:
        assert after is not None
