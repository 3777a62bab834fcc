"""Which backend a data folder or address means.

Owns the choice of storage backend; wiring calls it and nothing else does.
"""

from pathlib import Path

from bandit_svc.errors import Unavailable
from bandit_svc.storage.control.first_claims import FirstClaims
from bandit_svc.storage.control.place import place_of
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.sqlite.store import SqliteStorage


def open_storage(
    folder: Path, url: str = "", patience_s: float | None = None
) -> Storage:
    """Return a store; it opens nothing before use.

    Args:
        folder: of the data of this machine.
        url: address of the store, where it is not in that folder.
        patience_s: seconds for which a server's answer is waited for; None as long as
            it takes.

    Raises:
        InvalidInput: this is no address.
        Unavailable: the client of its server is not installed.
    """
    if not url:
        return SqliteStorage(folder)
    place = place_of(url)
    if isinstance(place, Path):
        return SqliteStorage(place)
    try:
        from bandit_svc.storage.postgres.store import (  # noqa: PLC0415 - an extra
            PostgresStorage,
        )
    except ImportError as error:
        raise Unavailable(
            f"store names a PostgreSQL server, whose client can't be loaded ({error}); "
            "`pip install 'bandit_svc[postgres]'` installs it"
        ) from error
    return PostgresStorage(place.address, place.schema, folder, patience_s=patience_s)


def first_claims_of(storage: Storage) -> FirstClaims:
    """Return what a store that several machines share knows of first answers.

    Raises:
        Unavailable: it is a store of one machine.
    """
    claims: FirstClaims | None = getattr(storage, "first_claims", None)
    if claims is None:
        raise Unavailable(
            "the store is a file of this machine, which other machines can't ask; set "
            "BANDIT_STORE to the address of a PostgreSQL server"
        )
    return claims
