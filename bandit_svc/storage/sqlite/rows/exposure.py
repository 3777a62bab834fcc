"""Until when a deferred decision may be activated.

Owns the reading of it from the revision that decided, in the caller's transaction.
"""

import sqlite3

import msgspec

from bandit_svc.domain.events.decision import Decision


class _Within(msgspec.Struct):
    expose_within_seconds: float | None = None


_within = msgspec.json.Decoder(_Within)


def last_exposure_ms(
    connection: sqlite3.Connection, decision: Decision, window_ms: int
) -> int:
    """Return the last moment at which the activation of a decision counts.

    Args:
        connection: in the transaction.
        decision: that was deferred.
        window_ms: its reward window, which holds where nothing is declared.
    """
    row = connection.execute(
        "SELECT definition FROM sound_revisions WHERE number = ? AND revision = ?",
        (decision.number, decision.revision),
    ).fetchone()
    within = None if row is None else _within.decode(row[0]).expose_within_seconds
    within_ms = window_ms if within is None else round(within * 1000)
    return decision.decided_at_ms + within_ms
