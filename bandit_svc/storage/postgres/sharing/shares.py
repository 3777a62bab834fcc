"""Shards of a PostgreSQL store: rows of the table leases, taken by its members.

Owns the table members; see storage.control.shares. The server's clock is the only one.
A thread gives the signs of life, takes what is free and renews what is held. One who
takes passes over what is being written; see fence.py.
"""

import secrets
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from bandit_svc.errors import LeaseLost, Unavailable
from bandit_svc.storage.control.leases import LEARNER, Holder
from bandit_svc.storage.control.shares import Held, ShardLost, Wish, fair_share
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.postgres.leases import UNTIL, process_name
from bandit_svc.storage.postgres.sharing.fence import Fence, fenced

BEATS: Final = 6
"""In the time of a lease."""
_PREFIX: Final = "shard "

CREATE: Final = """
    CREATE TABLE IF NOT EXISTS members (
        member text COLLATE "C" PRIMARY KEY, process text NOT NULL,
        wish text NOT NULL, joined_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL)"""
_LIVES: Final = "expires_at > clock_timestamp()"
_SIGN: Final = f"""
    INSERT INTO members VALUES (%s, %s, %s, clock_timestamp(), {UNTIL})
    ON CONFLICT (member) DO UPDATE
    SET wish = excluded.wish, expires_at = excluded.expires_at"""  # noqa: S608 - a constant
_RENEW: Final = f"""
    UPDATE leases SET expires_at = {UNTIL}
    FROM unnest(%s::text[], %s::bigint[]) AS mine(name, token)
    WHERE leases.name = mine.name AND leases.token = mine.token
    RETURNING leases.name"""  # noqa: S608 - a constant
_MEMBERS: Final = f"""
    SELECT member, wish FROM members WHERE {_LIVES} ORDER BY joined_at, member"""  # noqa: S608 - a constant
_LEARNS_ALONE: Final = f"SELECT 1 FROM leases WHERE name = '{LEARNER}' AND {_LIVES}"  # noqa: S608 - a constant
_TAKE: Final = f"""
    WITH free AS (
        SELECT name FROM leases WHERE name = ANY(%s) AND NOT {_LIVES}
        ORDER BY name LIMIT %s FOR UPDATE SKIP LOCKED)
    UPDATE leases SET process = %s, token = token + 1, expires_at = {UNTIL}
    FROM free WHERE leases.name = free.name RETURNING leases.name, token"""  # noqa: S608 - a constant
_MAKE: Final = """
    INSERT INTO leases SELECT name, '', 0, clock_timestamp()
    FROM unnest(%s::text[]) AS name ON CONFLICT (name) DO NOTHING"""
_END: Final = """
    UPDATE leases SET expires_at = clock_timestamp()
    FROM unnest(%s::text[], %s::bigint[]) AS mine(name, token)
    WHERE leases.name = mine.name AND leases.token = mine.token"""
_LEAVE: Final = f"DELETE FROM members WHERE member = %s OR NOT {_LIVES}"  # noqa: S608 - a constant
_HOLDERS: Final = f"""
    SELECT name, process, token FROM leases
    WHERE starts_with(name, '{_PREFIX}') AND {_LIVES}"""  # noqa: S608 - a constant


class PostgresShares:
    """See storage.control.shares.Shares."""

    def __init__(self, database: Database, ttl_s: float) -> None:
        self._database = database
        self._ttl_s = ttl_s

    @contextmanager
    def join(self, shards: Collection[str]) -> Iterator["PostgresMember"]:
        """See the interface."""
        member = PostgresMember(self._database, shards, self._ttl_s)
        done = threading.Event()
        beating = threading.Thread(target=self._beat, args=(member, done), name="beat")
        beating.start()
        try:
            yield member
        finally:
            done.set()
            beating.join()
            # What can't be given back ends by itself.
            with suppress(Unavailable):
                member.leave()

    @contextmanager
    def writing(self, held: Held) -> Iterator[None]:
        """See the interface."""
        try:
            with fenced(
                Fence(
                    self._database.place,
                    _PREFIX + held.shard,
                    held.token,
                    self._ttl_s,
                    is_shard=True,
                )
            ):
                yield
        except LeaseLost as error:
            raise ShardLost(error.message) from error

    def holders(self) -> Mapping[str, Holder]:
        """See the interface."""
        with self._database.plain() as plain:
            rows = plain.execute(_HOLDERS).fetchall()
        return {
            name.removeprefix(_PREFIX): Holder(process, token)
            for name, process, token in rows
        }

    def _beat(self, member: "PostgresMember", done: threading.Event) -> None:
        while True:
            with suppress(Unavailable):
                member.beat()
            if done.wait(self._ttl_s / BEATS):
                return


