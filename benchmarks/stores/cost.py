"""What a decision costs the learner over PostgreSQL, against the embedded store.

    python -m benchmarks.stores.cost [--decisions N] [--experiments N] [--rounds N]

Each round ingests one event log (eight experiments unless told, five variants, ten
features, a unit a decision, 12 rewards for 100 decisions) and joins it, over the one
store and then over the other, in this process. Compared are medians of the CPU time of
this process by step; of the server it is that of its backend, by /proc. The server is
started for it, with its own settings for durability, but without waiting for a disk.
"""

import argparse
import itertools
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import ingest
from bandit_svc.services.learning.join import join
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.store import PostgresStorage
from bandit_svc.storage.sqlite.store import SqliteStorage
from bandit_svc.wiring import Backends, Worker
from benchmarks.speed.service import contexts, definition
from tests.harness.stored.postgres import postgres_server

START_MS = 1_790_000_000_000
REWARD_EVERY, REWARDS_IN_THAT = 25, 3
GOALS = {"ingest": 1.1, "join": 1.3}
"""CPU of this process over PostgreSQL, at most this many times that of SQLite."""
BACKEND_US = 45.0
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'bandit_svc'"
_TICKS_A_S = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """CPU time of one step in microseconds a decision."""

    here: float
    backend: float


class Clock:
    """The CPU time of this process, and of the backends of a server that it uses."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    def read(self) -> Cost:
        """Return both, in seconds."""
        return Cost(time.process_time(), sum(map(_cpu_s, self._backends())))

    def _backends(self) -> list[int]:
        if self._address is None:
            return []
        with psycopg.connect(self._address) as connection:
            return [pid for (pid,) in connection.execute(_BACKENDS).fetchall()]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_S


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=60_000)
    parser.add_argument("--experiments", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    found: dict[tuple[str, str], list[Cost]] = {}
    with tempfile.TemporaryDirectory() as name, postgres_server() as address:
        root = Path(name)
        _write(root / "log", asked.decisions, asked.experiments)
        for number in range(asked.rounds):
            own = root / f"store{number}"
            stores: tuple[tuple[str, Storage, str | None], ...] = (
                ("sqlite", SqliteStorage(own), None),
                ("postgres", PostgresStorage(address, f"r{number}", own), address),
            )
            for store, storage, server in stores:
                steps = _run(root / "log", storage, asked, Clock(server))
                for step, cost in steps.items():
                    found.setdefault((store, step), []).append(cost)
                    print(store, step, *(f"{us:.1f}" for us in cost), flush=True)
            _drop(address, f"r{number}")
    _print(found)


def _print(found: dict[tuple[str, str], list[Cost]]) -> None:
    backend = 0.0
    for step, goal in GOALS.items():
        pairs = zip(found["postgres", step], found["sqlite", step], strict=True)
        ratio = statistics.median(one.here / other.here for one, other in pairs)
        print(f"{step}: CPU over PostgreSQL / SQLite {ratio:.2f}, goal <= {goal}")
        backend += statistics.median(one.backend for one in found["postgres", step])
    print(f"backend: {backend:.1f} us a decision, goal <= {BACKEND_US}")


def _run(
    log: Path, storage: Storage, asked: argparse.Namespace, clock: Clock
) -> dict[str, Cost]:
    """Return the cost of each step over a store that is made for it."""
    now_ms = START_MS + 60_000
    decisions: int = asked.decisions
    copy = log.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    # What was read is deleted.
    shutil.copytree(log, copy)
    with closing(storage), _backends(copy) as backends:
        storage.migrate()
        storage.initialise(bytes(32), START_MS)
        for number in range(asked.experiments):
            _create(storage, number)
        definitions = Definitions(storage.experiments)
        times = [clock.read()]
        ingest(storage.facts, backends.reader, backends.decoder, definitions, now_ms)
        times.append(clock.read())
        joined = join(storage.joins, definitions, now_ms, now_ms).decisions
        times.append(clock.read())
    if joined != decisions:
        raise RuntimeError(f"{joined} of {decisions} decisions were joined")
    return {
        step: Cost(
            1e6 * (after.here - before.here) / decisions,
            1e6 * (after.backend - before.backend) / decisions,
        )
        for step, (before, after) in zip(
            ("ingest", "join"), itertools.pairwise(times), strict=True
        )
    }


@contextmanager
def _backends(log: Path) -> Iterator[Backends]:
    with closing(Backends(_settings(log))) as backends:
        yield backends


def _settings(folder: Path) -> Settings:
    return Settings(data=str(folder), fsync="never")


def _create(storage: Storage, number: int) -> None:
    body: dict[str, Any] = definition() | {
        "key": f"experiment-{number}",
        "policy": {"kind": "vw"},
        "holdout": 0.1,
    }
    made = lifecycle.convert_definition(body)
    lifecycle.create(storage, made, f"salt {number}", START_MS)


def _write(folder: Path, decisions: int, experiments: int) -> None:
    """Write the event log: decisions of untrained models, and their rewards."""
    with _backends(folder) as backends:
        backends.storage.migrate()
        backends.storage.initialise(bytes(32), START_MS)
        for number in range(experiments):
            _create(backends.storage, number)
    with closing(Worker(_settings(folder), START_MS, "ab12")) as worker:
        drawn = itertools.cycle(contexts(2_000))
        for number, context in zip(range(decisions), drawn, strict=False):
            key = f"experiment-{number % experiments}"
            request = DecisionRequest(key, f"u-{number}", context=context)
            entropy = number.to_bytes(9, "big")
            decision = decide(worker.serving, request, START_MS, entropy).decision
            if number % REWARD_EVERY < REWARDS_IN_THAT:
                report = RewardReport(decision.id, 1.0)
                record_reward(worker.serving, report, START_MS)


def _drop(address: str, schema: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        for name in (schema, f"{schema}_units", f"{schema}_caps"):
            connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE".encode())


if __name__ == "__main__":
    main()
