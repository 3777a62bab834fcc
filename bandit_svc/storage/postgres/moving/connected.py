"""The connection of a move.

Owns its name at the server, and the translation of the server's errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from bandit_svc.errors import Unavailable
from bandit_svc.storage.postgres.database import CONNECT_S

NAME: Final = "bandit_svc migrate-to"
_BUSY: Final = "SET lock_timeout = '10s'"


@contextmanager
def connected(address: str) -> "Iterator[psycopg.Connection[Any]]":
    """Yield a connection; what it changes is kept if the body ends well.

    Raises:
        Unavailable: the server can't be reached, or has no room.
    """
    try:
        with psycopg.connect(
            address, connect_timeout=CONNECT_S, application_name=NAME
        ) as connection:
            connection.execute(_BUSY)
            connection.commit()
            yield connection
    except (psycopg.IntegrityError, psycopg.ProgrammingError, psycopg.DataError):
        # Not trouble with the server, but a bug of ours.
        raise
    except psycopg.Error as error:
        raise Unavailable(
            f"the PostgreSQL server can't be used now ({str(error).strip()}); check "
            "that it is up and has room, then begin again"
        ) from error
