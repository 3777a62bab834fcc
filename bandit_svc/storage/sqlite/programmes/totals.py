"""What the units of programmes have brought, in SQLite.

Owns the tables programme_sums and programme_units; see storage.programmes.totals.
"""

import sqlite3
from collections.abc import Collection, Mapping

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.experiment import UnitHashes
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import check_rows, row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows

_ADD = "INSERT INTO programme_units VALUES (?, ?, ?, ?) ON CONFLICT (number, unit) DO "


def create_totals_of_programmes(db: UtilsDatabase) -> None:
    """Create the tables, in the transaction of a migration."""
    db.execute(
        "CREATE TABLE programme_sums (number INTEGER PRIMARY KEY, sums BLOB NOT NULL)"
    )
    db.execute(
        """CREATE TABLE programme_units (
            number INTEGER NOT NULL, unit INTEGER NOT NULL, state BLOB NOT NULL,
            crc BLOB, PRIMARY KEY (number, unit)) WITHOUT ROWID"""
    )
    check_rows(db, "programme_sums")
    check_rows(db, "programme_units", by_writers=True)


class SqliteProgrammeTotals:
    """See storage.programmes.totals.ProgrammeTotals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def kept(self, number: int) -> bytes | None:
        """See the interface."""
        row = self._database.row(
            "SELECT sums FROM sound_programme_sums WHERE number = ?", (number,)
        )
        return None if row is None else bytes(row[0])

    def units(self, number: int, hashes: Collection[int]) -> Mapping[int, bytes]:
        """See the interface."""
        sql = "SELECT state FROM sound_programme_units WHERE number = ? AND unit = ?"
        with self._database.read() as connection:
            found = {
                unit: connection.execute(sql, (number, unit)).fetchone()
                for unit in hashes
            }
        return {unit: bytes(row[0]) for unit, row in found.items() if row is not None}

    def save(self, number: int, sums: bytes, units: Mapping[int, bytes]) -> None:
        """See the interface."""
        rows = [
            (number, unit, state, row_crc("programme_units", number, unit, state))
            for unit, state in sorted(units.items())
        ]
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO programme_sums (number, sums) VALUES (?, ?)"
                " ON CONFLICT (number) DO UPDATE SET sums = excluded.sums",
                (number, sums),
            )
            new = connection.executemany(_ADD + "NOTHING", rows).rowcount
            if new < len(rows):
                connection.executemany(
                    _ADD + "UPDATE SET state = excluded.state, crc = excluded.crc", rows
                )
            add_rows(connection, "programme_units", new)

    def begin_anew(self, number: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM programme_sums WHERE number = ?", (number,))
            gone = connection.execute(
                "DELETE FROM programme_units WHERE number = ?", (number,)
            ).rowcount
            add_rows(connection, "programme_units", -gone)


def rename_units(connection: sqlite3.Connection, tokens: Mapping[str, str]) -> int:
    """Keep what erased units have brought under their tokens; return how many.

    Args:
        connection: in the transaction of an erasure.
        tokens: what stands in place of each id.
    """
    programmes = connection.execute(
        "SELECT DISTINCT number, salt FROM sound_programmes"
    ).fetchall()
    renamed = 0
    for number, salt in programmes:
        hashes = UnitHashes(salt)
        for id_, token in tokens.items():
            key = (number, hashes.of(id_))
            row = connection.execute(
                "SELECT state FROM sound_programme_units WHERE number = ? AND unit = ?",
                key,
            ).fetchone()
            if row is None:
                continue
            connection.execute(
                "DELETE FROM programme_units WHERE number = ? AND unit = ?", key
            )
            after = (number, hashes.of(token), bytes(row[0]))
            connection.execute(
                "INSERT INTO programme_units VALUES (?, ?, ?, ?)",
                (*after, row_crc("programme_units", *after)),
            )
            renamed += 1
    return renamed
