"""Writes that need a lease of their own, instead of all that their process took.

Owns which lease the writes of a thread need, and the look at its token. The look locks
the row of the lease until the write ends, in a mode that a renewal doesn't wait for and
that one who takes the lease does: it can't change hands in between. It holds of every
schema of the same server, such as that of a store beside.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from psycopg import sql

from bandit_svc.errors import LeaseLost
from bandit_svc.storage.postgres.database import Database, May
from bandit_svc.storage.postgres.leases import require_leases

_Done = TypeVar("_Done")

# A stopped writer must not keep its lease for longer than it is one.
_STILL: Final = """
    SELECT set_config('idle_in_transaction_session_timeout', %s, true)
    FROM {}.leases WHERE name = %s AND token = %s FOR KEY SHARE"""


class Fence(NamedTuple):
    """The lease that writes need.

    Attributes:
        place: address of the server, and name of the schema that has the lease.
        name: of the lease.
        token: with which it was taken.
        ttl_s: seconds after which a silent holder has lost it.
        is_shard: others hold the leases of other shards meanwhile.
    """

    place: tuple[str, str]
    name: str
    token: int
    ttl_s: float
    is_shard: bool = False


_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


@contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Let each write of this thread in the block need a lease.

    Raises:
        LeaseLost: from such a write, which is not done.
    """
    before = _fence.set(fence)
    try:
        yield
    finally:
        _fence.reset(before)


def beside_others(
    database: Database, work: Callable[[], _Done], may: May = lambda _: True
) -> _Done:
    """Do work that writes only what is of one shard's experiments.

    It is beside that of other shards, where this thread writes for a shard at all.

    Args:
        database: of the store.
        work, may: see Database.beside_others.
    """
    fence = _fence.get()
    if fence is None or not fence.is_shard or fence.place != database.place:
        return work()
    return database.beside_others(work, may)


def require_writer(plain: "psycopg.Connection[Any]", place: tuple[str, str]) -> None:
    """Require that this process may write; call it first in each such transaction.

    Args:
        plain: the connection, in the transaction.
        place: address of its server, and its schema.

    Raises:
        LeaseLost: another process may hold the lease that this thread's writes need, or
            one that this process took.
    """
    fence = _fence.get()
    if fence is None or fence.place[0] != place[0]:
        require_leases(plain, place)
        return
    asked = sql.SQL(_STILL).format(sql.Identifier(fence.place[1]))
    idle = f"{round(fence.ttl_s * 1000)}ms"
    if plain.execute(asked, (idle, fence.name, fence.token)).fetchone() is None:
        raise LeaseLost(
            f"the lease {fence.name!r} of this process ran out, and another process "
            "may hold it; what this one began for it must be begun anew"
        )
