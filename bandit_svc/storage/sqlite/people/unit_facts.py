"""Facts about units in SQLite.

Owns the table unit_facts; see storage.units.UnitFacts. A fact that comes again is found
by a hash of its unit and its id.
"""

import hashlib
import sqlite3
from collections.abc import Sequence

import msgspec
from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.experiment import UnitHashes
from bandit_svc.domain.people.unit_fact import (
    KeptFact,
    UnitChange,
    decode_unit_fact,
)
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import check_rows, row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows
from bandit_svc.storage.sqlite.sums.groups import NEVER_MS
from bandit_svc.storage.units import UnitFactRow

_KEY_BYTES, _UNIT_KEY_BYTES = 16, 8
_AT_ONCE = 10_000
_SELECT = "SELECT position, body, first_ms, source FROM sound_unit_facts"
_firsts = msgspec.json.Decoder(dict[str, int])


def create_unit_facts(db: UtilsDatabase) -> None:
    """Create the table, in the transaction of a migration."""
    db.execute(
        """CREATE TABLE unit_facts (position INTEGER PRIMARY KEY,
            fact BLOB NOT NULL UNIQUE, body BLOB NOT NULL, first_ms BLOB, crc BLOB)"""
    )
    check_rows(db, "unit_facts", facts=1, by_writers=True)


def find_unit_facts_by_unit(db: UtilsDatabase) -> None:
    """Add the unit's hash and the source, in the transaction of a migration.

    From which partition the present facts came is not known.
    """
    db.execute("ALTER TABLE unit_facts ADD COLUMN unit BLOB")
    db.execute("ALTER TABLE unit_facts ADD COLUMN source INTEGER NOT NULL DEFAULT 0")
    last = 0
    while rows := db.execute(
        "SELECT position, body FROM unit_facts WHERE position > ?"
        " ORDER BY position LIMIT ?",
        (last, _AT_ONCE),
    ).fetchall():
        last = rows[-1][0]
        db.conn.executemany(
            "UPDATE unit_facts SET unit = ? WHERE position = ?",
            [(_unit_of_body(body), position) for position, body in rows],
        )
    db.execute("CREATE INDEX unit_facts_of ON unit_facts (unit) WHERE unit IS NOT NULL")
    check_rows(db, "unit_facts", facts=1, by_writers=True)


Came = tuple[KeptFact, bytes, int]
"""A fact, the bytes that are kept of it, and the number of its partition."""


def keep_unit_facts(connection: sqlite3.Connection, came: Sequence[Came]) -> None:
    """Keep the facts about units of a batch, in the caller's transaction.

    Workers log in partitions of their own. So facts are put in the order in which they
    were received: of two consents the later one holds, whichever partition has it.
    Those of a later batch may have been received before; see people.order.late_facts.

    Call it when the batch's decisions are kept: a link wants to know which id is older.

    Args:
        connection: in the transaction.
        came: each fact and its record's payload.
    """
    if not came:
        return
    (last,) = connection.execute(
        "SELECT coalesce(max(position), 0) FROM unit_facts"
    ).fetchone()
    firsts = _FirstDecisions(connection)
    new = 0
    for fact, body, source in sorted(came, key=_received_ms):
        key, unit = _fact_key(fact.unit_id, fact.fact_id), _unit_key(fact.unit_id)
        row = last + 1, key, body, firsts.of(fact), unit, source
        inserted = connection.execute(
            "INSERT INTO unit_facts (position, fact, body, first_ms, unit, source, crc)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fact) DO NOTHING",
            (*row, row_crc("unit_facts", *row)),
        ).rowcount
        new += inserted
        last += inserted
    add_rows(connection, "unit_facts", new)


class SqliteUnitFacts:
    """See storage.units.UnitFacts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(self, position: int, limit: int) -> Sequence[UnitFactRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE position > ? ORDER BY position LIMIT ?",
                (position, limit),
            ).fetchall()
        return [_row(*row) for row in rows]

    def of_unit(self, unit_id: str, last: int) -> Sequence[UnitFactRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE unit = ? AND position <= ?",
                (_unit_key(unit_id), last),
            ).fetchall()
        found = [_row(*row) for row in rows]
        # Two ids may share a hash.
        return [row for row in found if row.fact.unit_id == unit_id]

    def last_position(self) -> int:
        """See the interface."""
        with self._database.read() as connection:
            (last,) = connection.execute(
                "SELECT coalesce(max(position), 0) FROM unit_facts"
            ).fetchone()
        return int(last)

    def has(self, unit_id: str, fact_id: str) -> bool:
        """See the interface."""
        key = (_fact_key(unit_id, fact_id),)
        find = "SELECT 1 FROM unit_facts WHERE fact = ?"
        return self._database.row(find, key) is not None


class _FirstDecisions:
    """When ids had their first decision, in any experiment; for one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._hashes: list[tuple[int, UnitHashes]] | None = None

    def of(self, fact: KeptFact) -> bytes | None:
        """Return the times of a change's ids as JSON; None where it links none."""
        if not isinstance(fact, UnitChange) or not fact.links:
            return None
        found = {id_: self._first_ms(id_) for id_ in (fact.unit_id, *fact.links)}
        return msgspec.json.encode(
            {id_: at_ms for id_, at_ms in found.items() if at_ms < NEVER_MS}
        )

    def _first_ms(self, unit_id: str) -> int:
        if self._hashes is None:
            rows = self._connection.execute(
                "SELECT number, salt FROM sound_experiments"
            ).fetchall()
            self._hashes = [(number, UnitHashes(salt)) for number, salt in rows]
        first_ms = NEVER_MS
        for number, hashes in self._hashes:
            row = self._connection.execute(
                "SELECT first_ms FROM sound_units WHERE number = ? AND unit = ?",
                (number, hashes.of(unit_id)),
            ).fetchone()
            if row is not None:
                first_ms = min(first_ms, row[0])
        return first_ms


def _received_ms(one: Came) -> tuple[int, int]:
    fact, _, source = one
    return fact.at_ms, source


def _row(position: int, body: bytes, firsts: bytes | None, source: int) -> UnitFactRow:
    first_ms = {} if firsts is None else _firsts.decode(firsts)
    return UnitFactRow(position, decode_unit_fact(body), first_ms, source)


def _unit_of_body(body: bytes) -> bytes | None:
    """Return the hash of a kept fact's unit; None where it was erased or is damaged."""
    try:
        unit_id = decode_unit_fact(body).unit_id
    except (UnreadableEvent, TypeError):
        return None
    return _unit_key(unit_id) if unit_id else None


def _unit_key(unit_id: str) -> bytes:
    """Return what the facts of a unit are found by."""
    encoded = unit_id.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(
        encoded, digest_size=_UNIT_KEY_BYTES, person=b"unit of fact"
    ).digest()


def _fact_key(unit_id: str, fact_id: str) -> bytes:
    """Return what a fact is known by: callers number their events for each unit."""
    hashed = hashlib.blake2b(digest_size=_KEY_BYTES, person=b"fact")
    for text in (unit_id, fact_id):
        encoded = text.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(4, "big") + encoded)
    return hashed.digest()
