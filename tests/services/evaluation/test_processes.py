"""Pieces of work in processes of their own."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bandit_svc.errors import Conflict, Unavailable
from bandit_svc.services.evaluation.processes import dealt, gathered, in_processes
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.interface import Storage


@pytest.fixture
def opener(tmp_path: Path) -> Callable[[], Storage]:
    make = partial(open_storage, tmp_path)
    storage = make()
    storage.migrate()
    storage.initialise(bytes(32), 0)
    storage.close()
    return make


def doubled(
    storage: Storage, piece: int, on_progress: Callable[[int], None]
) -> tuple[int, int, int]:
    on_progress(piece)
    return 2 * piece, os.getpid(), len(storage.secret())


def refused(_storage: Storage, piece: int, _on_progress: Callable[[int], None]) -> int:
    if piece:
        raise Conflict("this one can't be done")
    signal.pause()
    return piece


def killed(_storage: Storage, piece: int, _on_progress: Callable[[int], None]) -> int:
    if piece:
        os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()
    return piece


@pytest.mark.parametrize(("count", "hands"), [(1, 1), (5, 2), (24, 7), (3, 8), (0, 2)])
def test_what_is_dealt_can_be_put_back_in_order(count: int, hands: int) -> None:
    items = list(range(count))

    assert gathered(dealt(items, hands)) == items


def test_results_come_in_the_order_of_the_pieces(
    opener: Callable[[], Storage],
) -> None:
    told: list[int] = []
    found = in_processes(doubled, [10, 30], opener, told.append)

    assert [(value, size) for value, _, size in found] == [(20, 32), (60, 32)]
    assert len({pid for _, pid, _ in found} | {os.getpid()}) == 3
    assert told[-1] == 20


def test_a_single_piece_needs_no_process(opener: Callable[[], Storage]) -> None:
    assert in_processes(doubled, [1], opener, lambda _: None)[0][1] == os.getpid()


def test_a_fault_in_one_ends_the_others(opener: Callable[[], Storage]) -> None:
    with pytest.raises(Conflict, match="this one can't be done"):
        in_processes(refused, [0, 1], opener, lambda _: None)


def test_a_process_that_is_killed_is_missed(opener: Callable[[], Storage]) -> None:
    with pytest.raises(Unavailable, match="exit code -9"):
        in_processes(killed, [0, 1], opener, lambda _: None)
