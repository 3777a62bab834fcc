"""Find what is stored of a unit.

Owns the search in rows that hold ids within their bytes: SQLite looks for the bytes,
and only rows that have them are decoded. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.experiment import UnitHashes
from bandit_svc.domain.people.unit_fact import (
    KeptFact,
    UnitChange,
    decode_unit_fact,
)
from bandit_svc.storage.privacy import KeptOfUnit, WaitingReward
from bandit_svc.storage.sqlite.people import credit_tables
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, shown_id


class FoundDecision(NamedTuple):
    """A row of a decision of the unit."""

    row_id: int
    stored: bytes
    decision: Decision


class FoundFact(NamedTuple):
    """A row of a fact about the unit."""

    position: int
    fact: KeptFact


def decisions_of(
    connection: sqlite3.Connection, decisions: StoredDecisions, ids: Collection[str]
) -> list[FoundDecision]:
    """Return the decisions that were made for any of some ids, in their order."""
    found: dict[int, FoundDecision] = {}
    for id_ in ids:
        rows = connection.execute(
            "SELECT row_id, id, logged FROM sound_decisions"
            " WHERE instr(logged, ?) ORDER BY row_id",
            (id_.encode("utf-8", "surrogatepass"),),
        ).fetchall()
        for row_id, stored, logged in rows:
            try:
                decision = decisions.decode(stored, logged)
            except UnreadableEvent:
                continue
            if ids_of(decision) & set(ids):
                found[row_id] = FoundDecision(row_id, stored, decision)
    return [found[row_id] for row_id in sorted(found)]


def ids_of(decision: Decision) -> set[str]:
    """Return the ids that a decision names."""
    named = {decision.unit_id, decision.asked_unit_id}
    return {id_ for id_ in named if id_ is not None}


def facts_of(connection: sqlite3.Connection, ids: Collection[str]) -> list[FoundFact]:
    """Return the facts that name any of some ids, in their order."""
    found: dict[int, FoundFact] = {}
    for id_ in ids:
        for position, body in connection.execute(
            "SELECT position, body FROM sound_unit_facts WHERE instr(body, ?)",
            # As it stands in JSON, without its quotes.
            (_in_json(id_),),
        ).fetchall():
            fact = decode_unit_fact(body)
            named = {fact.unit_id}
            if isinstance(fact, UnitChange):
                named |= set(fact.links)
            if named & set(ids):
                found[position] = FoundFact(position, fact)
    return [found[position] for position in sorted(found)]


def facts_among(
    connection: sqlite3.Connection, ids: Collection[str]
) -> list[FoundFact]:
    """Return the facts about any of many ids, in one pass over all facts."""
    rows = connection.execute("SELECT position, body FROM sound_unit_facts")
    facts = (FoundFact(position, decode_unit_fact(body)) for position, body in rows)
    return [one for one in facts if one.fact.unit_id in ids]


def unit_hashes(
    connection: sqlite3.Connection, ids: Collection[str]
) -> Iterator[tuple[int, UnitHashes, dict[str, int]]]:
    """Yield for each experiment its number and the hashes of the ids."""
    for number, salt in connection.execute(
        "SELECT number, salt FROM sound_experiments"
    ).fetchall():
        hashes = UnitHashes(salt)
        yield number, hashes, {id_: hashes.of(id_) for id_ in ids}


def kept_of(
    connection: sqlite3.Connection, decisions: StoredDecisions, ids: frozenset[str]
) -> KeptOfUnit:
    """Return what is stored under some ids."""
    sticky = []
    for number, _, hashed in unit_hashes(connection, ids):
        for unit in hashed.values():
            row = connection.execute(
                "SELECT id FROM sound_sticky_choices WHERE number = ? AND unit = ?",
                (number, unit),
            ).fetchone()
            if row is not None:
                sticky.append((number, shown_id(row[0])))
    return KeptOfUnit(
        [one.decision.id for one in decisions_of(connection, decisions, ids)],
        [one.fact for one in facts_of(connection, ids)],
        sticky,
        _waiting(connection, ids),
    )


def _waiting(
    connection: sqlite3.Connection, ids: frozenset[str]
) -> list[WaitingReward]:
    """Return the rewards of units that have no decision."""
    hashes = credit_tables.unit_hashes(connection)
    found = []
    for id_ in sorted(ids):
        rows = connection.execute(
            "SELECT number, metric, reward_id, value, occurred_at_ms, received_at_ms"
            " FROM sound_unit_rewards WHERE unit = ? AND state <> ? ORDER BY position",
            (hashes.of(id_), credit_tables.CREDITED),
        )
        found += [WaitingReward(*row) for row in rows]
    return found


def _in_json(id_: str) -> bytes:
    return msgspec.json.encode(id_)[1:-1]
