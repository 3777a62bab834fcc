"""Moments in the life of a data folder at which it is damaged.

Owns how each folder comes to be, by real workers and a real learner, and how it goes
on after the damage. A worker that is killed is a process of its own that ends itself
by SIGKILL.
"""

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.event import encode_event
from bandit_svc.domain.people.unit_fact import UnitChange, UnitEvent, UnitReward
from bandit_svc.eventlog.interface import START
from bandit_svc.wiring import Backends, Worker
from benchmarks.damage.chain import (
    Outcome,
    Told,
    doctor,
    heard,
    kept_damages,
    learn,
    outcome,
    refusals_in,
)
from benchmarks.damage.traffic import (
    EVERY_MS,
    START_MS,
    create,
    play,
    settings_of,
)

TURNS = 120
_HALF = TURNS // 2
_MORE = 24
_PAUSE_MS = 5_000
_EVERYTHING = 10**9
_LINES = 20
_SUFFIXES = ("aa", "bb")

Harm = Callable[[Path], None]


class Run(NamedTuple):
    """What came of one run: what was read, and what was told."""

    outcome: Outcome | None
    """None where it can't be read."""
    told: Told


class Scenario(NamedTuple):
    """A data folder that is ready to be damaged.

    Attributes:
        earlier: what the data folder held at an earlier moment.
        ids: of the decisions that were answered before the damage.
        lives: True if a worker writes while the damage comes, and after it.
    """

    name: str
    folder: Path
    earlier: Path
    ids: list[str]
    lives: bool = False

    def run(self, folder: Path, harm: Harm) -> Run:
        """Copy the folder, damage the copy, and read all that is in it."""
        shutil.copytree(self.folder, folder)
        with heard() as lines:
            if self.lives:
                ids, before = self._while_it_lives(folder, harm)
            else:
                harm(folder)
                ids, before = [], doctor(folder)
            with refusals_in(lines):
                learn(folder)
        after = doctor(folder)
        refused: list[str] = []
        found: Outcome | None = None
        damages: list[Damage] = []
        with refusals_in(refused):
            damages = kept_damages(folder)
            found = outcome(folder, [*self.ids, *ids])
        told = Told(
            before,
            list(lines),
            after,
            refused,
            sum(damage.facts for damage in damages),
            any(damage.at_least for damage in damages),
        )
        return Run(found, told)

    def _while_it_lives(self, folder: Path, harm: Harm) -> tuple[list[str], list[str]]:
        """Damage the folder between two facts of a worker, and let it go on.

        The learner reads once while the worker lives.
        """
        begin_ms = START_MS + _PAUSE_MS
        turns = [range(at, at + _MORE) for at in range(TURNS, 2 * TURNS, _MORE)]
        with ExitStack() as stack:
            workers = _workers(folder, begin_ms, stack, "l")
            ids = play(workers, turns[0], begin_ms)
            harm(folder)
            before = doctor(folder)
            ids += play(workers, turns[1], begin_ms)
            learn(folder, begin_ms + turns[2].start * EVERY_MS)
            ids += play(workers, turns[2], begin_ms)
        return ids, before


def _workers(folder: Path, now_ms: int, stack: ExitStack, prefix: str) -> list[Worker]:
    return [
        stack.enter_context(
            closing(Worker(settings_of(folder), now_ms, prefix + suffix))
        )
        for suffix in _SUFFIXES
    ]


def scenarios(root: Path) -> list[Scenario]:
    """Make every scenario of this version's log in a folder."""
    unread = [_closed(root), _killed(root), _living(root)]
    return [*unread, _half_read(root), _read(root), _read_twice(root)]


def old_scenarios(root: Path) -> list[Scenario]:
    """Make a log of format 1, which had no checksums."""
    return [_format_1(root)]


def _closed(root: Path) -> Scenario:
    """Make a log whose writers ended in good order; nothing of it was read."""
    return _unread(root, "closed", killed=False)


def _killed(root: Path) -> Scenario:
    """Make a log whose writers were killed; nothing of it was read."""
    return _unread(root, "killed", killed=True)


def _unread(root: Path, name: str, *, killed: bool) -> Scenario:
    folder, earlier = _new(root, name)
    first, last = range(_HALF), range(_HALF, TURNS)
    ids = _in_child(folder, first, START_MS, "c", killed=killed)
    shutil.copytree(folder, earlier)
    ids += _in_child(folder, last, START_MS, "d", killed=killed)
    return Scenario(name, folder, earlier, ids)


