"""The stores of the contract tests, each by the place where it is.

Owns what a place is: a folder, or the address of a PostgreSQL server and a schema.
"""

from pathlib import Path
from typing import cast

from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.store import PostgresStorage
from bandit_svc.storage.sqlite.store import SqliteStorage

LEASE_TTL_S = 1.0
_SERVER = "host="
_SCHEMA = " schema="


def open_place(place: str) -> Storage:
    """Return the store of a place; it opens nothing before use."""
    if place.startswith(_SERVER):
        address, _, schema = place.partition(_SCHEMA)
        # What it can't do yet is tested for the other store alone.
        return cast("Storage", PostgresStorage(address, schema, LEASE_TTL_S))
    return SqliteStorage(Path(place))


def place_of(address: str, schema: str) -> str:
    """Return the place of a schema."""
    return f"{address}{_SCHEMA}{schema}"
