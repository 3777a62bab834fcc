"""Progressive evaluation in SQLite.

Owns the tables evaluations and reward_models; see
storage.joined.evaluations.Evaluations.
"""

import sqlite3

import msgspec

from bandit_svc.storage.rows import EvaluationChanges, EvaluationRow, RewardModelRow
from bandit_svc.storage.sqlite.database import Database


class SqliteEvaluations:
    """See storage.joined.evaluations.Evaluations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, number: int) -> list[EvaluationRow]:
        """See the interface."""
        return self._read(number, "state")

    def scores(self, number: int) -> list[EvaluationRow]:
        """See the interface."""
        return self._read(number, "x''")

    def reward_models(self, number: int) -> list[RewardModelRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT slot, cursor, quality, state FROM sound_reward_models"
                " WHERE number = ? ORDER BY slot",
                [number],
            ).fetchall()
        return [RewardModelRow(*row) for row in rows if row[-1] is not None]

    def reward_model_quality(self, number: int) -> bytes | None:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT quality FROM sound_reward_models WHERE number = ? AND slot = 0",
                [number],
            ).fetchone()
        return None if row is None else bytes(row[0])

    def save(self, number: int, changes: EvaluationChanges) -> None:
        """See the interface."""
        with self._database.write() as connection:
            save_evaluations(connection, number, changes)

    def _read(self, number: int, state: str) -> list[EvaluationRow]:
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT policy, spec, cursor, scores, {state}, first_ms, last_ms"  # noqa: S608 - constants
                " FROM sound_evaluations WHERE number = ? ORDER BY policy",
                [number],
            ).fetchall()
        return [
            EvaluationRow(
                policy, msgspec.json.decode(spec), cursor, scores, kept, *span
            )
            for policy, spec, cursor, scores, kept, *span in rows
            # A damaged one is computed again from the log.
            if kept is not None
        ]


def save_evaluations(
    connection: sqlite3.Connection, number: int, changes: EvaluationChanges
) -> None:
    """Write the changes; the caller owns the transaction."""
    known = connection.execute(
        "SELECT policy FROM evaluations WHERE number = ?", (number,)
    ).fetchall()
    connection.executemany(
        "DELETE FROM evaluations WHERE number = ? AND policy = ?",
        [(number, policy) for (policy,) in known if policy not in changes.labels],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO evaluations (number, policy, spec, cursor, scores,"
        " state, first_ms, last_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                number,
                row.policy,
                msgspec.json.encode(row.spec).decode(),
                row.cursor,
                row.scores,
                row.state,
                row.first_ms,
                row.last_ms,
            )
            for row in changes.rows
        ],
    )
    if changes.reward_models is not None:
        connection.execute("DELETE FROM reward_models WHERE number = ?", (number,))
        connection.executemany(
            "INSERT INTO reward_models (number, slot, cursor, quality, state)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                (number, row.slot, row.cursor, row.quality, row.state)
                for row in changes.reward_models
            ],
        )
