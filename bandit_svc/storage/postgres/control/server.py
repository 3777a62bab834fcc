"""Which server answers, as another one may have taken its place.

Owns the name of a server: of its cluster, and of the timeline, which a standby changes
when it takes over and a restored server when it begins. What it lacks is lost, and with
it model versions that workers have loaded and logged. So versions go on behind a gap:
one number never names two models.
"""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import psycopg

    from bandit_svc.storage.postgres.connection import Connection
    from bandit_svc.storage.postgres.database import Database

GAP: Final = 100_000
"""More versions than are published while a standby is behind."""
SERVER: Final = "server"
"""The name of the row of meta that says which server wrote last."""
_LEAST: Final = "least_version"
_NAME: Final = """
    SELECT system_identifier || '/' || CASE WHEN pg_is_in_recovery() THEN ''
        ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END
    FROM pg_control_system()"""
_KEPT: Final = f"""
    SELECT ({_NAME}), (SELECT value FROM meta WHERE name = '{SERVER}'),
        (SELECT value FROM meta WHERE name = '{_LEAST}')"""  # noqa: S608 - our own words
_NEWEST: Final = """
    SELECT greatest((SELECT max(version) FROM snapshots),
        (SELECT max(version) FROM branch_versions), 0)"""
_KEEP: Final = """
    INSERT INTO meta (name, value) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value"""


def server_of(plain: "psycopg.Connection[Any]") -> str:
    """Return the name of the server of a connection."""
    row = plain.execute(_NAME).fetchone()
    return "" if row is None else str(row[0])


def least_version(database: "Database") -> int:
    """Return the least number that a model may be published under.

    Raises:
        Unavailable: the server is away.
    """
    with database.plain() as plain:
        now, kept, least = plain.execute(_KEPT).fetchone() or ("", None, None)
    if now != kept:
        with database.write() as connection:
            return _begin(connection)
    return int(least or 0)


def _begin(connection: "Connection") -> int:
    """Keep the name of a server that writes first; return the least number."""
    plain = connection.plain
    now, kept, least = plain.execute(_KEPT).fetchone() or ("", None, None)
    number = int(least or 0)
    if now == kept:
        return number
    if kept is not None:
        (newest,) = plain.execute(_NEWEST).fetchone() or (0,)
        timeline = int(now.partition("/")[2], 16)
        # A second standby may know nothing of the gap that the first one has left.
        number = max(number, int(newest)) + GAP * timeline
        plain.execute(_KEEP, [_LEAST, str(number)])
    plain.execute(_KEEP, [SERVER, now])
    return number
