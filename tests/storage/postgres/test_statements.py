"""Every statement that the stores share is one of PostgreSQL's, too.

The server reads each without running it, so that a word which only SQLite knows is
found also where no test comes by: behind a damage, after a fault.
"""

import re
from itertools import count

import psycopg
import pytest

from bandit_svc.storage.postgres.schema import dialect
from tests.harness.stored.postgres import SCHEMA
from tests.harness.stored.statements import ROOT, statements

HERE = ROOT / "storage/sqlite"
OF_SQLITE_ALONE = (
    *("migrations", "moving", "schema.py", "soundness.py"),
    *("rows/compacting.py", "rows/checksums.py", "rows/counts.py", "rows/due.py"),
    # A server has these in schemas of their own, with statements of their own.
    *("people/units.py", "programmes/reservations.py"),
)
ANOTHER = {"SELECT j.crc, d.crc, s.crc FROM joined j"}
"""Begins of statements for which a server's store has another one."""


def shared_modules() -> list[str]:
    paths = (str(path.relative_to(HERE)) for path in HERE.rglob("*.py"))
    return sorted(path for path in paths if not path.startswith(OF_SQLITE_ALONE))


def of_server(sql: str) -> str:
    """Return a translated statement with the server's own parameters."""
    numbers = count(1)
    numbered = re.sub(r"%\(p(\d+)\)s", r"$\1", sql)
    numbered = re.sub("%s", lambda _: f"${next(numbers)}", numbered)
    return numbered.replace("%%", "%")


def refused(address: str, module: str) -> list[str]:
    """Return the statements of a module that the server can't prepare, and why."""
    words = dialect()
    found = []
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {SCHEMA}")
        for sql in statements(HERE / module):
            ours = of_server(words.translated(sql).sql)
            if not ours or any(sql.strip().startswith(one) for one in ANOTHER):
                continue
            try:
                connection.execute(f"PREPARE one AS {ours}")
                connection.execute("DEALLOCATE one")
            except psycopg.Error as error:
                found.append(f"{error} in {ours}")
    return found


@pytest.mark.parametrize("module", shared_modules())
def test_the_server_understands_every_statement(postgres: str, module: str) -> None:
    assert refused(postgres, module) == []


def test_a_statement_of_sqlite_alone_is_noticed(postgres: str) -> None:
    assert refused(postgres, "migrations/described.py")


def test_most_statements_are_found() -> None:
    found = [sql for one in shared_modules() for sql in statements(HERE / one)]

    assert len(found) > 250
