"""Make the tables of a schema, once.

Owns which version a schema is of: the name of the last migration of the embedded store
that its tables follow, in the row `tables` of the table meta.
"""

from typing import Final

from psycopg import sql

from bandit_svc import __version__
from bandit_svc.errors import Unavailable
from bandit_svc.storage.moving.left import MOVED_TO, refuse_left
from bandit_svc.storage.postgres import changes, leases, schema
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.postgres.sharing import shares
from bandit_svc.storage.postgres.soundness import MADE_AT
from bandit_svc.storage.sqlite.schema import LAST_MIGRATION

_VERSION: Final = "tables"
_NOW_MS: Final = "SELECT CAST(floor(extract(epoch FROM now()) * 1000) AS text)"


def migrate(database: Database) -> None:
    """Create the schema and its tables, where they are missing.

    Raises:
        Unavailable: another version made them.
    """
    with database.write() as connection:
        plain = connection.plain
        name = sql.Identifier(database.schema)
        plain.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
        if not is_there(database):
            own = changes.CREATE, leases.CREATE, shares.CREATE
            for statement in (*own, *schema.statements()):
                plain.execute(statement.encode())
            (now_ms,) = plain.execute(_NOW_MS).fetchone() or ("0",)
            marks = [(_VERSION, LAST_MIGRATION), (MADE_AT, now_ms)]
            values = [*schema.tables().values, *marks]
            plain.cursor().executemany(
                "INSERT INTO meta (name, value) VALUES (%s, %s)", values
            )
    check_version(database)


def check_version(database: Database) -> None:
    """Require that the tables are of this version.

    Raises:
        Unavailable: they are not there, or of another version.
    """
    found = None
    if is_there(database):
        row = database.row("SELECT value FROM meta WHERE name = ?", (_VERSION,))
        found = None if row is None else row[0]
    if found is None:
        raise Unavailable(
            f"there is no store in the schema {database.schema!r} of the PostgreSQL "
            "server; create one with `bandit-svc init`"
        )
    if found != LAST_MIGRATION:
        raise Unavailable(
            f"the tables of the schema {database.schema!r} are those of {found}, and "
            f"this version ({__version__}) has those of {LAST_MIGRATION}; use the "
            "version that made them"
        )
    row = database.row("SELECT value FROM meta WHERE name = ?", (MOVED_TO,))
    refuse_left(None if row is None else row[0])


def is_there(database: Database) -> bool:
    """Return whether the schema has tables of ours."""
    row = database.row("SELECT to_regclass('meta') IS NOT NULL", ())
    return row is not None and bool(row[0])
