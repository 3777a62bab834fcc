"""One log through both stores: every table equal row by row, and every model's bytes.

The world has repeats, two workers under one request id, deferred decisions, fallbacks,
rewards that are late, repeated or corrected before and after they were learned from,
metrics, events and links of units.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.people.unit_fact import (
    UnitChange,
    UnitEvent,
    UnitValue,
    encode_unit_fact,
)
from bandit_svc.learner.job_kinds import JOB_KINDS
from bandit_svc.learner.loop import Learner
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.managing.jobs import run_job
from bandit_svc.services.serving.decide import Decided
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.schema import tables
from bandit_svc.wiring import Backends
from tests.harness.service import VARIANTS, Service
from tests.harness.stored.postgres import SCHEMA

OF_THE_STORE = frozenset({"jobs", "meta", "row_counts"})
"""Tables that say something of the store itself; the ids of jobs are drawn."""
CHECKSUMS = frozenset({"crc", "crc_apart"})
PHASES, ROUNDS = 5, 60
Rows = list[tuple[object, ...]]


class Follower:
    """A learner over another store, which reads the same log at the same times."""

    def __init__(self, service: Service, storage: Storage) -> None:
        self.storage = storage
        self._backends = Backends(service.settings)
        self._backends.storage.close()
        self._backends.storage = storage
        self.learner = Learner(
            self._backends, lambda: service.now_ms, clock_s=lambda: 0.0
        )

    def close(self) -> None:
        """Close what was opened."""
        self._backends.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path / "embedded")
    made.start()
    yield made
    made.close()


@pytest.fixture
def follower(
    service: Service,
    open_store: Callable[[], Storage],
    postgres: str,
) -> Iterator[Follower]:
    storage = open_store()
    storage.migrate()
    storage.initialise(service.storage.secret(), service.now_ms)
    # Units are hashed with it in both.
    find = "SELECT name, value FROM meta WHERE name = 'credit_salt'"
    with closing(embedded(service)) as one, server(postgres) as other:
        for name, value in one.execute(find).fetchall():
            other.execute("UPDATE meta SET value = %s WHERE name = %s", [value, name])
    made = Follower(service, storage)
    yield made
    made.close()


def test_one_log_makes_the_same_tables_and_models(
    service: Service, follower: Follower, postgres: str
) -> None:
    stores = (service.storage, follower.storage)
    for key, kind in (("hero", "vw"), ("shelf", "linear")):
        raw = {
            "key": key,
            "variants": VARIANTS,
            "policy": {"kind": kind},
            "reward": {"window_seconds": 1},
        }
        definition: Definition = lifecycle.convert_definition(raw)
        for storage in stores:
            lifecycle.create(storage, definition, f"salt-{key}", service.now_ms)
    late: list[Decided] = []
    for phase in range(PHASES):
        late.append(play(service, phase, late))
        service.mature_only()
        follower.learner.tick()
        for worker in service.workers:
            worker.catalog.refresh_models()
    for phase, one in enumerate(late):
        # Their windows are over: what was learned is made anew, beside each store.
        service.correct(one, 0.5, reward_id=f"r{phase}-0")
    relearn(service, follower)

    expected = embedded_rows(service)
    found = rows_of_server(postgres)
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        assert found[table] == rows, table
    filled = {table for table, rows in expected.items() if rows}
    assert filled >= FILLED
    for number in (1, 2):
        models = [storage.model_versions.latest(number) for storage in stores]
        assert models[0] is not None
        assert models[0] == models[1]
    assert [storage.facts.check() for storage in stores] == [[], []]
    states = [states_of(storage) for storage in stores]
    assert states[0] == states[1]
    assert states[0][1]


def test_the_decisions_of_a_lost_part_are_named_and_others_are_learned(
    service: Service,
    follower: Follower,
    postgres: str,
    open_store: Callable[[], Storage],
) -> None:
    definition: Definition = lifecycle.convert_definition(
        {"key": "hero", "variants": VARIANTS, "reward": {"window_seconds": 1}}
    )
    for storage in (service.storage, follower.storage):
        lifecycle.create(storage, definition, "salt", service.now_ms)
    lost = service.rounds(3)
    follower.learner.tick()
    with server(postgres) as connection:
        change = "UPDATE shared_parts SET body = '1', spare = '2'"
        assert connection.execute(change.encode()).rowcount > 0
    # A process that has nothing in memory.
    anew = Follower(service, open_store())
    service.now_ms += 3_000
    anew.learner.tick()

    assert anew.storage.facts.decision(lost[0].decision.id) is None
    assert anew.storage.joins.last_position(1) == 0
    assert anew.storage.facts.totals(1).pending == 0
    (kept,) = [one for one in anew.storage.damages.all() if one.damage.facts > 1]
    assert (kept.damage.partition, kept.damage.facts) == ("shared_parts", 3)
    assert kept.found_at_ms > 0
    anew.close()


def states_of(storage: Storage) -> tuple[int, Rows]:
    """Return the position of the states of units, and their rows."""
    with storage.units.snapshot() as kept:
        return kept.position, [tuple(row) for row in kept.rows]


def relearn(service: Service, follower: Follower) -> None:
    """Let both learners follow all corrections, with the jobs that they queue."""
    for _ in range(10):
        service.now_ms += 60_000
        service.learner_lives()
        service.learner.tick()
        follower.learner.tick()
        waiting = False
        for storage in (service.storage, follower.storage):
            waiting |= bool(storage.corrections.waiting())
            while run_job(storage, JOB_KINDS, lambda: service.now_ms):
                pass
        if not waiting:
            return
    raise AssertionError("corrections are still pending")


FILLED = frozenset(
    {
        *("decisions", "rewards", "joined", "activations", "corrections", "counters"),
        *("tallies", "history", "latencies", "units", "unit_states", "uplift", "drift"),
        *("calibration", "snapshots", "evaluations", "shared_parts", "unit_facts"),
        *("unit_rewards", "cursors", "metric_names", "correction_states"),
    }
)
"""Tables that the world writes to, at least."""


def play(service: Service, phase: int, late: Sequence[Decided]) -> Decided:
    """Play one phase of the world, up to the end of the windows; return a decision."""
    draw = service.random
    made = service.rounds(ROUNDS) + service.rounds(ROUNDS // 2, experiment="shelf")
    for at, one in enumerate(made[::7]):
        value = draw.random()
        for _ in range(2):
            service.reward(one, value, reward_id=f"r{phase}-{at}")
        service.reward(one, 3.0 * draw.random(), metric="seconds")
    for at, one in enumerate(made[3::11]):
        service.reward(one, 0.25, reward_id=f"c{phase}-{at}")
        service.correct(one, 0.75, reward_id=f"c{phase}-{at}")
    for at in range(6):
        for worker in service.workers:
            service.decide(worker, unit_id=f"twice{at}", request_id=f"q{phase}-{at}")
    deferred = service.rounds(8, defer=True)
    service.now_ms += 300
    for one in deferred[::2]:
        service.activate(one)
        service.reward(one, 1.0)
    at_ms = service.now_ms
    happened = UnitEvent(f"e{phase}", "u1", at_ms, "bought", at_ms)
    worth = msgspec.structs.replace(happened, rewards={1: UnitValue(2.0)})
    linked = UnitChange(f"l{phase}", "u1", at_ms, links=(f"u{phase + 2}",))
    service.worker.log.append_all([encode_unit_fact(worth), encode_unit_fact(linked)])
    for one in late:
        # Their windows are over.
        service.reward(one, 0.5, reward_id=f"late{phase}")
    return made[0]


def embedded(service: Service) -> sqlite3.Connection:
    """Open the file of the embedded store."""
    return sqlite3.connect(Path(service.settings.data) / "bandit.db")


def server(address: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Open the schema of the other store."""
    return psycopg.connect(address, options=f"-c search_path={SCHEMA}")


def embedded_rows(service: Service) -> dict[str, Rows]:
    """Return the rows of each table of the embedded store, in the order of its key."""
    with closing(embedded(service)) as connection:
        return {
            name: connection.execute(sql).fetchall() for name, sql in readings().items()
        }


def rows_of_server(address: str) -> dict[str, Rows]:
    """Return the same of the schema of a server."""
    with server(address) as connection:
        return {
            name: connection.execute(sql.encode()).fetchall()
            for name, sql in readings().items()
        }


def readings() -> dict[str, str]:
    """Return by table the statement that reads it, but for checksums."""
    found = {}
    for table in tables().tables:
        if table.name not in OF_THE_STORE:
            names = [f'"{c.name}"' for c in table.columns if c.name not in CHECKSUMS]
            key = ", ".join(f'"{name}"' for name in table.key)
            found[table.name] = (
                f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {key}"  # noqa: S608 - our own names
            )
    return found
