"""New and changed rows of decisions and rewards, with their checksums.

Owns the order of their columns, which is that of the tables. No trigger fills these
checksums, since it would cost more than the row.
"""

from collections.abc import Mapping
from typing import NamedTuple

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import BASELINE
from bandit_svc.storage.rows import ClosingRule
from bandit_svc.storage.sqlite.rows.checksums import row_crc
from bandit_svc.storage.sqlite.rows.decisions import stored_id
from bandit_svc.storage.sqlite.rows.states import APART_OPEN, DEFERRED, JOINED, OPEN

DECISION = (
    *("row_id", "id", "number", "baseline", "state", "at_ms", "ready_at_ms"),
    *("closes_after_ms", "window_ms", "on_first_reward", "logged"),
)
_REWARD = (
    *("decision_id", "CAST(metric AS BLOB)", "CAST(reward_id AS BLOB)", "number"),
    *("value", "occurred_at_ms", "received_at_ms", "attached", "late", "conflicts"),
)


class Ruled(NamedTuple):
    """A decision that is new to the store, or seems so."""

    stored: bytes
    """Its id, as it is stored."""
    decision: Decision
    rule: ClosingRule
    logged: bytes
    """What the row keeps of it."""


def decision_change(changes: Mapping[str, str], where: str) -> str:
    """Return the SQL that changes columns of sound decisions, and their checksum.

    Args:
        changes: SQL by column; of columns and numbered parameters.
        where: the condition.
    """
    return _change("decisions", DECISION, changes, where)


def reward_change(changes: Mapping[str, str], where: str) -> str:
    """Return the SQL that changes columns of sound rewards; see `decision_change`."""
    return _change("rewards", _REWARD, changes, where)


def _change(
    table: str, columns: tuple[str, ...], changes: Mapping[str, str], where: str
) -> str:
    values = ", ".join(f"{column} = {sql}" for column, sql in changes.items())
    after = ", ".join(f"({changes.get(column, column)})" for column in columns)
    before = ", ".join(columns)
    return (
        f"UPDATE {table} SET {values}, crc = row_crc('{table}', {after})"  # noqa: S608 - of our own names
        f" WHERE {where} AND crc = row_crc('{table}', {before})"
    )


def decision_row(
    row_id: int, stored: bytes, decision: Decision, rule: ClosingRule, logged: bytes
) -> tuple[object, ...]:
    """Return the row of a decision that is new; `stored` is its id, as it is stored."""
    at_ms, deferred = decision.decided_at_ms, decision.deferred
    state = DEFERRED if deferred else OPEN
    if decision.without_consent:
        # It counts from the choice on, deferred or not.
        state, deferred = APART_OPEN, False
    values = (
        row_id,
        stored,
        decision.number,
        int(decision.group == BASELINE),
        state,
        at_ms,
        None if deferred else at_ms + rule.closes_after_ms,
        rule.closes_after_ms,
        rule.window_ms,
        int(rule.on_first_reward),
        logged,
    )
    return (*values, row_crc("decisions", *values))


def reward_row(reward: Reward, state: int | None) -> tuple[object, ...]:
    """Return the row of a reward that is new.

    Args:
        reward: the reward.
        state: of its decision, None if that is unknown.
    """
    decision_id = stored_id(reward.decision_id)
    values = (
        reward.number,
        # SQLite keeps -0.0 as 0.0.
        reward.value + 0.0,
        reward.occurred_at_ms,
        reward.received_at_ms,
        int(state is not None),
        int(state == JOINED),
        0,
    )
    metric, reward_id = reward.metric.encode(), reward.reward_id.encode()
    crc = row_crc("rewards", decision_id, metric, reward_id, *values)
    return (decision_id, reward.metric, reward.reward_id, *values, crc)
