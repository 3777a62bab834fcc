"""Erasures in SQLite: the queue, what they say of themselves, and their tombstones.

Owns the tables erasures and tombstones; see storage.privacy.Privacy. What an erasure
does to the other tables is blanking.py's.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Collection, Sequence
from functools import cached_property

import msgspec
from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.decision_id import number_of, raw_id
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.storage.archive.below import Reached
from bandit_svc.storage.privacy import Erasure, KeptOfUnit, SeenUnits
from bandit_svc.storage.sqlite.archive.dropping import any_dropped
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.privacy.blanking import (
    Blanking,
    blank_facts,
    forget_derived,
)
from bandit_svc.storage.sqlite.privacy.finding import facts_among, ids_of, kept_of
from bandit_svc.storage.sqlite.rows.checksums import check_rows
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions

_HASH_BYTES = 16
_TOMBSTONE = "SELECT at_ms FROM sound_tombstones WHERE unit = ?"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Erasure).decode


def create_erasures(db: UtilsDatabase) -> None:
    """Create the tables, in the transaction of a migration."""
    db.execute(
        "CREATE TABLE erasures (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
        " done INTEGER NOT NULL, body TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX erasures_waiting ON erasures (sequence) WHERE done = 0")
    db.execute(
        "CREATE TABLE tombstones (unit BLOB PRIMARY KEY, at_ms INTEGER NOT NULL)"
        " WITHOUT ROWID"
    )
    for table in ("erasures", "tombstones"):
        check_rows(db, table)


class SqlitePrivacy:
    """See storage.privacy.Privacy."""

    def __init__(
        self,
        database: Database,
        decisions: StoredDecisions,
        secret: Callable[[], bytes],
        reached: Reached,
    ) -> None:
        self._reached = reached
        self._database = database
        self._decisions = decisions
        self._secret = secret

    def ask(self, erasure: Erasure) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO erasures (id, done, body) VALUES (?, 0, ?)",
                (erasure.id, _encode(erasure).decode()),
            )
            # What is sent again before the erasure is done is left out too.
            self._mark(connection, [erasure.unit_id], erasure.asked_at_ms)

    def get(self, erasure_id: str) -> Erasure | None:
        """See the interface."""
        return self._one("id = ?", [erasure_id])

    def waiting(self) -> Erasure | None:
        """See the interface."""
        return self._one("done = 0 ORDER BY sequence LIMIT 1", [])

    def kept_of(self, ids: Sequence[str]) -> KeptOfUnit:
        """See the interface."""
        with self._database.read() as connection:
            kept = kept_of(connection, self._decisions, frozenset(ids))
            dropped = any_dropped(connection)
        if not dropped:
            return kept
        below = self._reached.order.decisions_of(ids)
        # One that is dropped and not yet taken away is in both.
        both = dict.fromkeys((*below, *kept.decision_ids))
        return kept._replace(decision_ids=list(both))

    def blank(
        self,
        erasure: Erasure,
        ids: Sequence[str],
        entropy: bytes,
        beat: Callable[[], None] = lambda: None,
    ) -> Erasure:
        """See the interface."""
        with self._database.beating(beat), self._database.write() as connection:
            blanking = Blanking(connection, self._decisions, ids, entropy)
            blanking.run()
            after = msgspec.structs.replace(
                erasure,
                step="blanked",
                ids=tuple(ids),
                tokens=blanking.tokens,
                numbers=tuple(sorted(blanking.changed)),
                counts=dict(blanking.counts),
            )
            self._mark(connection, ids, erasure.asked_at_ms)
            _keep(connection, after)
        return after

    def keep_below(self, erasure: Erasure) -> Erasure:
        """See the interface."""
        with self._database.read() as connection:
            if not any_dropped(connection):
                return erasure
        below = self._reached.order.decisions_of(erasure.ids)
        found = {number_of(raw_id(decision_id)) for decision_id in below}
        if found <= set(erasure.numbers):
            return erasure
        numbers = sorted({*erasure.numbers, *found})
        after = msgspec.structs.replace(erasure, numbers=tuple(numbers))
        with self._database.write() as connection:
            forget_derived(connection, found)
            _keep(connection, after)
        return after

    def seen_after(self, row_id: int, at_ms: int, limit: int) -> SeenUnits:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT row_id, id, at_ms, logged FROM sound_decisions"
                " WHERE row_id > ? ORDER BY row_id LIMIT ?",
                (row_id, limit),
            ).fetchall()
            ids: set[str] = set()
            for _, stored, made_ms, logged in rows:
                if made_ms >= at_ms:
                    with contextlib.suppress(UnreadableEvent):
                        ids |= ids_of(self._decisions.decode(stored, logged))
        last = rows[-1][0] if rows else row_id
        return SeenUnits(last, frozenset(ids), len(rows) < limit)

    def forget_facts(self, ids: Collection[str]) -> None:
        """See the interface."""
        with self._database.write() as connection:
            blank_facts(connection, facts_among(connection, frozenset(ids)))

    def keep(self, erasure: Erasure) -> None:
        """See the interface."""
        with self._database.write() as connection:
            _keep(connection, erasure)

    def scrub(self, beat: Callable[[], None]) -> bool:
        """See the interface."""
        return self._database.scrub(beat)

    def erased_at_ms(self, unit_id: str) -> int | None:
        """See the interface."""
        row = self._database.row(_TOMBSTONE, (self._hash(unit_id),))
        return None if row is None else int(row[0])

    def _mark(
        self, connection: sqlite3.Connection, ids: Sequence[str], at_ms: int
    ) -> None:
        """Keep that ids were erased; a later erasure counts."""
        connection.executemany(
            "INSERT INTO tombstones VALUES (?, ?, NULL) ON CONFLICT (unit)"
            " DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)",
            [(self._hash(id_), at_ms) for id_ in ids],
        )

    def _one(self, where: str, parameters: list[str]) -> Erasure | None:
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT body FROM sound_erasures WHERE {where}",  # noqa: S608 - constants
                parameters,
            ).fetchone()
        return None if row is None else _decode(row[0])

    def _hash(self, unit_id: str) -> bytes:
        hashing = self._keyed.copy()
        hashing.update(unit_id.encode("utf-8", "surrogatepass"))
        return hashing.digest()

    @cached_property
    def _keyed(self) -> hashlib.blake2b:
        key = hashlib.blake2b(self._secret(), digest_size=32, person=b"tombstone")
        return hashlib.blake2b(digest_size=_HASH_BYTES, key=key.digest())


def _keep(connection: sqlite3.Connection, erasure: Erasure) -> None:
    connection.execute(
        "UPDATE erasures SET body = ?, done = ? WHERE id = ?",
        (_encode(erasure).decode(), int(erasure.step == "done"), erasure.id),
    )
