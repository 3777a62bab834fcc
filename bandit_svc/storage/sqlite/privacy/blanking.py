"""Blank what the tables hold of a unit, within one transaction.

Owns which tables hold an id, a name of a request, an event or a value of a context,
and what stands there afterwards. Rows stay where their number or their place means
something. The caller owns the transaction.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from bandit_svc.domain.events.event import UnreadableEvent, encode_event
from bandit_svc.domain.people.erasing import (
    ERASED_FACT,
    TOKEN_BYTES,
    Leaf,
    blanked,
    leaves,
    token_of,
)
from bandit_svc.domain.people.unit_fact import encode_unit_fact
from bandit_svc.storage.sqlite.imports.tables import blank_imported
from bandit_svc.storage.sqlite.people.credit_tables import forget_units
from bandit_svc.storage.sqlite.privacy.finding import (
    FoundDecision,
    FoundFact,
    decisions_of,
    facts_of,
    unit_hashes,
)
from bandit_svc.storage.sqlite.programmes.totals import rename_units
from bandit_svc.storage.sqlite.rows.checksums import row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows
from bandit_svc.storage.sqlite.rows.decisions import LINE, StoredDecisions
from bandit_svc.storage.sqlite.rows.facts import decision_change

DECODED_FIRST: Final = 20_000
"""Other decisions whose contexts are compared one by one, the newest first; beyond
them, SQLite looks for the bytes of a value."""

_REPLACE = decision_change({"logged": "?2"}, "row_id = ?1")
_DERIVED = ("evaluations", "reward_models", "uplift", "headlines")
"""What is made again from the joined decisions."""


class Blanking:
    """One transaction; `counts` and `changed` say what it did."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        decisions: StoredDecisions,
        ids: Sequence[str],
        entropy: bytes,
    ) -> None:
        self._connection = connection
        self._decisions = decisions
        self._ids = frozenset(ids)
        self.tokens = {
            id_: token_of(
                hashlib.blake2b(
                    id_.encode("utf-8", "surrogatepass"),
                    key=entropy,
                    digest_size=TOKEN_BYTES,
                ).digest()
            )
            for id_ in ids
        }
        self.counts: Counter[str] = Counter()
        self.changed: set[int] = set()
        """Experiments of which a learned decision has lost values."""

    def run(self) -> None:
        """Blank every table."""
        found = decisions_of(self._connection, self._decisions, self._ids)
        by_number: dict[int, list[FoundDecision]] = {}
        for one in found:
            by_number.setdefault(one.decision.number, []).append(one)
        for number, mine in by_number.items():
            self._decisions_of(number, mine)
        self._facts()
        self._hashed()
        waited = forget_units(self._connection, self.tokens)
        self.counts["quarantined_rewards"] += waited
        self.counts["programme_units"] += rename_units(self._connection, self.tokens)
        imported, numbers = blank_imported(self._connection, self.tokens)
        self.counts["imported_decisions"] += imported
        self.changed |= numbers
        self._damages()
        forget_derived(self._connection, self.changed)

    def _decisions_of(self, number: int, mine: Sequence[FoundDecision]) -> None:
        """Blank the decisions of one experiment."""
        wanted = {leaf for one in mine for leaf in leaves(one.decision.context)}
        rows = {one.row_id for one in mine}
        held = self._held_by_others(number, wanted, rows)
        for row_id, _, decision in mine:
            token = self.tokens[decision.unit_id or next(iter(self._ids))]
            after = blanked(decision, token, held.__contains__)
            self._connection.execute(_REPLACE, (row_id, LINE + encode_event(after)))
            if after.context != decision.context:
                self.counts["contexts"] += 1
                if self._is_joined(number, row_id):
                    self.changed.add(number)
            self.counts["decisions"] += 1
            self.counts["request_ids"] += sum(
                name is not None for name in (decision.request_id, decision.trace_id)
            )

    def _held_by_others(
        self, number: int, wanted: set[Leaf], mine: set[int]
    ) -> set[Leaf]:
        """Return those values that decisions of other units have too."""
        missing = set(wanted)
        sql = "SELECT row_id, id, logged FROM sound_decisions WHERE number = ?"
        last = 0
        for row_id, stored, logged in self._connection.execute(
            f"{sql} ORDER BY row_id DESC LIMIT ?", (number, DECODED_FIRST)
        ).fetchall():
            if not missing:
                break
            last = row_id
            if row_id not in mine:
                missing -= self._leaves(stored, logged)
        for leaf in sorted(missing):
            rows = self._connection.execute(
                f"{sql} AND row_id < ? AND instr(logged, ?)", (number, last, leaf[2])
            )
            for row_id, stored, logged in rows:
                if row_id not in mine and leaf in self._leaves(stored, logged):
                    missing.discard(leaf)
                    break
        return wanted - missing

    def _leaves(self, stored: bytes, logged: bytes) -> set[Leaf]:
        try:
            return set(leaves(self._decisions.decode(stored, logged).context))
        except UnreadableEvent:
            return set()

    def _is_joined(self, number: int, row_id: int) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM joined WHERE number = ? AND row_id = ?", (number, row_id)
        )
        return found.fetchone() is not None

    def _facts(self) -> None:
        found = facts_of(self._connection, self._ids)
        blank_facts(self._connection, found)
        self.counts["unit_facts"] += len(found)

    def _hashed(self) -> None:
        """Put the tokens' hashes in place of the ids', and forget kept choices."""
        for number, hashes, hashed in unit_hashes(self._connection, self._ids):
            for id_, unit in hashed.items():
                token = hashes.of(self.tokens[id_])
                key = (number, unit)
                for table, columns in (
                    ("units", "groups, first_ms"),
                    ("unit_states", "state"),
                    ("split_units", "state"),
                ):
                    row = self._connection.execute(
                        f"SELECT {columns} FROM sound_{table}"  # noqa: S608 - our own names
                        " WHERE number = ? AND unit = ?",
                        key,
                    ).fetchone()
                    if row is None:
                        continue
                    crc = row_crc(table, number, token, *row)
                    self._connection.execute(
                        f"DELETE FROM {table} WHERE number = ? AND unit = ?",  # noqa: S608
                        key,
                    )
                    self._connection.execute(
                        f"INSERT INTO {table} (number, unit, {columns}, crc)"  # noqa: S608
                        f" VALUES ({', '.join('?' * (len(row) + 3))})",
                        (number, token, *row, crc),
                    )
                gone = self._connection.execute(
                    "DELETE FROM sticky_choices WHERE number = ? AND unit = ?", key
                ).rowcount
                add_rows(self._connection, "sticky_choices", -gone)
                self.counts["sticky_choices"] += gone

    def _damages(self) -> None:
        """Forget the bytes of damaged records that hold an id."""
        for id_ in self._ids:
            self.counts["damaged_records"] += self._connection.execute(
                "UPDATE damages SET remains = NULL WHERE instr(remains, ?)",
                (id_.encode("utf-8", "surrogatepass"),),
            ).rowcount


def forget_derived(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Delete what is made again from the joined decisions of experiments."""
    for number in numbers:
        for table in _DERIVED:
            connection.execute(
                f"DELETE FROM {table} WHERE number = ?",  # noqa: S608 - our own names
                (number,),
            )


def blank_facts(connection: sqlite3.Connection, found: Sequence[FoundFact]) -> None:
    """Blank facts in their places, since positions count and ids come again."""
    body = encode_unit_fact(ERASED_FACT).payload
    for position, _ in found:
        key, source = connection.execute(
            "SELECT fact, source FROM unit_facts WHERE position = ?", (position,)
        ).fetchone()
        crc = row_crc("unit_facts", position, key, body, None, None, source)
        connection.execute(
            "UPDATE unit_facts SET body = ?, first_ms = NULL, unit = NULL, crc = ?"
            " WHERE position = ?",
            (body, crc, position),
        )
