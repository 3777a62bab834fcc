"""Corrections on their way into the tables, inside the transaction of a batch.

Owns the table corrections and the rule of which correction of a reward holds: the one
that was received last, and of those of one millisecond the last one of the log. A
correction that comes before its reward waits for it. The caller owns the transaction.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.reward import MAIN_METRIC, Correction, Reward
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Definition
from bandit_svc.storage.sqlite.corrections.apart import correct_apart
from bandit_svc.storage.sqlite.corrections.states import next_sequence
from bandit_svc.storage.sqlite.rows.checksums import check_rows
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, stored_id
from bandit_svc.storage.sqlite.rows.facts import reward_change
from bandit_svc.storage.sqlite.rows.retained import corrections_left
from bandit_svc.storage.sqlite.rows.states import APART, JOINED

Counts = Counter[tuple[int, str]]
_Key = tuple[bytes, str, str]

_KEY = "decision_id = ?1 AND metric = ?2 AND reward_id = ?3"
_SET_VALUE = reward_change({"value": "?4"}, _KEY)
_KEEP = (
    "INSERT INTO corrections VALUES (?, ?, ?, ?, NULL, ?, ?, 0, NULL)"
    " ON CONFLICT (decision_id, metric, reward_id) DO UPDATE SET"
    " value = excluded.value, received_at_ms = excluded.received_at_ms"
    " WHERE excluded.received_at_ms >= received_at_ms"
)
_REWARD = f"""
    SELECT r.value, r.attached <> 0 AND r.late = 0 AND d.state = {JOINED}, d.baseline,
        d.state = {APART}
    FROM sound_rewards r LEFT JOIN decisions d ON d.id = page_id(r.decision_id)
    WHERE r.decision_id = ?1 AND r.metric = ?2 AND r.reward_id = ?3"""  # noqa: S608 - our own number


def create_corrections(db: UtilsDatabase) -> None:
    """Create the table, in the transaction of a migration."""
    db.execute(
        # first_value is NULL until the reward has come, and sequence 0 until the
        # value of a joined decision has changed.
        """CREATE TABLE corrections (
            decision_id BLOB NOT NULL, metric TEXT NOT NULL, reward_id TEXT NOT NULL,
            number INTEGER NOT NULL, first_value REAL, value REAL NOT NULL,
            received_at_ms INTEGER NOT NULL, sequence INTEGER NOT NULL,
            PRIMARY KEY (decision_id, metric, reward_id)) WITHOUT ROWID"""
    )
    check_rows(db, "corrections", 1)
    db.execute("CREATE INDEX corrections_number ON corrections (number, sequence)")
    db.execute("CREATE INDEX corrections_sequence ON corrections (sequence)")
    db.execute(
        "CREATE INDEX corrections_waiting ON corrections (number)"
        " WHERE first_value IS NULL"
    )


class _Kept(NamedTuple):
    """A row of the table."""

    number: int
    first_value: float | None
    value: float


def keep_corrections(
    connection: sqlite3.Connection,
    decisions: StoredDecisions,
    corrections: Sequence[Correction],
) -> Counts:
    """Keep the corrections of a batch, and apply all whose reward is there.

    Call it when the rewards of the batch are in their table.
    """
    counts: Counts = Counter()
    touched: dict[_Key, int] = {}
    corrections = corrections_left(connection, corrections, counts)
    for one in sorted(corrections, key=lambda c: c.received_at_ms):
        key = stored_id(one.decision_id), one.metric, one.reward_id
        row = (*key, one.number, one.value + 0.0, one.received_at_ms)
        connection.execute(_KEEP, row)
        touched[key] = touched.get(key, 0) + 1
    waiting = connection.execute(
        "SELECT decision_id, metric, reward_id FROM corrections"
        " WHERE first_value IS NULL"
    ).fetchall()
    for key in [*touched, *(key for key in waiting if key not in touched)]:
        _apply(connection, decisions, key, touched.get(key, 1), counts)
    return counts


def is_first_value(connection: sqlite3.Connection, reward: Reward) -> bool:
    """Return whether a repeated reward has the value of before its correction."""
    found = connection.execute(
        f"SELECT 1 FROM sound_corrections WHERE {_KEY} AND first_value = ?4",  # noqa: S608 - a constant
        (*key_of(reward), reward.value),
    ).fetchone()
    return found is not None


def key_of(reward: Reward) -> _Key:
    """Return the key of a reward as the tables have it."""
    return stored_id(reward.decision_id), reward.metric, reward.reward_id


def _apply(
    connection: sqlite3.Connection,
    decisions: StoredDecisions,
    key: _Key,
    sent: int,
    counts: Counts,
) -> None:
    """Store the newest value of a reward that is there; count what was sent."""
    row = connection.execute(
        f"SELECT number, first_value, value FROM sound_corrections WHERE {_KEY}",  # noqa: S608 - a constant
        key,
    ).fetchone()
    found = connection.execute(_REWARD, key).fetchone()
    if row is None or found is None:
        return
    kept = _Kept(*row)
    before, is_joined, is_baseline, is_apart = found
    if kept.first_value is None:
        connection.execute(
            f"UPDATE corrections SET first_value = ?4 WHERE {_KEY}",  # noqa: S608 - a constant
            (*key, before),
        )
    if before == kept.value:
        counts[kept.number, "rewards_duplicate"] += sent
        return
    counts[kept.number, "rewards_corrected"] += sent
    if is_apart and key[1] == MAIN_METRIC:
        correct_apart(connection, decisions, key[0], key[2], kept.value)
    connection.execute(_SET_VALUE, (*key, kept.value))
    if is_joined:
        connection.execute(
            f"UPDATE corrections SET sequence = ?4 WHERE {_KEY}",  # noqa: S608 - a constant
            (*key, next_sequence(connection, kept.number)),
        )
    change = _clipped_change(connection, kept, key[1], before)
    if change:
        group = {None: "orphan", 0: TREATMENT, 1: BASELINE}[is_baseline]
        counts[kept.number, f"rewards_clipped_{group}"] += change


def _clipped_change(
    connection: sqlite3.Connection, kept: _Kept, metric: str, before: float
) -> int:
    """Return how many more values are cut to the range than before: -1, 0 or 1."""
    row = connection.execute(
        "SELECT definition FROM sound_experiments WHERE number = ?", (kept.number,)
    ).fetchone()
    if row is None:
        return 0
    clip = msgspec.json.decode(row[0], type=Definition).clip
    return int(clip(metric, kept.value) != kept.value) - int(
        clip(metric, before) != before
    )