def _half_read(root: Path) -> Scenario:
    """Make a log of which the learner has read the first half, its writer killed.

    The earlier moment is that before the learner's reading.
    """
    folder, earlier = _new(root, "half read")
    ids: list[str] = []

    def between() -> None:
        shutil.copytree(folder, earlier)
        learn(folder, START_MS + _HALF * EVERY_MS + _PAUSE_MS)

    ids = _in_child(folder, range(TURNS), START_MS, "h", killed=True, between=between)
    return Scenario("half read", folder, earlier, ids)


def _read(root: Path) -> Scenario:
    """Make a store that has read everything; the log is gone.

    The earlier moment is that of half the turns, unread.
    """
    made = _unread(root, "read", killed=False)
    learn(made.folder)
    return made


def _read_twice(root: Path) -> Scenario:
    """Make a store that has read the first workers' facts, and not the second's.

    The earlier moment is that before the first reading.
    """
    folder, earlier = _new(root, "read twice")
    ids = _in_child(folder, range(_HALF), START_MS, "e", killed=False)
    shutil.copytree(folder, earlier)
    learn(folder, START_MS + _HALF * EVERY_MS + _PAUSE_MS)
    last, later_ms = range(_HALF, TURNS), START_MS + _PAUSE_MS
    ids += _in_child(folder, last, later_ms, "f", killed=True)
    return Scenario("read twice", folder, earlier, ids)


def _format_1(root: Path) -> Scenario:
    """Write the facts of a closed log as lines, as version 0.2 did."""
    made = _unread(root, "format 1", killed=False)
    with closing(Backends(settings_of(made.folder))) as backends:
        reader, decode = backends.reader, backends.decoder.decode
        lines = {
            partition: [
                encode_event(event)
                for batch in [reader.read(partition, START, _EVERYTHING)]
                for event in (decode(record, batch.parts) for record in batch.records)
                # Format 1 knew no facts about units.
                if not isinstance(event, UnitChange | UnitEvent | UnitReward)
            ]
            for partition in reader.partitions()
        }
    log = made.folder / "log"
    shutil.rmtree(log)
    for partition, of_partition in lines.items():
        (log / partition).mkdir(parents=True)
        for number, first in enumerate(range(0, len(of_partition), _LINES), start=1):
            content = b"".join(
                line + b"\n" for line in of_partition[first : first + _LINES]
            )
            (log / partition / f"{number:08d}.jsonl").write_bytes(content)
    return made


def _living(root: Path) -> Scenario:
    """Make a log of a killed writer, to which living ones are added at each run."""
    folder, earlier = _new(root, "living")
    shutil.copytree(folder, earlier)
    ids = _in_child(folder, range(_HALF), START_MS, "k", killed=True)
    return Scenario("living", folder, earlier, ids, lives=True)


def _new(root: Path, name: str) -> tuple[Path, Path]:
    folder = root / name / "data"
    folder.parent.mkdir(parents=True)
    with closing(Backends(settings_of(folder))) as backends:
        create(backends.storage)
    return folder, root / name / "earlier"


def _in_child(
    folder: Path,
    turns: range,
    start_ms: int,
    prefix: str,
    *,
    killed: bool,
    between: Callable[[], None] | None = None,
) -> list[str]:
    """Play turns in a process of its own, which kills itself or ends in good order.

    Args:
        between: called in this process when the child has played half of them.
    """
    to_parent, to_child = os.pipe(), os.pipe()
    half = turns[: len(turns) // 2], turns[len(turns) // 2 :]
    child = os.fork()
    if child == 0:
        try:
            with ExitStack() as stack:
                workers = _workers(folder, start_ms, stack, prefix)
                for part in half:
                    ids = play(workers, part, start_ms)
                    os.write(to_parent[1], ("\n".join(ids) + "\n").encode())
                    os.read(to_child[0], 1)
                    start_ms += _PAUSE_MS if between else 0
                if killed:
                    os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(0)
    found: list[str] = []
    with os.fdopen(to_parent[0]) as answers:
        for index, part in enumerate(half):
            found += [answers.readline().strip() for _ in part]
            if between is not None and index == 0:
                between()
            os.write(to_child[1], b".")
    for descriptor in (to_parent[1], *to_child):
        os.close(descriptor)
    os.waitpid(child, 0)
    return found
