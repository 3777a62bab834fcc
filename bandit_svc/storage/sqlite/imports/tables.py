"""The tables of imported decisions.

Owns their creation, how they are read as joined decisions, and what an erasure leaves
of them. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Collection, Mapping

import msgspec
from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.decision import Decision
from bandit_svc.storage.imports.kept import ImportedChoice
from bandit_svc.storage.rows import JoinedRow
from bandit_svc.storage.sqlite.rows.checksums import check_rows

_decode = msgspec.json.Decoder(ImportedChoice).decode
_encode = msgspec.json.Encoder().encode


def create_imports(db: UtilsDatabase) -> None:
    """Create the tables; a part of a migration, so it is never edited."""
    db.execute(
        """CREATE TABLE imported_files (
            number INTEGER NOT NULL, last INTEGER NOT NULL, name TEXT NOT NULL,
            sha256 TEXT NOT NULL, decisions INTEGER NOT NULL,
            imported_at_ms INTEGER NOT NULL, PRIMARY KEY (number, last))"""
    )
    db.execute(
        """CREATE TABLE imported_decisions (
            number INTEGER NOT NULL, position INTEGER NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY (number, position)) WITHOUT ROWID"""
    )
    check_rows(db, "imported_files")
    check_rows(db, "imported_decisions", facts=1)


def imported_after(
    connection: sqlite3.Connection, number: int, position: int, limit: int
) -> list[JoinedRow]:
    """Return imported decisions behind a position as joined ones, in order."""
    rows = connection.execute(
        "SELECT position, body FROM sound_imported_decisions"
        " WHERE number = ? AND position > ? ORDER BY position LIMIT ?",
        (number, position, limit),
    )
    return [_joined(number, *row) for row in rows]


def _joined(number: int, position: int, body: bytes) -> JoinedRow:
    choice = _decode(body)
    decision = Decision(
        id=f"imported{position}",
        experiment="",
        number=choice.number or number,
        revision=choice.revision,
        decided_at_ms=0,
        group="treatment",
        context=choice.context,
        variants=choice.variants,
        pmf=(),
        chosen=choice.chosen,
        propensity=choice.propensity,
        model_version=0,
        unit_id=choice.unit_id,
        inline_variants=choice.inline_variants,
    )
    return JoinedRow(position, choice.reward, True, decision)  # noqa: FBT003 - a record


def blank_imported(
    connection: sqlite3.Connection, tokens: Mapping[str, str]
) -> tuple[int, set[int]]:
    """Take the ids of units and their contexts out of imported decisions.

    Args:
        connection: in a transaction.
        tokens: what stands in place of each id.

    Returns:
        How many decisions have changed, and of which experiments.
    """
    count, numbers = 0, set[int]()
    for number, position, body in _of_units(connection, tokens):
        choice = _decode(body)
        after = msgspec.structs.replace(
            choice, unit_id=tokens[choice.unit_id or ""], context={}
        )
        connection.execute(
            "UPDATE imported_decisions SET body = ? WHERE number = ? AND position = ?",
            (_encode(after), number, position),
        )
        count += 1
        numbers.add(number)
    return count, numbers


def _of_units(
    connection: sqlite3.Connection, ids: Collection[str]
) -> list[tuple[int, int, bytes]]:
    """Return the rows of units; SQLite looks for the bytes of their ids."""
    found: dict[tuple[int, int], bytes] = {}
    for id_ in ids:
        rows = connection.execute(
            "SELECT number, position, body FROM sound_imported_decisions"
            " WHERE instr(body, ?)",
            (_encode(id_),),
        ).fetchall()
        for number, position, body in rows:
            if _decode(body).unit_id == id_:
                found[number, position] = body
    return [(*place, body) for place, body in found.items()]
