"""Which sides of a move addresses mean.

Owns the choice of backend, as storage.factory does for a store in use.
"""

from pathlib import Path

from bandit_svc.storage.control.place import place_of
from bandit_svc.storage.moving.sides import Draft, MovableStore
from bandit_svc.storage.sqlite.moving.draft import SqliteDraft
from bandit_svc.storage.sqlite.moving.snapshot import SqliteMovable


def movable_store(folder: Path, url: str) -> MovableStore:
    """Return the rows of a store.

    Args:
        folder: of the data of this machine.
        url: address of the store, empty where it is in that folder.
    """
    place = place_of(url) if url else folder
    if isinstance(place, Path):
        return SqliteMovable(place)
    from bandit_svc.storage.postgres.moving.snapshot import (  # noqa: PLC0415 - an extra
        PostgresMovable,
    )

    return PostgresMovable(place.address, place.schema)


def draft_of(folder: Path, url: str) -> Draft:
    """Return the draft of a store for an address.

    Args:
        folder: of the data of this machine.
        url: address of the store.
    """
    place = place_of(url)
    if isinstance(place, Path):
        return SqliteDraft(place)
    from bandit_svc.storage.postgres.moving.draft import (  # noqa: PLC0415 - an extra
        PostgresDraft,
    )

    return PostgresDraft(place.address, place.schema, folder)