class PostgresMember:
    """See storage.control.shares.Member; who makes it sees to its beats.

    Attributes:
        name: drawn for it.
    """

    def __init__(
        self, database: Database, shards: Collection[str], ttl_s: float
    ) -> None:
        self._database = database
        self._names = sorted(_PREFIX + shard for shard in shards)
        self._ttl_s = ttl_s
        self.name = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._mine: dict[str, int] = {}
        self._most = 0
        self._rows_are_made = False
        self._wish: Wish = "fair"

    def held(self) -> frozenset[Held]:
        """See the interface."""
        with self._lock:
            return self._held()

    def beat(self) -> None:
        """Show that it lives; renew what is held, and take what is free.

        Raises:
            Unavailable: the server is away.
        """
        with self._lock, self._database.plain() as plain:
            sign = (self.name, process_name(), self._wish, self._ttl_s)
            # Seen by one who asks for the lease `learner` before that lease is looked
            # at here.
            plain.execute(_SIGN, sign)
            if not self._rows_are_made:
                plain.execute(_MAKE, (self._names,))
                self._rows_are_made = True
            with plain.transaction():
                self._renew(plain)
                self._most = self._share(plain)
                if len(self._mine) < self._most:
                    self._take(plain, self._most - len(self._mine))

    def settle(self, wish: Wish = "fair") -> frozenset[Held]:
        """See the interface."""
        with self._lock:
            self._wish = wish
            # The last by name go first, so that the first shards seldom move.
            surplus = sorted(self._mine, reverse=True)
            surplus = surplus[: max(0, len(self._mine) - self._most)]
            self._give_back(surplus)
            return self._held()

    def leave(self) -> None:
        """End every lease of a shard, and be no member.

        Raises:
            Unavailable: the server is away.
        """
        with self._lock:
            self._give_back([*self._mine])
            with self._database.plain() as plain:
                plain.execute(_LEAVE, (self.name,))

    def _held(self) -> frozenset[Held]:
        return frozenset(
            Held(name.removeprefix(_PREFIX), token)
            for name, token in self._mine.items()
        )

    def _renew(self, plain: "psycopg.Connection[Any]") -> None:
        mine = [*self._mine], [*self._mine.values()]
        renewed = {name for (name,) in plain.execute(_RENEW, (self._ttl_s, *mine))}
        # What another one took is lost; the rest stays.
        self._mine = {n: t for n, t in self._mine.items() if n in renewed}

    def _share(self, plain: "psycopg.Connection[Any]") -> int:
        """Return how many shards this member may hold now."""
        if plain.execute(_LEARNS_ALONE).fetchone() is not None:
            return 0
        members = plain.execute(_MEMBERS).fetchall()
        wishes = {wish for _, wish in members}
        if self._wish == "fair" and "all" in wishes:
            return 0
        wanting = [member for member, wish in members if wish == self._wish]
        return fair_share(len(self._names), wanting, self.name)

    def _take(self, plain: "psycopg.Connection[Any]", most: int) -> None:
        taken = plain.execute(_TAKE, (self._names, most, process_name(), self._ttl_s))
        self._mine.update(taken.fetchall())

    def _give_back(self, names: Collection[str]) -> None:
        if not names:
            return
        mine = [*names], [self._mine.pop(name) for name in names]
        with self._database.plain() as plain:
            plain.execute(_END, mine)
