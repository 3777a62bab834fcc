"""A changed value in any row of any table is noticed, kept, and not read."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlite_utils

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import Unavailable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import ClosedDecision, IngestOutcome
from bandit_svc.storage.sqlite.rows.checksums import (
    add_functions,
    check_rows,
    checked_tables,
)
from bandit_svc.storage.sqlite.rows.compacting import BY_WRITERS
from bandit_svc.storage.sqlite.rows.counts import count_rows
from tests.harness.raw_store import change_store, damage_store, raw_store

NewDecision = Callable[..., Decision]
NewReward = Callable[..., Reward]
Ingest = Callable[..., IngestOutcome]
Closed = Callable[..., ClosedDecision]
FOREVER_MS = 10**9


def of_type(kind: str) -> object:
    return {"TEXT": "text", "BLOB": b"bytes"}.get(kind.upper(), 7)


def changed(value: object) -> object:
    """Return a value that differs in one bit, or in its type."""
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, str):
        return chr(ord(value[0]) ^ 1) + value[1:]
    return value + 1 if isinstance(value, int | float) else 0


def read_all(connection: sqlite3.Connection, table: str) -> list[object]:
    columns = connection.execute(f"PRAGMA table_info(sound_{table})").fetchall()
    names = ", ".join(f'"{column[1]}"' for column in columns)
    return connection.execute(f"SELECT {names} FROM sound_{table}").fetchall()  # noqa: S608 - names of tables


def test_every_table_but_that_of_migrations_is_checked(
    storage: Storage, folder: Path
) -> None:
    del storage
    with raw_store(folder) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        ).fetchall()
        checked = checked_tables(connection)

    assert {name for (name,) in tables} - set(checked) == {
        "_sqlite_migrations",
        "row_counts",
        "sqlite_sequence",
    }


def test_a_changed_value_in_any_column_of_any_table_is_met(
    storage: Storage, folder: Path
) -> None:
    del storage
    unseen = []
    with raw_store(folder) as connection:
        met: list[Damage] = []
        add_functions(connection, met.append)
        db = sqlite_utils.Database(connection)
        for table in checked_tables(connection):
            columns = [
                (row[1], row[2])
                for row in connection.execute(f"PRAGMA table_info({table})")
                if not row[1].startswith("crc")
            ]
            names = ", ".join(f'"{name}"' for name, _ in columns)
            marks = ", ".join("?" * len(columns))
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of tables
            connection.execute(
                f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names of tables
                [of_type(kind) for _, kind in columns],
            )
            if table in BY_WRITERS:
                # Takes the row as it is, and adds the triggers.
                check_rows(db, table)
            met.clear()
            assert len(read_all(connection, table)) == 1
            assert met == []
            connection.execute(f"DROP TRIGGER {table}_updated")
            for name, kind in columns:
                connection.execute("SAVEPOINT changed")
                value = changed(of_type(kind))
                connection.execute(f'UPDATE {table} SET "{name}" = ?', [value])  # noqa: S608 - names of tables
                met.clear()
                read_all(connection, table)
                if not met:
                    unseen.append((table, name))
                connection.execute("ROLLBACK TO changed")

    assert unseen == []


def test_a_new_table_is_checked_by_one_line() -> None:
    met: list[Damage] = []
    db = sqlite_utils.Database(memory=True)
    add_functions(db.conn, met.append)
    db.execute(
        "CREATE TABLE states (number INTEGER, unit INTEGER, total REAL,"
        " PRIMARY KEY (number, unit)) WITHOUT ROWID"
    )
    db.execute("INSERT INTO states VALUES (1, 2, 0.5)")
    check_rows(db, "states")
    add = (
        "INSERT INTO states (number, unit, total) VALUES (1, 2, 1.0)"
        " ON CONFLICT (number, unit) DO UPDATE SET total = total + excluded.total"
    )
    db.execute(add)
    sums = "SELECT total FROM sound_states WHERE number = 1 AND unit = 2"

    assert db.execute(sums).fetchall() == [(1.5,)]
    db.execute("UPDATE states SET total = 9.0, crc = zeroblob(4)")
    assert db.execute(sums).fetchall() == []
    # A later update does not make it whole.
    db.execute(add)
    assert db.execute(sums).fetchall() == []
    assert {damage.partition for damage in met} == {"states"}


def test_a_condition_on_another_row_meets_no_damage() -> None:
    """SQLite may put the constant of a condition in place of the column."""
    met: list[Damage] = []
    db = sqlite_utils.Database(memory=True)
    add_functions(db.conn, met.append)
    db.execute(
        "CREATE TABLE states (number INTEGER, key TEXT, n INTEGER,"
        " PRIMARY KEY (number, key)) WITHOUT ROWID"
    )
    check_rows(db, "states")
    for key in ("age", "temp"):
        db.execute("INSERT INTO states VALUES (1, ?, 3, NULL)", [key])
    found = db.execute(
        "SELECT sum(n) FROM sound_states WHERE key = 'temp' GROUP BY number"
    ).fetchall()

    assert (found, met) == ([(3,)], [])


def test_a_damaged_decision_is_not_due_and_the_others_are(
    storage: Storage, folder: Path, ingest: Ingest, new_decision: NewDecision
) -> None:
    ingest(new_decision("d"), new_decision("e"))
    damage_store(folder, "UPDATE decisions SET at_ms = 5 WHERE row_id = 1")

    assert [d.decision_id for d in storage.joins.due(FOREVER_MS, 10)] == ["e"]
    # It stays due, and does not hold the others back.
    assert [d.decision_id for d in storage.joins.due(FOREVER_MS, 1)] == ["e"]
    assert storage.facts.decision("d") is None
    (kept,) = storage.damages.unacknowledged()
    assert kept.damage == Damage("decisions", 0, 1, 1, 0, "row")
    assert kept.damage.file == "bandit.db"
    assert "row 1 of the table decisions of the store" in str(kept.damage)


def test_a_damaged_row_of_the_joined_order_is_left_out(
    storage: Storage,
    open_store: Callable[[], Storage],
    folder: Path,
    ingest: Ingest,
    new_decision: NewDecision,
    closed: Closed,
) -> None:
    for i in range(4):
        ingest(new_decision(f"d{i}", decided_at_ms=i))
    due = storage.joins.due(FOREVER_MS, 10)
    storage.joins.close([closed(one) for one in due], FOREVER_MS)
    damage_store(folder, "UPDATE joined SET reward = 9.0 WHERE position = 1")
    damage_store(folder, "UPDATE decisions SET logged = x'007b7d' WHERE row_id = 2")
    # The process that joined them still has them as they were.
    storage = open_store()

    assert [row.position for row in storage.joins.after(1, 0, 10)] == [3, 4]
    # A batch of damaged rows alone is not the end.
    assert [row.position for row in storage.joins.after(1, 0, 1)] == [3]
    assert storage.joins.last_position(1) == 4
    assert {k.damage.partition for k in storage.damages.all()} == {
        "decisions",
        "joined",
    }


def test_a_damaged_reward_does_not_count(
    storage: Storage,
    folder: Path,
    ingest: Ingest,
    new_decision: NewDecision,
    new_reward: NewReward,
) -> None:
    ingest(new_decision("d"), new_reward("d"), new_reward("d", reward_id="other"))
    damage_store(folder, "UPDATE rewards SET value = 100 WHERE reward_id = ''")
    (due,) = storage.joins.due(FOREVER_MS, 10)

    assert [reward[1] for reward in due.rewards] == ["other"]
    assert [k.damage.facts for k in storage.damages.all()] == [1]


def test_a_damaged_sum_is_not_reported_and_is_met_once(
    storage: Storage,
    folder: Path,
    ingest: Ingest,
    new_decision: NewDecision,
    closed: Closed,
) -> None:
    for i in range(2):
        ingest(new_decision(f"d{i}"))
        (due,) = storage.joins.due(FOREVER_MS, 10)
        if i:
            damage_store(folder, "UPDATE tallies SET total = 64.0")
        storage.joins.close([closed(due, 1.0)], FOREVER_MS)
        assert len(storage.joins.tallies(1)) == 1 - i
    storage.joins.tallies(1)

    assert len(storage.damages.all()) == 1


def test_the_secret_and_an_experiment_are_not_read_when_they_are_damaged(
    storage: Storage, folder: Path, hero: Experiment
) -> None:
    damage_store(folder, "UPDATE experiments SET salt = 'another'")
    damage_store(folder, "UPDATE meta SET value = '00' WHERE name = 'secret'")

    with pytest.raises(Unavailable, match=r"experiment 'hero'.*checksum"):
        storage.experiments.get(hero.key)
    assert storage.experiments.all() == []
    with pytest.raises(Unavailable, match=r"secret.*checksum"):
        storage.secret()


def test_a_row_that_is_gone_from_any_table_is_a_fault(
    storage: Storage, folder: Path
) -> None:
    unseen = []
    with raw_store(folder) as connection:
        tables = checked_tables(connection)
        for table in tables:
            columns = [
                row[1:3]
                for row in connection.execute(f"PRAGMA table_info({table})")
                if not row[1].startswith("crc")
            ]
            names = ", ".join(f'"{name}"' for name, _ in columns)
            marks = ", ".join("?" * len(columns))
            # The second replaces the first.
            for _ in range(2):
                connection.execute(
                    f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names of tables
                    [of_type(kind) for _, kind in columns],
                )
            if table in BY_WRITERS:
                count_rows(sqlite_utils.Database(connection), table, by_writers=True)
    whole = [fault for fault in storage.facts.check() if "were counted" in fault]
    for table in tables:
        damage_store(folder, f"DELETE FROM {table}")  # noqa: S608 - names of tables
        if not any(f"table {table} of" in fault for fault in storage.facts.check()):
            unseen.append(table)

    assert (whole, unseen) == ([], [])


def test_a_changed_definition_of_a_table_is_a_fault(
    storage: Storage, folder: Path
) -> None:
    before = storage.facts.check()
    change_store(
        folder, "INSERT INTO counters (number, name, value) VALUES (1, 'n', 1)"
    )
    with raw_store(folder) as connection:
        connection.execute("DROP INDEX decisions_open")
    (fault,) = storage.facts.check()

    assert before == []
    assert "definitions of the store's tables" in fault


@pytest.mark.parametrize("place", [0, 1])
def test_a_changed_byte_of_an_id_in_its_table_or_its_index_is_told(
    storage: Storage,
    folder: Path,
    ingest: Ingest,
    new_decision: NewDecision,
    closed: Closed,
    place: int,
) -> None:
    ingest(new_decision("a-name-that-is-found"))
    # What is joined is in no other index.
    (due,) = storage.joins.due(FOREVER_MS, 10)
    storage.joins.close([closed(due)], FOREVER_MS)
    storage.close()
    with raw_store(folder) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = folder / "bandit.db"
    content = bytearray(path.read_bytes())
    # The line of the decision has the id too.
    places = [m.start() for m in re.finditer(b"\\0a-name-that-is-found", content)]
    assert len(places) == 2
    content[places[place] + 3] ^= 1
    path.write_bytes(content)
    faults = storage.facts.check()

    assert faults or storage.damages.unacknowledged()
