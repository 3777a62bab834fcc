"""Make the tables of a schema, and bring them to this version.

Owns which version a schema is of: the name of the last migration of the embedded store
that its tables follow, in the row `tables` of the table meta.
"""

from typing import Final

from psycopg import sql

from bandit_svc import __version__
from bandit_svc.errors import Unavailable
from bandit_svc.storage.moving.left import MOVED_TO, refuse_left
from bandit_svc.storage.postgres import changes, first_claims, leases, schema
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.postgres.functions import FUNCTIONS
from bandit_svc.storage.postgres.sharing import shares
from bandit_svc.storage.postgres.soundness import MADE_AT
from bandit_svc.storage.postgres.upgrading import add_made_later, upgrade
from bandit_svc.storage.sqlite.schema import LAST_MIGRATION, migrations_after

_VERSION: Final = "tables"
_NOW_MS: Final = "SELECT CAST(floor(extract(epoch FROM now()) * 1000) AS text)"


def migrate(database: Database) -> None:
    """Create the schema and its tables, or add what an earlier version had not.

    Raises:
        Unavailable: a newer version made them.
    """
    with database.write() as connection:
        plain = connection.plain
        name = sql.Identifier(database.schema)
        plain.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
        own = changes.CREATE, leases.CREATE, shares.CREATE, first_claims.CREATE
        found = _found(database) if is_there(database) else None
        if found is not None:
            add_made_later(plain)
            missing = migrations_after(found)
            if missing:
                for statement in (*own, *FUNCTIONS):
                    plain.execute(statement.encode())
                upgrade(plain, missing)
                plain.execute(
                    "UPDATE meta SET value = %s WHERE name = %s",
                    [LAST_MIGRATION, _VERSION],
                )
        else:
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
    found = _found(database) if is_there(database) else None
    if found is None:
        raise Unavailable(
            f"there is no store in the schema {database.schema!r} of the PostgreSQL "
            "server; create one with `bandit-svc init`"
        )
    if found != LAST_MIGRATION:
        missing = migrations_after(found)
        if missing is None:
            raise Unavailable(
                f"the tables of the schema {database.schema!r} are those of {found}, "
                f"and the last that this version ({__version__}) knows is "
                f"{LAST_MIGRATION}; use the newer version that made them, or restore "
                "the database from a copy made before the upgrade"
            )
        raise Unavailable(
            f"the tables of the schema {database.schema!r} are of an earlier version; "
            f"{len(missing)} migrations are to come ({', '.join(missing)}). Run "
            "`bandit-svc serve` or `bandit-svc init`, which migrate"
        )
    row = database.row("SELECT value FROM meta WHERE name = ?", (MOVED_TO,))
    refuse_left(None if row is None else row[0])


def _found(database: Database) -> str | None:
    """Return the name of the last migration that the tables follow."""
    row = database.row("SELECT value FROM meta WHERE name = ?", (_VERSION,))
    return None if row is None else str(row[0])


def is_there(database: Database) -> bool:
    """Return whether the schema has tables of ours."""
    row = database.row("SELECT to_regclass('meta') IS NOT NULL", ())
    return row is not None and bool(row[0])
