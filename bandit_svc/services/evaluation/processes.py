"""Run pieces of long work in processes of their own.

Owns how they are started, report progress and are ended, also after an interrupt, an
error in one, or when one is killed. Each opens the store itself, since no connection
crosses processes, and only reads. Knows nothing of the work.
"""

import multiprocessing
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple, TypeVar, cast

from bandit_svc.errors import BanditError, Unavailable
from bandit_svc.storage.interface import Storage

Piece = TypeVar("Piece")
Result = TypeVar("Result")
OnProgress = Callable[[int], None]
Opener = Callable[[], Storage]
Work = Callable[[Storage, Piece, OnProgress], Result]

STOP_WITHIN_S = 5.0


class _Progress(NamedTuple):
    done: int


class _Result(NamedTuple):
    value: Any


class _Fault(NamedTuple):
    error: BanditError


class _Running(NamedTuple):
    place: int
    process: SpawnProcess


def dealt(items: Sequence[Piece], hands: int) -> list[list[Piece]]:
    """Deal items in turn to at most `hands` lists, so that neighbours are apart."""
    used = max(1, min(hands, len(items)))
    return [list(items[hand::used]) for hand in range(used)]


def gathered(hands: Sequence[Sequence[Result]]) -> list[Result]:
    """Return the results of dealt items in the order of the items."""
    count = sum(len(hand) for hand in hands)
    return [hands[index % len(hands)][index // len(hands)] for index in range(count)]


def in_processes(
    work: Work[Piece, Result],
    pieces: Sequence[Piece],
    opener: Opener,
    on_progress: OnProgress,
) -> list[Result]:
    """Run each piece in a process of its own; a single one in this process.

    Args:
        work: a function of a module, since it is pickled, as are pieces and results.
            Its last argument is a function to report progress to.
        pieces: one a process.
        opener: opens the store; pickled too.
        on_progress: called with the mean progress of the pieces.

    Returns:
        The results in the order of the pieces.

    Raises:
        BanditError: a piece failed; the others are ended.
        Unavailable: a process ended without a result.
    """
    if len(pieces) == 1:
        with closing(opener()) as storage:
            return [work(storage, pieces[0], on_progress)]
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, _Running] = {}
    results: dict[int, Result] = {}
    done = [0] * len(pieces)
    try:
        for index, piece in enumerate(pieces):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=_in_child, args=(work, piece, opener, theirs), daemon=True
            )
            process.start()
            theirs.close()
            running[ours] = _Running(index, process)
        while len(results) < len(pieces):
            left = [c for c, one in running.items() if one.place not in results]
            for ready in wait(left):
                connection = cast("Connection", ready)
                place, process = running[connection]
                message = _received(connection, process)
                if isinstance(message, _Result):
                    results[place] = message.value
                else:
                    done[place] = message.done
                    on_progress(sum(done) // len(done))
    finally:
        _end(running)
    return [results[index] for index in range(len(pieces))]


def _received(connection: Connection, process: SpawnProcess) -> _Progress | _Result:
    try:
        message = connection.recv()
    except EOFError as error:
        process.join(STOP_WITHIN_S)
        raise Unavailable(
            f"a process of this command ended without a result (exit code "
            f"{process.exitcode}); was it killed, or is there too little memory? "
            "Repeat with fewer --processes"
        ) from error
    if isinstance(message, _Fault):
        raise message.error
    if not isinstance(message, _Progress | _Result):
        raise TypeError(f"a process sent {type(message).__name__}")
    return message


def _end(running: Mapping[Connection, _Running]) -> None:
    for connection, one in running.items():
        connection.close()
        one.process.terminate()
    for one in running.values():
        one.process.join(STOP_WITHIN_S)
        if one.process.is_alive():
            one.process.kill()
            one.process.join()
        one.process.close()


def _in_child(
    work: Work[Piece, Result], piece: Piece, opener: Opener, theirs: Connection
) -> None:
    # An interrupt from the terminal reaches all processes; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with closing(opener()) as storage:
            result = work(storage, piece, lambda done: theirs.send(_Progress(done)))
        theirs.send(_Result(result))
    except BanditError as error:
        theirs.send(_Fault(error))
    except BrokenPipeError:
        # The parent has been killed.
        return
