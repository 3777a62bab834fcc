"""Contradictions between stored facts and sums.

Owns the sentences of storage.joined.facts.Facts.check. Reads in the caller's
transaction, so that a running learner changes nothing in between.
"""

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from bandit_svc.domain.events.packing import FLOAT_BYTES
from bandit_svc.storage.sqlite.rows.checksums import SOUND, checked_tables, schema_crc
from bandit_svc.storage.sqlite.rows.counts import wrong_counts
from bandit_svc.storage.sqlite.rows.states import JOINED

WAY_OUT = "restore the data folder, whole, from a copy"


class _Sum(NamedTuple):
    """A sum that is kept with each join, and the facts that it sums up.

    Attributes:
        words: what it is.
        since: the migration that brought it. A store from before it has facts that
            are in no sum, so that there may be fewer.
        counted: SQL of (experiment number, count) by the sum.
        facts: SQL of the same by the facts.
        spared: SQL of (experiment number, how many of the facts may be in no sum).
    """

    words: str
    since: str
    counted: str
    facts: str
    spared: str | None = None


_ALL = (
    "SELECT number, sum(n) AS n FROM (SELECT number, count(*) AS n FROM joined"
    " GROUP BY number UNION ALL SELECT number, n FROM dropped) AS facts GROUP BY number"
)
"""What was dropped for the archive is in the sums still."""
_SUMS = (
    _Sum(
        "joined decisions in the sums over time",
        "m005_history",
        "SELECT number, sum(n) FROM history GROUP BY number",
        _ALL,
    ),
    _Sum(
        "rewarded decisions in the sums over time",
        "m005_history",
        "SELECT number, sum(rewarded) FROM history GROUP BY number",
        "SELECT number, sum(n) FROM (SELECT number, count(*) AS n FROM joined"
        " WHERE counted > 0 GROUP BY number"
        " UNION ALL SELECT number, rewarded FROM dropped) AS facts GROUP BY number",
    ),
    _Sum(
        "rewards in the latencies",
        "m005_history",
        "SELECT number, sum(counted) FROM latencies GROUP BY number",
        "SELECT number, sum(n) FROM (SELECT number, sum(counted) AS n FROM joined"
        " GROUP BY number UNION ALL SELECT number, counted FROM dropped) AS facts"
        " GROUP BY number",
    ),
    _Sum(
        "joined decisions in the drift of contexts",
        "m028_contexts_once",
        "SELECT number, sum(n) FROM drift_stretches GROUP BY number",
        # They come with the uplift, which may be behind while it is summed up anew.
        f"SELECT a.number, coalesce(u.position, a.n) FROM ({_ALL}) AS a"  # noqa: S608 - constants
        " LEFT JOIN uplift u ON u.number = a.number",
    ),
    _Sum(
        "choices in the calibration",
        "m008_trust",
        "SELECT number, sum(happened) FROM calibration GROUP BY number",
        # Of a page, one a slot: what was reported for all of it stands before them.
        "SELECT number, sum(n) FROM (SELECT j.number AS number,"  # noqa: S608 - constants
        f" sum(coalesce(length(s.rewards) / {FLOAT_BYTES} - 1, 1)) AS n FROM joined j"
        " LEFT JOIN joined_slots s USING (row_id) GROUP BY j.number"
        " UNION ALL SELECT number, choices FROM dropped) AS facts GROUP BY number",
        # What the caller's own system showed was drawn by no pmf. It is counted when it
        # is exposed, which is before it is joined.
        "SELECT number, value FROM counters WHERE name = 'decisions_shown'",
    ),
)
EVERY_SUM = frozenset(one.since for one in _SUMS)
"""The migrations that brought the sums."""


def faults(connection: sqlite3.Connection) -> list[str]:
    """Yield one sentence for each fault of the file, the facts and their sums."""
    (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        return [f"the store's file is damaged: {answer}; {WAY_OUT}"]
    _meet_damaged_rows(connection)
    return [
        *_schema_faults(connection),
        *_row_faults(connection),
        *contradictions(connection, kept_from_the_start(connection)),
    ]


def contradictions(connection: sqlite3.Connection, whole: Collection[str]) -> list[str]:
    """Return one sentence for each contradiction between the facts and their sums.

    Args:
        connection: in a transaction.
        whole: the migrations of the sums that every fact of the store is in.
    """
    return [
        *_join_faults(connection),
        *_sum_faults(connection, whole),
        *_unit_faults(connection),
    ]


def keep_schema(connection: sqlite3.Connection) -> None:
    """Keep the checksum of the definitions, once they are those of this version."""
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES ('schema', ?, NULL)",
        [schema_crc(connection)],
    )


