"""Many rows of many experiments beside those of a small world.

Owns `fill`: what plans of statements are judged by. They are like the rows of facts
that a store has after some days, in experiments of their own; every second decision is
open.
"""

from typing import Any

import psycopg

FIRST_NUMBER, EXPERIMENTS, ROWS = 1_001, 60, 60_000
_FILLER = """
    CREATE TEMP TABLE filler AS
    SELECT g, 1000000 + g AS row_id, %s + g %% %s AS number, g / %s + 1 AS position,
        decode(md5('d' || g) || md5('e' || g), 'hex') AS id,
        1700000000000 + g * 1000 AS at_ms
    FROM generate_series(1, %s) AS g"""
_FILL = (
    """INSERT INTO decision_lines (row_id, at_ms, ready_at_ms, closes_after_ms,
        window_ms, number, baseline, on_first_reward, id, logged)
    SELECT row_id, at_ms, at_ms + 1000, 1000, 1000, number, 0, 0, id,
        decode(repeat(md5('l' || g), 10), 'hex') FROM filler""",
    """INSERT INTO open_decisions
    SELECT row_id, at_ms, 9000000000000 + g, number, 2, false, id
    FROM filler WHERE g % 2 = 0""",
    """INSERT INTO joined SELECT number, position, row_id, 0.5, 1, 1, at_ms
    FROM filler WHERE g % 2 = 1""",
    """INSERT INTO rewards SELECT id, 'reward', 'r', number, 0.5, at_ms, at_ms, 1, 0, 0
    FROM filler WHERE g % 3 = 0""",
    "INSERT INTO activations SELECT id, at_ms FROM filler WHERE g % 4 = 0",
    "INSERT INTO units SELECT number, g, 1, at_ms FROM filler",
    "INSERT INTO unit_states SELECT number, g, decode(md5('s'), 'hex') FROM filler",
    "INSERT INTO sticky_choices SELECT number, g, id, at_ms FROM filler",
    "DROP TABLE filler",
    "ANALYZE",
)
BIG = frozenset(
    {
        *("decision_lines", "open_decisions", "joined", "rewards", "activations"),
        *("units", "unit_states", "sticky_choices"),
    }
)
"""Tables that grow with decisions."""


def fill(connection: "psycopg.Connection[Any]") -> None:
    """Add the rows to the tables of a PostgreSQL store, which is the search path."""
    connection.execute(_FILLER, (FIRST_NUMBER, EXPERIMENTS, EXPERIMENTS, ROWS))
    for statement in _FILL:
        connection.execute(statement.encode())
