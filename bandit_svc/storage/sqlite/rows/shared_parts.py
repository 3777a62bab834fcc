"""Parts that many stored decisions share, each under a number.

Owns the table shared_parts: shared parts of the log, and lists of context keys
(shapes). All decisions that name a part are lost with it, so that a row holds its body
twice, and is believed where two of key, body and spare agree and its checksum fits them
and its number. A number is never given twice.
"""

import sqlite3
from typing import Final

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.decision_fields import Bodies
from bandit_svc.domain.events.packing import Malformed, varint
from bandit_svc.domain.events.record import Part, part_of
from bandit_svc.domain.events.short_form import (
    WHOLE_CONTEXT,
    encode_head,
    further_part_keys,
    names_further_parts,
    part_key,
    shape_of,
)
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import row_crc

MOST_SHAPES: Final = 4_096
"""Contexts of further lists of keys are stored with their keys."""
_MOST_KEPT_BYTES: Final = 16_777_216
_MOST_SIGHTED: Final = 4_096


class StoredParts:
    """The parts as they are read. Thread-safe: what is kept never changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[int, bytes] = {}
        self._bodies: dict[bytes, bytes] = {}
        self._bytes = 0
        self._lost: set[int] = set()

    def key(self, number: int) -> bytes:
        """See domain.events.short_form.Parts."""
        key = self._keys.get(number)
        if key is None:
            part = self._load("number", number)
            if part is None:
                self._lose(number)
                raise Malformed(f"the shared part {number} of the store is missing")
            key = self._keys[number] = part.key
        return key

    def get(self, key: bytes) -> bytes | None:
        """See domain.events.short_form.Parts."""
        body = self._bodies.get(key)
        if body is None:
            part = self._load("key", key)
            body = None if part is None or part.key != key else part.body
        return body

    def _load(self, column: str, value: int | bytes) -> Part | None:
        row = (
            self._database.connection()
            .execute(
                "SELECT number, key, body, spare, crc FROM shared_parts"  # noqa: S608 - a name of a column
                f" WHERE {column} = ?",
                (value,),
            )
            .fetchone()
        )
        if row is None:
            return None
        number, key, body, spare, crc = row
        part = _agreed(key, body, spare)
        if part is None or not _is_of(number, part, crc):
            self._lose(number)
            return None
        if self._bytes + len(part.body) > _MOST_KEPT_BYTES:
            self._bodies.clear()
            self._bytes = 0
        self._bodies[part.key] = part.body
        self._bytes += len(part.body)
        return part

    def _lose(self, number: int) -> None:
        """Take note of the decisions that are lost with a part, once."""
        if number in self._lost:
            return
        self._lost.add(number)
        begin = varint(number)
        (facts,) = (
            self._database.connection()
            .execute(
                "SELECT count(*) FROM decisions WHERE substr(logged, 1, ?) = ?",
                (len(begin), begin),
            )
            .fetchone()
        )
        self._database.found(
            Damage("shared_parts", 0, number, facts, 0, "row", at_least=True)
        )


def _agreed(key: bytes, body: bytes, spare: bytes) -> Part | None:
    """Return the part that two of three say, None where all three differ."""
    for part in (part_of(body), part_of(spare)):
        if part.key == key:
            return part
    return part_of(body) if body == spare else None


def _is_of(number: int, part: Part, crc: bytes) -> bool:
    """Return whether the row of a number was written for this part.

    Rows may have swapped places, or a damaged file may hold one under another number.
    """
    values = part.key, part.body, part.body
    return crc in {row_crc("shared_parts", number, *values, kind) for kind in (0, 1)}


class PartNumbers:
    """The numbers of parts, for the decisions of one transaction."""

    def __init__(self, connection: sqlite3.Connection, sighted: set[int]) -> None:
        """Describe the transaction.

        Args:
            connection: inside a transaction.
            sighted: hashes of lists of keys that came before, in any transaction. The
                first decision of a list is stored with its keys.
        """
        self._connection = connection
        self._sighted = sighted
        self._numbers: dict[bytes, int] = {}
        self._shapes: dict[tuple[str, ...], int] = {}
        self._heads: dict[tuple[bytes, tuple[str, ...]], bytes] = {}
        self._room: int | None = None

    def keep(self, payload: bytes, bodies: Bodies) -> None:
        """Keep the parts that a record needs."""
        self._keep(part_key(payload), bodies)
        if names_further_parts(payload):
            for key in further_part_keys(payload):
                self._keep(key, bodies)

    def _keep(self, key: bytes, bodies: Bodies) -> None:
        if key not in self._numbers:
            body = bodies.get(key)
            if body is not None:
                self._numbers[key] = self._number(Part(key, body))

    def head(self, part: bytes, shape: tuple[str, ...]) -> bytes:
        """See domain.events.short_form.Numbers; `keep` was called before."""
        head = self._heads.get((part, shape))
        if head is None:
            number = self._of_shape(shape)
            head = encode_head(self._numbers[part], number)
            if number != WHOLE_CONTEXT:
                self._heads[part, shape] = head
        return head

    def _of_shape(self, keys: tuple[str, ...]) -> int:
        number = self._shapes.get(keys)
        if number is None:
            number = WHOLE_CONTEXT
            if self._was_sighted(keys):
                number = self._shapes[keys] = self._shape(shape_of(keys))
        return number

    def _was_sighted(self, keys: tuple[str, ...]) -> bool:
        digest = hash(keys)
        if digest in self._sighted:
            return True
        if len(self._sighted) >= _MOST_SIGHTED:
            self._sighted.clear()
        self._sighted.add(digest)
        return False

    def _shape(self, part: Part) -> int:
        known = self._known(part)
        if known is not None:
            return known
        if self._room is None:
            (shapes,) = self._connection.execute(
                "SELECT count(*) FROM shared_parts WHERE is_shape <> 0"
            ).fetchone()
            self._room = MOST_SHAPES - shapes
        if self._room <= 0:
            return WHOLE_CONTEXT
        self._room -= 1
        return self._insert(part, is_shape=True)

    def _number(self, part: Part) -> int:
        known = self._known(part)
        return self._insert(part, is_shape=False) if known is None else known

    def _known(self, part: Part) -> int | None:
        """Return the number of a part, None if it has none that can be read."""
        row = self._connection.execute(
            "SELECT number, body, spare, crc FROM shared_parts WHERE key = ?",
            (part.key,),
        ).fetchone()
        if row is None:
            return None
        number, body, spare, crc = row
        if _agreed(part.key, body, spare) == part and _is_of(number, part, crc):
            return int(number)
        # What names the damaged row is lost; what comes now gets another number.
        self._connection.execute(
            "UPDATE shared_parts SET key = randomblob(8) WHERE number = ?", (number,)
        )
        return None

    def _insert(self, part: Part, *, is_shape: bool) -> int:
        (number,) = self._connection.execute(
            "INSERT INTO shared_parts (key, body, spare, is_shape) VALUES (?, ?, ?, ?)"
            " RETURNING number",
            (part.key, part.body, part.body, int(is_shape)),
        ).fetchone()
        values = (number, part.key, part.body, part.body, int(is_shape))
        # Not by a trigger alone: `_is_of` asks for it in every store.
        self._connection.execute(
            "UPDATE shared_parts SET crc = ? WHERE number = ?",
            (row_crc("shared_parts", *values), number),
        )
        return int(number)
