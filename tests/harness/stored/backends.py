"""The stores of the contract tests, each by the place where it is.

Owns what a place is: a folder, or a PostgreSQL server's address, schema and folder.
"""

from pathlib import Path

from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.store import PostgresStorage
from bandit_svc.storage.sqlite.store import SqliteStorage

LEASE_TTL_S = 1.0
_SERVER = "host="
_SCHEMA = " schema="
_FOLDER = " folder="


def open_place(place: str) -> Storage:
    """Return the store of a place; it opens nothing before use."""
    if place.startswith(_SERVER):
        address, _, rest = place.partition(_SCHEMA)
        schema, _, folder = rest.partition(_FOLDER)
        return PostgresStorage(address, schema, Path(folder), LEASE_TTL_S)
    return SqliteStorage(Path(place))


def place_of(address: str, schema: str, folder: Path) -> str:
    """Return the place of a schema; the folder is this machine's."""
    return f"{address}{_SCHEMA}{schema}{_FOLDER}{folder}"
