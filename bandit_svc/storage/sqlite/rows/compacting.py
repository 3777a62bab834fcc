"""The migration to small and checked rows.

Owns the copying of the tables of facts into their present form: ids as bytes, states in
their order of size, and no column whose value is in the logged decision. What was
logged stays the line that it was.
"""

from sqlite_utils import Database

from bandit_svc.storage.sqlite.rows.checksums import check_rows
from bandit_svc.storage.sqlite.rows.decisions import LINE, stored_id
from bandit_svc.storage.sqlite.rows.states import AMBIGUOUS, DEFERRED, JOINED, OPEN

_FACTS = ("decisions", "rewards", "activations", "joined")
"""Tables of which each row holds a fact, or what became of one."""
BY_WRITERS = (
    "decisions",
    "rewards",
    "joined",
    "units",
    "unit_states",
    "unit_facts",
    "programme_units",
    "sticky_choices",
    "creditable",
    "dropped_ids",
)
"""Tables of so many rows that triggers would cost too much."""
_APART = {"snapshots": "state", "evaluations": "state", "reward_models": "state"}
"""Columns of large values that few readers need."""
_OLD_STATES = (DEFERRED, OPEN, JOINED, AMBIGUOUS)
"""By the numbers that they had before."""

_COPIES = (
    """CREATE TABLE decisions (
        row_id INTEGER PRIMARY KEY, id BLOB NOT NULL, number INTEGER NOT NULL,
        baseline INTEGER NOT NULL, state INTEGER NOT NULL,
        at_ms INTEGER NOT NULL, ready_at_ms INTEGER,
        closes_after_ms INTEGER NOT NULL, window_ms INTEGER NOT NULL,
        on_first_reward INTEGER NOT NULL, logged BLOB NOT NULL, crc BLOB)""",
    """INSERT INTO decisions SELECT row_id, stored_id(id), number,
        grp = 'baseline', new_state(state),
        coalesce(exposed_at_ms, decided_at_ms), ready_at_ms, closes_after_ms,
        window_ms, on_first_reward, stored_line(line), zeroblob(4)
        FROM old_decisions ORDER BY row_id""",
    """CREATE TABLE rewards (
        decision_id BLOB NOT NULL, metric TEXT NOT NULL, reward_id TEXT NOT NULL,
        number INTEGER NOT NULL, value REAL NOT NULL, occurred_at_ms INTEGER NOT NULL,
        received_at_ms INTEGER NOT NULL, attached INTEGER NOT NULL,
        late INTEGER NOT NULL DEFAULT 0, conflicts INTEGER NOT NULL DEFAULT 0, crc BLOB,
        PRIMARY KEY (decision_id, metric, reward_id)) WITHOUT ROWID""",
    """INSERT INTO rewards SELECT stored_id(decision_id), metric, reward_id, number,
        value, occurred_at_ms, received_at_ms, attached, late, conflicts, zeroblob(4)
        FROM old_rewards ORDER BY decision_id, metric, reward_id""",
    """CREATE TABLE activations (
        decision_id BLOB PRIMARY KEY, activated_at_ms INTEGER NOT NULL, crc BLOB)
        WITHOUT ROWID""",
    """INSERT INTO activations SELECT stored_id(decision_id), activated_at_ms,
        zeroblob(4) FROM old_activations ORDER BY decision_id""",
    """CREATE TABLE joined (
        number INTEGER NOT NULL, position INTEGER NOT NULL, row_id INTEGER NOT NULL,
        reward REAL NOT NULL, counted INTEGER NOT NULL, learnable INTEGER NOT NULL,
        joined_at_ms INTEGER NOT NULL, crc BLOB,
        PRIMARY KEY (number, position)) WITHOUT ROWID""",
    """INSERT INTO joined SELECT *, zeroblob(4) FROM old_joined
        ORDER BY number, position""",
    """CREATE TABLE units (
        number INTEGER NOT NULL, unit INTEGER NOT NULL,
        groups INTEGER NOT NULL DEFAULT 0, crc BLOB,
        PRIMARY KEY (number, unit)) WITHOUT ROWID""",
    "INSERT INTO units SELECT *, zeroblob(4) FROM old_units ORDER BY number, unit",
    """CREATE TABLE unit_states (
        number INTEGER NOT NULL, unit INTEGER NOT NULL, state BLOB NOT NULL, crc BLOB,
        PRIMARY KEY (number, unit)) WITHOUT ROWID""",
    """INSERT INTO unit_states SELECT *, zeroblob(4) FROM old_unit_states
        ORDER BY number, unit""",
)
_INDEXES = (
    "CREATE UNIQUE INDEX decisions_id ON decisions (id)",
    f"CREATE INDEX decisions_due ON decisions (ready_at_ms, id) WHERE state = {OPEN}",
    f"""CREATE INDEX decisions_open ON decisions (number, ready_at_ms)
        WHERE state = {OPEN}""",
    f"CREATE INDEX decisions_unexposed ON decisions (number) WHERE state = {DEFERRED}",
    """CREATE INDEX rewards_orphan ON rewards (number, received_at_ms)
        WHERE attached = 0""",
    "CREATE UNIQUE INDEX joined_row_id ON joined (row_id)",
)


def compact(db: Database) -> None:
    """Copy the tables of facts into small rows, and check the rows of every table."""
    for name, function in (
        ("stored_id", stored_id),
        ("stored_line", LINE.__add__),
        ("new_state", _OLD_STATES.__getitem__),
    ):
        db.conn.create_function(name, 1, function)
    old = ("decisions", "rewards", "activations", "joined", "units", "unit_states")
    for table in old:
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in _COPIES:
        db.execute(statement)
    for table in old:
        db.execute(f"DROP TABLE old_{table}")
    for statement in _INDEXES:
        db.execute(statement)
    db.execute(
        # A number is never given twice: decisions name their parts by it.
        """CREATE TABLE shared_parts (
            number INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE,
            body BLOB NOT NULL, spare BLOB NOT NULL, is_shape INTEGER NOT NULL)"""
    )
    for table in db.table_names():
        if not table.startswith(("_sqlite", "sqlite_")):
            check_rows(
                db,
                table,
                int(table in _FACTS),
                _APART.get(table),
                by_writers=table in BY_WRITERS,
            )
