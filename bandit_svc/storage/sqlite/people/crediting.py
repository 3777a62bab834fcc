"""Rewards of units on their way to decisions, inside the transaction of a batch.

Owns which rows of `rewards` come of them. What a person's decisions and links are is
looked at again whenever one of them turns up, so that the outcome is the same in
whichever order they came; only a decision that was joined keeps what it has. The caller
owns the transaction.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import BASELINE, TREATMENT, UnitHashes
from bandit_svc.domain.people.credit import RETAINED_MS, credited
from bandit_svc.domain.people.unit_fact import (
    KeptFact,
    UnitChange,
    UnitEvent,
    UnitFact,
    UnitReward,
    UnitValue,
    decode_unit_fact,
)
from bandit_svc.domain.people.unit_state import MOST_IDS
from bandit_svc.storage.rows import ClosingRule
from bandit_svc.storage.sqlite.people.credit_tables import (
    AHEAD,
    CREDITED,
    EVENT,
    NEW,
    REDRIVE,
    UNIT,
    any_rows,
    creditable_of,
    person_ids,
    unit_hashes,
)
from bandit_svc.storage.sqlite.people.unit_corrections import (
    UnitCorrections,
    reward_key,
)
from bandit_svc.storage.sqlite.rows.checksums import row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows
from bandit_svc.storage.sqlite.rows.decisions import shown_id, stored_id
from bandit_svc.storage.sqlite.rows.facts import reward_change
from bandit_svc.storage.sqlite.rows.states import JOINED

Counts = Counter[tuple[int, str]]

_KEY = "decision_id = ?1 AND metric = ?2 AND reward_id = ?3"
_SET_VALUE = reward_change({"value": "?4"}, _KEY)
_ADD_DECISION = """
    INSERT INTO creditable VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (unit, number, id) DO """
_EXPOSE = (
    "UPDATE SET exposed_at_ms = excluded.exposed_at_ms, gone_ms = excluded.gone_ms,"
    " crc = excluded.crc"
)
_ADD_REWARD = """
    INSERT INTO unit_rewards (key, unit, number, metric, reward_id, value, clipped,
        occurred_at_ms, received_at_ms, source, state, conflicts)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (key) DO NOTHING
    RETURNING position"""
_REWARD = """
    SELECT position, unit, number, metric, reward_id, value, clipped, occurred_at_ms,
        received_at_ms, source FROM sound_unit_rewards
    WHERE position = ?1 AND state <> ?2"""
_HAS = """
    SELECT c.decision_id, r.value, d.state, d.baseline, d.on_first_reward
    FROM sound_credits c JOIN sound_rewards r USING (decision_id, metric, reward_id)
    JOIN decisions d ON d.id = c.decision_id WHERE c.position = ?"""


class _Kept(NamedTuple):
    """A reward of a unit."""

    position: int
    unit: int
    number: int
    metric: str
    reward_id: str
    value: float
    clipped: int
    occurred_at_ms: int
    received_at_ms: int
    source: int


class _Credit(NamedTuple):
    """A row of `rewards` that came of it, and its decision."""

    decision_id: bytes
    value: float
    state: int
    is_baseline: int
    on_first_reward: int


class Settled(NamedTuple):
    """What becomes of the rewards that were looked at.

    Attributes:
        rewards: new ones of decisions.
        left: decisions that lost one, and close with their first reward.
        counts: what was counted for credits that moved, less.
    """

    rewards: list[Reward]
    left: list[str]
    counts: Counts


class Crediting:
    """The credits of one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._hashes: UnitHashes | None = None
        self._touched: dict[int, int] = {}
        self._positions: set[int] = set()
        self._settled = Settled([], [], Counter())
        self._creditable: bool | None = None
        self.corrections = UnitCorrections(connection, self._hash)

    def decided(self, decisions: Iterable[tuple[Decision, ClosingRule]]) -> None:
        """Keep the decisions that a reward of their unit may go to."""
        rows = []
        for decision, rule in decisions:
            if rule.credit is None or decision.unit_id is None:
                continue
            unit = self._hash(decision.unit_id)
            within_ms, shared = rule.credit
            at_ms = decision.decided_at_ms
            # As long as it may be waiting to be exposed, open, or credited.
            gone_ms = at_ms + max(within_ms, rule.closes_after_ms) + RETAINED_MS
            if decision.deferred:
                gone_ms += rule.expose_within_ms or rule.window_ms
            exposed_ms = None if decision.deferred else at_ms
            place = unit, decision.number, stored_id(decision.id)
            rows.append((*place, exposed_ms, within_ms, int(shared), gone_ms))
            if exposed_ms is not None:
                self._touch(unit, exposed_ms)
        if rows:
            self._keep(rows, "NOTHING")

    def exposed(self, decision: Decision, at_ms: int) -> None:
        """Take note that a deferred decision was shown."""
        if decision.unit_id is None:
            return
        if self._creditable is None:
            self._creditable = any_rows(self._connection, "creditable")
        if not self._creditable:
            return
        place = self._hash(decision.unit_id), decision.number, stored_id(decision.id)
        found = self._connection.execute(
            "SELECT within_ms, shared, gone_ms FROM sound_creditable"
            " WHERE unit = ? AND number = ? AND id = ?",
            place,
        ).fetchone()
        if found is not None:
            self._keep([(*place, at_ms, *found)], _EXPOSE)
            self._touch(place[0], at_ms)

    def link(self, facts: Iterable[KeptFact]) -> None:
        """Make one person of ids that are linked."""
        for fact in facts:
            if isinstance(fact, UnitChange) and fact.links:
                self._link([self._hash(id_) for id_ in (fact.unit_id, *fact.links)])

    def report(self, facts: Iterable[UnitFact | UnitReward]) -> None:
        """Keep the rewards in facts about units; one that comes again counts once.

        Of several of one name, a decision gets the one that was received first.
        """
        for fact in sorted(facts, key=attrgetter("at_ms")):
            if isinstance(fact, UnitReward) and fact.correction:
                self.corrections.add(fact)
            elif isinstance(fact, UnitReward):
                for number, value in fact.rewards.items():
                    key = reward_key(UNIT, number, fact.metric, fact.reward_id)
                    named = (fact.metric, fact.reward_id)
                    self._report(key, fact, number, named, value)
            elif isinstance(fact, UnitEvent):
                for number, value in fact.rewards.items():
                    key = reward_key(EVENT, number, fact.unit_id, fact.fact_id)
                    named = ("reward", fact.fact_id)
                    self._report(key, fact, number, named, value)

    def settle(self) -> Settled:
        """Credit what is new, and what may go elsewhere than before."""
        asked = "FROM meta WHERE name = ?"
        if self._connection.execute(f"SELECT 1 {asked}", (REDRIVE,)).fetchone():
            self._look_at_quarantined()
            self._connection.execute(f"DELETE {asked}", (REDRIVE,))
        if self._touched and any_rows(self._connection, "unit_rewards"):
            for unit, since_ms in self._touched.items():
                for one in person_ids(self._connection, unit):
                    rows = self._connection.execute(
                        "SELECT position FROM unit_rewards"
                        " WHERE unit = ? AND occurred_at_ms >= ?",
                        (one, since_ms),
                    )
                    self._positions.update(position for (position,) in rows)
        for position in sorted(self._positions):
            row = self._connection.execute(_REWARD, (position, AHEAD)).fetchone()
            if row is not None:
                self._settle(_Kept(*row))
        return self._settled

    def _look_at_quarantined(self) -> None:
        """Look at every reward again that has no decision."""
        rows = self._connection.execute(
            "SELECT position FROM unit_rewards WHERE state <> ?", (CREDITED,)
        )
        self._positions.update(position for (position,) in rows)

    def _settle(self, reward: _Kept) -> None:
        target = self._decisions_for(reward)
        rows = self._connection.execute(_HAS, (reward.position,)).fetchall()
        has = {credit.decision_id: credit for credit in (_Credit(*r) for r in rows)}
        joined = [c for c in has.values() if c.state == JOINED]
        if not target or (joined and len(target) == 1):
            return
        value = reward.value / len(target)
        for decision_id, credit in has.items():
            if credit.state == JOINED:
                continue
            if decision_id not in target:
                self._take(reward, credit)
            elif credit.value != value:
                key = decision_id, reward.metric, reward.reward_id
                self._connection.execute(_SET_VALUE, (*key, value))
        for decision_id in target:
            if decision_id not in has:
                self._give(reward, decision_id, value, alone=len(target) == 1)
        self._connection.execute(
            "UPDATE unit_rewards SET state = ? WHERE position = ?",
            (CREDITED, reward.position),
        )

    def _decisions_for(self, reward: _Kept) -> list[bytes]:
        found = creditable_of(self._connection, reward.number, reward.unit)
        return credited(found, reward.occurred_at_ms, reward.received_at_ms)

    def _give(
        self, reward: _Kept, decision_id: bytes, value: float, *, alone: bool
    ) -> None:
        key = decision_id, reward.metric, reward.reward_id
        known = self._connection.execute(
            f"SELECT 1 FROM rewards WHERE {_KEY}",  # noqa: S608 - a constant
            key,
        ).fetchone()
        if known is not None:
            # Its caller has named the decision too.
            return
        new = self._connection.execute(
            "INSERT OR IGNORE INTO credits VALUES (?, ?, ?, ?, ?, NULL)",
            (*key, reward.position, reward.source),
        )
        if not new.rowcount:
            # One of the same name is given to it in this transaction: an event and a
            # reward, or events of two ids of the person.
            return
        self._settled.rewards.append(
            Reward(
                shown_id(decision_id),
                reward.number,
                value,
                reward.reward_id,
                reward.occurred_at_ms,
                reward.received_at_ms,
                reward.metric,
                bool(reward.clipped) and alone,
            )
        )

    def _take(self, reward: _Kept, credit: _Credit) -> None:
        """Take a reward from a decision; a later one has turned up."""
        key = credit.decision_id, reward.metric, reward.reward_id
        for table in ("rewards", "credits", "corrections"):
            self._connection.execute(f"DELETE FROM {table} WHERE {_KEY}", key)  # noqa: S608 - our own names
        add_rows(self._connection, "rewards", -1)
        group = BASELINE if credit.is_baseline else TREATMENT
        counts = self._settled.counts
        counts[reward.number, "rewards_accepted"] -= 1
        counts[reward.number, f"reported_{group}"] -= 1
        if reward.clipped and credit.value == reward.value:
            counts[reward.number, f"rewards_clipped_{group}"] -= 1
        if credit.on_first_reward:
            self._settled.left.append(shown_id(credit.decision_id))

    def _report(
        self,
        key: bytes,
        fact: UnitReward | UnitEvent,
        number: int,
        named: tuple[str, str],
        value: UnitValue,
    ) -> None:
        row = (
            *(key, self._hash(fact.unit_id), number, *named),
            *(value.value + 0.0, int(value.clipped)),
            *(fact.occurred_at_ms, fact.at_ms),
            *(EVENT if isinstance(fact, UnitEvent) else UNIT, NEW),
        )
        if self._insert(row):
            return
        if isinstance(fact, UnitReward) and self.corrections.came(key, fact, number):
            self._insert(row)
            return
        changed = self._connection.execute(
            "UPDATE unit_rewards SET conflicts = conflicts + 1"
            # What was corrected since comes again with its former value.
            " WHERE key = ? AND value <> ? AND corrected_ms = 0",
            (key, value.value),
        ).rowcount
        outcome = "rewards_conflict" if changed else "rewards_duplicate"
        self._settled.counts[number, outcome] += 1

    def _insert(self, row: tuple[object, ...]) -> bool:
        """Keep a reward that is new; return whether it is."""
        new = self._connection.execute(_ADD_REWARD, row).fetchone()
        if new is not None:
            self._positions.add(int(new[0]))
        return new is not None

    def _link(self, ids: Sequence[int]) -> None:
        persons = {id_: person_ids(self._connection, id_) for id_ in ids}
        members = {one for person in persons.values() for one in person}
        if len(members) > MOST_IDS:
            # As where groups are made of links: no person has so many ids.
            return
        oldest = min(members)
        self._connection.executemany(
            "INSERT INTO credit_persons VALUES (?, ?, NULL)"
            " ON CONFLICT (unit) DO UPDATE SET person = excluded.person",
            [(one, oldest) for one in sorted(members)],
        )
        for one in members:
            self._touch(one, 0)

    def _keep(self, rows: Sequence[tuple[object, ...]], otherwise: str) -> None:
        """Insert rows of creditable decisions."""
        self._creditable = True
        came = self._connection.executemany(
            _ADD_DECISION + otherwise,
            [(*row, row_crc("creditable", *row)) for row in rows],  # type: ignore[arg-type]
        ).rowcount
        if otherwise == "NOTHING":
            add_rows(self._connection, "creditable", came)

    def _touch(self, unit: int, since_ms: int) -> None:
        known = self._touched.get(unit, since_ms)
        self._touched[unit] = min(known, since_ms)

    def _hash(self, unit_id: str) -> int:
        if self._hashes is None:
            self._hashes = unit_hashes(self._connection)
        return self._hashes.of(unit_id)


def link_known(connection: sqlite3.Connection) -> None:
    """Make persons of the links of before, in the transaction of a migration."""
    crediting = Crediting(connection)
    rows = connection.execute("SELECT body FROM sound_unit_facts ORDER BY position")
    crediting.link(decode_unit_fact(body) for (body,) in rows.fetchall())
