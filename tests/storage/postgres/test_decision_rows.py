"""Decisions of a server: their small rows, and the view that is the embedded table."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.decision import Activation, Decision
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import Experiment
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres import schema
from bandit_svc.storage.postgres.copying import FEWEST
from bandit_svc.storage.rows import ClosedDecision, ClosingRule
from tests.harness.stored.postgres import SCHEMA

Connection = psycopg.Connection[tuple[object, ...]]
NewDecision = Callable[..., Decision]
FIRST = ClosingRule(closes_after_ms=1000, window_ms=1000, on_first_reward=True)


@pytest.fixture
def server(postgres: str, hero: Experiment) -> Iterator[Connection]:
    """Return a connection to the schema, which has an experiment."""
    assert hero.number == 1
    with psycopg.connect(
        postgres, autocommit=True, options=f"-c search_path={SCHEMA}"
    ) as connection:
        yield connection


@pytest.mark.parametrize("n", [1, FEWEST - 1, FEWEST, 3 * FEWEST])
def test_a_join_leaves_the_line_alone(
    n: int,
    storage: Storage,
    server: Connection,
    new_decision: NewDecision,
    ingest: Callable[..., object],
    closed: Callable[..., ClosedDecision],
) -> None:
    made = [new_decision(f"d{at}") for at in range(n)]
    ingest(*made, cursors={"a": Cursor(1, 2, 3)})
    ingest(*made, new_decision("another"))
    before = server.execute("SELECT ctid, id FROM decision_lines ORDER BY id")
    lines = before.fetchall()
    assert len(lines) == n + 1
    assert count(server, "open_decisions") == n + 1

    due = storage.joins.due(1000, n + 1)
    assert [one.decision_id for one in due] == sorted(one.decision_id for one in due)
    storage.joins.close([closed(one) for one in due], 1000)

    after = server.execute("SELECT ctid, id FROM decision_lines ORDER BY id")
    assert after.fetchall() == lines
    assert count(server, "open_decisions") == 0
    assert states(server) == {1: n + 1}


def test_times_that_moved_are_kept_behind_the_join(
    storage: Storage,
    server: Connection,
    new_decision: NewDecision,
    ingest: Callable[..., object],
    closed: Callable[..., ClosedDecision],
) -> None:
    ingest(new_decision("plain"), new_decision("shown", deferred=True), rule=FIRST)
    ingest(Activation("shown", 1, 500), Reward("plain", 1, 1.0, "", 40, 40), rule=FIRST)
    due = storage.joins.due(2000, 10)
    assert [one.decision_id for one in due] == ["plain", "shown"]
    storage.joins.close([closed(one) for one in due], 2000)

    rows = server.execute("SELECT at_ms, ready_at_ms, state FROM decisions ORDER BY 1")
    assert rows.fetchall() == [(0, 40, 1), (500, 1500, 1)]
    assert storage.joins.due(9000, 10) == []
    for decision_id in ("plain", "shown"):
        view = storage.facts.decision(decision_id)
        assert view is not None
        assert view.state == "joined"


def test_rows_come_and_go_through_the_view(
    server: Connection, new_decision: NewDecision, ingest: Callable[..., object]
) -> None:
    ingest(new_decision("open"), new_decision("later", deferred=True))
    server.execute("UPDATE decisions SET state = 1 WHERE state = 2")
    copied = server.execute("SELECT * FROM decisions ORDER BY row_id").fetchall()
    assert states(server) == {0: 1, 1: 1}
    server.execute("DELETE FROM decisions")
    assert count(server, "decision_lines") == count(server, "open_decisions") == 0

    with server.cursor() as cursor, cursor.copy("COPY decisions FROM STDIN") as copy:
        for row in copied:
            copy.write_row(row)
    again = server.execute("SELECT * FROM decisions ORDER BY row_id").fetchall()
    assert again == copied
    # A joined one needs no small row.
    assert count(server, "open_decisions") == 1


def test_a_state_is_found_without_a_walk_over_the_lines(server: Connection) -> None:
    find = "SELECT min(ready_at_ms) FROM sound_decisions WHERE number = 1 AND state = 2"
    plan = server.execute(f"EXPLAIN {find}".encode()).fetchall()
    assert "decision_lines" not in str(plan)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT id FROM sound_decisions WHERE row_id = ?", "FROM decision_rows"),
        ("SELECT id FROM decisions WHERE state = ?", "FROM decisions"),
        ("SELECT 1 FROM joined JOIN decisions WHERE state = ?", "JOIN decision_rows"),
        ("DELETE FROM decisions WHERE row_id = ?", "FROM decisions"),
    ],
)
def test_decisions_are_found_by_their_key_or_by_their_state(
    statement: str, words: str
) -> None:
    assert words in schema.dialect().translated(statement).sql


def test_a_server_keeps_no_checksums_of_rows(server: Connection) -> None:
    found = server.execute(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND column_name = ANY(%s)",
        [[*schema.CHECKSUMS]],
    )
    # Their reader compares them itself.
    assert set(found.fetchall()) <= {("shared_parts",), ("sound_shared_parts",)}


def test_each_index_of_the_view_has_its_like(server: Connection) -> None:
    of_view = {
        index.split()[-1] if "WHERE" in index else "id)"
        for index in schema.tables().indexes
        if " ON decisions " in index
    }
    rows = server.execute(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        " AND tablename = 'open_decisions' AND indexdef LIKE '%WHERE%'"
    ).fetchall()
    own = {str(definition).split(" = ")[-1][0] for (definition,) in rows}
    assert own == of_view - {"id)"}


def count(server: Connection, table: str) -> int:
    """Return the number of rows of a table."""
    row = server.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()  # noqa: S608 - our own names
    assert row is not None
    (n,) = row
    assert isinstance(n, int)
    return n


def states(server: Connection) -> dict[object, object]:
    """Return how many decisions have each state."""
    rows = server.execute("SELECT state, count(*) FROM decisions GROUP BY state")
    return {row[0]: row[1] for row in rows.fetchall()}