def _schema_faults(connection: sqlite3.Connection) -> list[str]:
    """Compare the definitions of tables, indexes and triggers with those migrated."""
    kept = connection.execute("SELECT value FROM sound_meta WHERE name = 'schema'")
    if (schema_crc(connection),) == kept.fetchone():
        return []
    words = "the definitions of the store's tables are not those that were migrated"
    return [f"{words}; {WAY_OUT}"]


def _meet_damaged_rows(connection: sqlite3.Connection) -> None:
    """Read every row of every checked table; the damaged ones are kept as damages."""
    for table in checked_tables(connection):
        columns = connection.execute(f"PRAGMA table_info({SOUND}{table})").fetchall()
        # A value with a checksum of its own is compared where it is asked for.
        counts = ", ".join(f'count("{column[1]}")' for column in columns)
        connection.execute(f"SELECT {counts} FROM {SOUND}{table}").fetchone()  # noqa: S608 - names of our tables


def _row_faults(connection: sqlite3.Connection) -> list[str]:
    """Compare the rows of each table with the count of those that came and went."""
    return [
        f"the table {table} of the store has {rows} rows, and "
        f"{'no count of them' if counted is None else f'{counted} were counted'}; they "
        f"must agree: {WAY_OUT}"
        for table, rows, counted in wrong_counts(connection, checked_tables(connection))
    ]


def _join_faults(connection: sqlite3.Connection) -> list[str]:
    """Compare the joined order with the states and the totals."""
    found = []
    (unjoined,) = connection.execute(
        "SELECT count(*) FROM decisions d LEFT JOIN joined j USING (row_id)"
        " WHERE (d.state = ?) <> (j.row_id IS NOT NULL)",
        [JOINED],
    ).fetchone()
    if unjoined:
        found.append(f"{unjoined} decisions disagree with the joined order; {WAY_OUT}")
    for number, joined, gaps, tallied in connection.execute(
        "SELECT j.number, count(*) + coalesce(min(g.n), 0),"
        " max(j.position) - count(*) - coalesce(min(g.n), 0), (SELECT sum(n) FROM"
        " tallies t WHERE t.number = j.number AND metric = 'reward')"
        " FROM joined j LEFT JOIN dropped g ON g.number = j.number GROUP BY j.number"
    ):
        if gaps or joined != tallied:
            found.append(
                f"experiment number {number}: {joined} joined decisions, {gaps} "
                f"missing positions, {tallied} in the sums; they must agree: {WAY_OUT}"
            )
    return found


def _sum_faults(connection: sqlite3.Connection, whole: Collection[str]) -> list[str]:
    """Compare each sum with its facts."""
    found = []
    for one in _SUMS:
        facts = dict(connection.execute(one.facts).fetchall())
        counted = dict(connection.execute(one.counted).fetchall())
        spared = dict(connection.execute(one.spared).fetchall()) if one.spared else {}
        for number in sorted(facts.keys() | counted.keys()):
            known, n = int(facts.get(number, 0)), int(counted.get(number, 0))
            least = known - int(spared.get(number, 0))
            if n > known or (n < least and one.since in whole):
                found.append(
                    f"experiment number {number}: {n} {one.words}, {known} by the "
                    f"joined decisions; they must agree: {WAY_OUT}"
                )
    return found


def kept_from_the_start(connection: sqlite3.Connection) -> set[str]:
    """Return the migrations that were applied before the store's first fact."""
    (created_at_ms,) = connection.execute(
        "SELECT value FROM meta WHERE name = 'created_at_ms'"
    ).fetchone() or (0,)
    rows = connection.execute("SELECT name, applied_at FROM _sqlite_migrations")
    return {
        name
        for name, applied_at in rows.fetchall()
        if int(datetime.fromisoformat(applied_at).timestamp() * 1000)
        <= int(created_at_ms)
    }


def _unit_faults(connection: sqlite3.Connection) -> list[str]:
    """Compare the counts of units with the units and the exposed decisions."""
    return [
        f"experiment number {number}: {counted} units counted, of {units} known ones "
        f"and {exposed} exposed decisions; it must be between: {WAY_OUT}"
        for number, counted, units, exposed in connection.execute(
            "SELECT number, counted, known, exposed FROM (SELECT c.number AS number,"
            " sum(c.treatment + c.baseline) AS counted,"
            " (SELECT count(*) FROM units u WHERE u.number = c.number) AS known,"
            " (SELECT count(*) FROM decisions d WHERE d.number = c.number"
            "  AND d.ready_at_ms IS NOT NULL)"
            " + coalesce((SELECT n FROM dropped g WHERE g.number = c.number), 0)"
            " AS exposed"
            " FROM unit_counts c GROUP BY c.number) AS counts"
            " WHERE counted NOT BETWEEN known AND exposed"
        )
    ]
