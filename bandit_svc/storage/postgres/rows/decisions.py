"""Decisions: a line that is written once, and a small row as long as it is open.

Owns the tables decision_lines and open_decisions, and two views of them. A join deletes
the small row: to change the state in the wide one would write all of it again. What
became of a decision otherwise (its exposure, a first reward, no consent) stays in its
small row.

The view `decisions` is the embedded store's table of that name. Every statement may
read and change it; it finds decisions by their state and by when they are ready. The
view `decision_rows` has the same rows and finds them by their keys, where the server
would walk over all of the first one: the dialect chooses. The many new decisions of a
batch, those that are due, and the join go to the tables themselves.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, cast

from psycopg import sql

from bandit_svc.domain.events.damage import Damage
from bandit_svc.storage.postgres.connection import Connection
from bandit_svc.storage.postgres.dialect import ByKey
from bandit_svc.storage.sqlite.rows.due import (
    DueRow,
    DueRows,
    JoinRows,
    LastRow,
    Numbers,
    OpenRows,
)
from bandit_svc.storage.sqlite.rows.states import (
    APART_OPEN,
    DEFERRED,
    JOINED,
    OPEN,
)

VIEW: Final = "decisions"
BY_KEY: Final = ByKey("decision_rows", ("state", "ready_at_ms"))
LINES: Final = "decision_lines"
_OPEN: Final = "open_decisions"
SMALL: Final = {
    "number": "int4",
    "baseline": "int2",
    "state": "int2",
    "on_first_reward": "int2",
}
"""Columns that are smaller than in other tables, and their types."""

_TABLES: Final = (
    f"""CREATE TABLE {LINES} (
        row_id bigint PRIMARY KEY, at_ms bigint NOT NULL, ready_at_ms bigint,
        closes_after_ms bigint NOT NULL, window_ms bigint NOT NULL,
        number integer NOT NULL, baseline smallint NOT NULL,
        on_first_reward smallint NOT NULL, id bytea NOT NULL UNIQUE,
        logged bytea NOT NULL)""",
    # `moved`: a time of it is no longer that of its line.
    f"""CREATE TABLE {_OPEN} (
        row_id bigint PRIMARY KEY, at_ms bigint NOT NULL, ready_at_ms bigint,
        number integer NOT NULL, state smallint NOT NULL, moved boolean NOT NULL,
        id bytea NOT NULL)""",
    f"CREATE INDEX open_due ON {_OPEN} (ready_at_ms, id) WHERE state = {OPEN}",
    f"CREATE INDEX open_of ON {_OPEN} (number, ready_at_ms) WHERE state = {OPEN}",
    f"CREATE INDEX open_deferred ON {_OPEN} (number) WHERE state = {DEFERRED}",
    f"CREATE INDEX open_apart ON {_OPEN} (ready_at_ms, id) WHERE state = {APART_OPEN}",
)
_CREATE_VIEW: Final = f"""
    CREATE OR REPLACE VIEW {VIEW} AS
    SELECT o.row_id, l.id, o.number, l.baseline, o.state, o.at_ms, o.ready_at_ms,
        l.closes_after_ms, l.window_ms, l.on_first_reward, l.logged
    FROM {_OPEN} o LEFT JOIN {LINES} l ON l.row_id = o.row_id
    UNION ALL
    SELECT row_id, id, number, baseline, CAST({JOINED} AS smallint), at_ms,
        ready_at_ms, closes_after_ms, window_ms, on_first_reward, logged
    FROM {LINES} l
    WHERE NOT EXISTS (SELECT 1 FROM {_OPEN} o WHERE o.row_id = l.row_id)"""  # noqa: S608 - our own names
_CREATE_ROWS: Final = f"""
    CREATE VIEW {BY_KEY.view} AS
    SELECT l.row_id, l.id, l.number, l.baseline,
        CAST(coalesce(o.state, {JOINED}) AS smallint) AS state,
        coalesce(o.at_ms, l.at_ms) AS at_ms,
        CASE WHEN o.row_id IS NULL THEN l.ready_at_ms ELSE o.ready_at_ms END
            AS ready_at_ms,
        l.closes_after_ms, l.window_ms, l.on_first_reward, l.logged
    FROM {LINES} l LEFT JOIN {_OPEN} o ON o.row_id = l.row_id"""  # noqa: S608 - our own names
_INSERTED: Final = f"""
    CREATE FUNCTION insert_decision() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO {LINES} (row_id, at_ms, ready_at_ms, closes_after_ms, window_ms,
            number, baseline, on_first_reward, id, logged)
        VALUES (NEW.row_id, NEW.at_ms, NEW.ready_at_ms, NEW.closes_after_ms,
            NEW.window_ms, NEW.number, NEW.baseline, NEW.on_first_reward, NEW.id,
            NEW.logged)
        ON CONFLICT (id) DO NOTHING;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        IF NEW.state <> {JOINED} THEN
            INSERT INTO {_OPEN} VALUES (NEW.row_id, NEW.at_ms, NEW.ready_at_ms,
                NEW.number, NEW.state, false, NEW.id);
        END IF;
        RETURN NEW;
    END $$"""  # noqa: S608 - our own names
_UPDATED: Final = f"""
    CREATE FUNCTION update_decision() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.logged <> OLD.logged THEN
            UPDATE {LINES} SET logged = NEW.logged WHERE row_id = OLD.row_id;
        END IF;
        IF (NEW.state, NEW.at_ms, NEW.ready_at_ms)
                IS DISTINCT FROM (OLD.state, OLD.at_ms, OLD.ready_at_ms) THEN
            INSERT INTO {_OPEN} VALUES (OLD.row_id, NEW.at_ms, NEW.ready_at_ms,
                OLD.number, NEW.state, true, OLD.id)
            ON CONFLICT (row_id) DO UPDATE SET at_ms = excluded.at_ms,
                ready_at_ms = excluded.ready_at_ms, state = excluded.state,
                moved = true;
        END IF;
        RETURN NEW;
    END $$"""  # noqa: S608 - our own names
_DELETED: Final = f"""
    CREATE FUNCTION delete_decision() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM {_OPEN} WHERE row_id = OLD.row_id;
        DELETE FROM {LINES} WHERE row_id = OLD.row_id;
        RETURN OLD;
    END $$"""  # noqa: S608 - our own names

# All the rows of a batch that are new; those of a store that is moved may be joined.
ADD: Final = sql.SQL(f"""
    WITH new AS (
        INSERT INTO {LINES} (row_id, at_ms, ready_at_ms, closes_after_ms, window_ms,
            number, baseline, on_first_reward, id, logged)
        SELECT row_id, at_ms, ready_at_ms, closes_after_ms, window_ms, number,
            baseline, on_first_reward, id, logged
        FROM {{stage}} ORDER BY ctid ON CONFLICT (id) DO NOTHING RETURNING row_id)
    INSERT INTO {_OPEN}
    SELECT row_id, at_ms, ready_at_ms, number, state, false, id
    FROM {{stage}} JOIN new USING (row_id) WHERE state <> {JOINED}""")  # noqa: S608 - our own names

_DUE: Final = f"""
    SELECT d.row_id, d.id, d.at_ms, l.logged FROM (
        SELECT row_id, id, at_ms, ready_at_ms FROM {_OPEN}
        WHERE state = {OPEN} AND ready_at_ms <= %s ORDER BY ready_at_ms, id LIMIT %s
    ) AS d JOIN {LINES} l USING (row_id) ORDER BY d.ready_at_ms, d.id"""  # noqa: S608 - our own names
_DUE_OF: Final = _DUE.replace("AND", "AND number = ANY(%s) AND", 1)
_LAST: Final = f"SELECT coalesce(max(row_id), 0) FROM {LINES}"  # noqa: S608 - our own names
_DRAW: Final = "SELECT draw_rows(%s)"
_JOIN: Final = f"DELETE FROM {_OPEN} WHERE row_id = ANY(%s) AND NOT moved"  # noqa: S608 - our own names
_JOIN_MOVED: Final = f"UPDATE {_OPEN} SET state = {JOINED} WHERE row_id = ANY(%s)"  # noqa: S608 - our own names


# Two transactions at once take other numbers. The lock is held for a moment alone, so
# that none waits for the end of another one; one that fails leaves a gap.
_DRAW_ROWS: Final = f"""
    CREATE OR REPLACE FUNCTION draw_rows(count bigint) RETURNS bigint
    LANGUAGE plpgsql AS $$
    DECLARE
        place bigint := hashtextextended('bandit_svc rows ' || current_schema(), 0);
        found bigint;
    BEGIN
        PERFORM pg_advisory_lock(place);
        found := greatest((SELECT coalesce(max(row_id), 0) FROM {LINES}),
            (SELECT last_value FROM drawn_rows));
        PERFORM setval('drawn_rows', found + count);
        PERFORM pg_advisory_unlock(place);
        RETURN found;
    END $$"""  # noqa: S608 - our own names
ADDED: Final = {
    BY_KEY.view: (_CREATE_VIEW, _CREATE_ROWS),
    "drawn_rows": ("CREATE SEQUENCE drawn_rows", _DRAW_ROWS),
}
"""Statements that make what earlier stores have not, by the name of what they lack."""


def statements() -> Iterator[str]:
    """Yield the statements that create the tables and the views."""
    yield from _TABLES
    yield from chain.from_iterable(ADDED.values())
    for event, function in (
        ("insert", _INSERTED),
        ("update", _UPDATED),
        ("delete", _DELETED),
    ):
        yield function
        yield (
            f"CREATE TRIGGER {event}_decision INSTEAD OF {event} ON {VIEW}"
            f" FOR EACH ROW EXECUTE FUNCTION {event}_decision()"
        )


def _due(
    connection: Connection,
    now_ms: int,
    limit: int,
    _: Callable[[Damage], None],
    numbers: Numbers = None,
) -> list[DueRow]:
    if numbers is None:
        asked = connection.plain.execute(_DUE, (now_ms, limit))
    else:
        asked = connection.plain.execute(_DUE_OF, ([*numbers], now_ms, limit))
    rows = asked.fetchall()
    return [
        DueRow(row_id, stored, at_ms, logged, b"", b"")
        for row_id, stored, at_ms, logged in rows
    ]


def _join(connection: Connection, row_ids: Iterable[int], _: dict[int, DueRow]) -> None:
    rows = [*row_ids]
    deleted = connection.plain.execute(_JOIN, (rows,)).rowcount
    if deleted < len(rows):
        connection.plain.execute(_JOIN_MOVED, (rows,))


def _last(connection: Connection, count: int) -> int:
    if connection.is_beside and count:
        asked = connection.plain.execute(_DRAW, (count,))
    else:
        # In the view it would be looked for in every row.
        asked = connection.plain.execute(_LAST)
    (last,) = asked.fetchone() or (0,)
    return int(last)


# The connection is one that takes the statements of the embedded store.
OPEN_ROWS: Final = OpenRows(
    cast("DueRows", _due), cast("JoinRows", _join), cast("LastRow", _last)
)
