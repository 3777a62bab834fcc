"""A store in which every table has rows.

Owns `play_world`, `live`, which goes on from it for a while, and `fill_empty_tables`
for what they leave empty. Those rows have values that other engines keep in another
way: the least and the greatest number, -0.0, texts of every plane.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bandit_svc.domain.people.unit_fact import (
    UnitChange,
    UnitEvent,
    UnitValue,
    encode_unit_fact,
)
from bandit_svc.services.report.build import build_report
from bandit_svc.services.serving.decide import Decided
from bandit_svc.storage.moving.tables import META, Cell, MovedTable, moved_tables
from bandit_svc.storage.overview import RecentState
from bandit_svc.storage.sqlite.rows.counts import add_rows
from tests.harness.raw_store import raw_store
from tests.harness.service import Service

PHASES, ROUNDS, ROWS, FEW = 3, 40, 3, 20
STATES: tuple[RecentState, ...] = ("open", "deferred", "joined")
_CELLS: dict[str, Sequence[Cell]] = {
    "INTEGER": (0, -(2**63), 2**63 - 1),
    "REAL": (-0.0, 5e-324, -1.7976931348623157e308),
    "TEXT": ("", "a\U0001f600é\n'\"\\", "Z"),
    "BLOB": (b"", b"\0\xff'", b"z"),
}


def play_world(service: Service) -> None:
    """Play decisions, rewards, corrections, units and pages, and learn from them."""
    service.create(policy={"kind": "vw"})
    service.create("shelf", policy={"kind": "linear"})
    service.create("page", slots=2)
    late: list[Decided] = []
    for phase in range(PHASES):
        late.append(_play(service, phase, late))
        service.mature()
    for phase, one in enumerate(late):
        # Their windows are over: what was learned is made anew.
        service.correct(one, 0.5, reward_id=f"r{phase}-0")
    service.relearn()
    service.rounds(ROUNDS)


def _play(service: Service, phase: int, late: Sequence[Decided]) -> Decided:
    draw = service.random
    made = service.rounds(ROUNDS) + service.rounds(ROUNDS // 2, experiment="shelf")
    made += service.rounds(ROUNDS // 4, experiment="page", slots=2)
    for at, one in enumerate(made[::7]):
        service.reward(one, draw.random(), reward_id=f"r{phase}-{at}")
        service.reward(one, 3.0 * draw.random(), metric="seconds")
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
        service.reward(one, 0.5, reward_id=f"late{phase}")
    return made[0]


def live(service: Service) -> None:
    """Serve and learn behind `play_world`, and look at what was learned."""
    made = service.rounds(FEW) + service.rounds(FEW, experiment="shelf")
    made += service.rounds(FEW, experiment="page", slots=2)
    for at in range(4):
        for worker in service.workers:
            service.decide(worker, unit_id=f"t{at}", request_id=f"again{at}")
    deferred = service.rounds(8, defer=True)
    service.learner.tick()
    for one in deferred[::2]:
        service.activate(one)
        service.reward(one, 1.0)
    for one in made[::3]:
        service.reward(one, 0.5, reward_id="another")
        service.reward(one, 0.5, reward_id="another")
    service.mature()
    service.correct(made[0], 0.25, reward_id="another")
    service.mature()
    # A learner that has just begun has nothing in memory.
    service.new_learner().tick()
    storage = service.storage
    for one in (made[0], deferred[1]):
        assert storage.facts.decision(one.decision.id) is not None
    storage.overview.summaries(service.now_ms)
    storage.overview.rates(service.now_ms)
    storage.overview.unlearned_since(service.now_ms)
    for experiment in storage.experiments.all():
        build_report(storage, experiment, service.now_ms)
        for state in STATES:
            storage.overview.recent(experiment.number, state, 50)


def fill_empty_tables(folder: Path) -> None:
    """Put rows into each table of an embedded store that has none."""
    with raw_store(folder) as connection:
        for table in moved_tables("store"):
            rows = connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608 - our own names
            if rows == (0,) and table.name != META:
                _fill(connection, table)


def _fill(connection: sqlite3.Connection, table: MovedTable) -> None:
    """Add rows as the writers of a table do."""
    by_writers = not connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE name = ?", [f"{table.name}_inserted"]
    ).fetchone()
    names = [f'"{name}"' for name in table.names]
    marks = ["?"] * len(names)
    if by_writers:
        names.append("crc")
        marks.append(f"row_crc('{table.name}', {', '.join(_of_checksum(table))})")
    for at in range(ROWS):
        row = [_CELLS[column.type][at] for column in table.columns]
        connection.execute(
            f"INSERT INTO {table.name} ({', '.join(names)})"  # noqa: S608 - our own names
            f" VALUES ({', '.join(marks)})",
            row,
        )
    if by_writers:
        add_rows(connection, table.name, ROWS)


def _of_checksum(table: MovedTable) -> list[str]:
    """Return the SQL of what a checksum covers: the key first, texts as bytes."""
    others = [name for name in table.names if name not in table.key]
    types = {column.name: column.type for column in table.columns}
    found = []
    for name in (*table.key, *others):
        mark = f"?{table.names.index(name) + 1}"
        text, real = types[name] == "TEXT", types[name] == "REAL"
        found.append(
            f"CAST({mark} AS BLOB)" if text else f"{mark} + 0.0" if real else mark
        )
    return found
