"""One batch of facts on its way into the tables, inside one transaction.

Owns the rules of repetition: what a second line of the same decision, reward or
activation does. The caller owns the transaction.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.decision import Activation, Decision
from bandit_svc.domain.events.event import decode_decision
from bandit_svc.domain.events.refusal import Refusal
from bandit_svc.domain.events.reward import MAIN_METRIC, Reward
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Group
from bandit_svc.domain.latency import bin_of
from bandit_svc.domain.limits import CLOCK_SKEW_MS
from bandit_svc.storage.rows import Arrival, ClosingRule, IngestOutcome
from bandit_svc.storage.sqlite.sums.groups import Units
from bandit_svc.storage.sqlite.sums.latencies import Latencies, add_latencies

DEFERRED, OPEN, JOINED, AMBIGUOUS = range(4)

_EXPOSED = {TREATMENT: "decisions_treatment", BASELINE: "decisions_baseline"}

_INSERT_DECISION = """
    INSERT INTO decisions (id, number, revision, decided_at_ms, grp, variant, state,
        exposed_at_ms, closes_at_ms, ready_at_ms, closes_after_ms, window_ms,
        on_first_reward, line)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"""
_INSERT_REWARD = """
    INSERT INTO rewards (decision_id, metric, reward_id, number, value,
        occurred_at_ms, received_at_ms, attached, late)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (decision_id, metric, reward_id) DO NOTHING"""

_KNOWN = """
    SELECT id, state, grp, on_first_reward, exposed_at_ms, window_ms, closes_at_ms
    FROM decisions WHERE id IN ({})"""
_IDS_AT_ONCE = 500


class _Known(NamedTuple):
    """What a reward needs to know of its decision."""

    state: int
    group: Group
    on_first_reward: bool
    exposed_at_ms: int
    window_ms: int
    closes_at_ms: int


_Ruled = tuple[Decision, ClosingRule, bytes]
"""A decision, its rule, and its line in the log."""


class Ingesting:
    """The work of one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._counts: Counter[tuple[int, str]] = Counter()
        self._latencies: Latencies = Counter()
        self._units = Units(connection)
        self._orphans = True

    def run(self, arrivals: Sequence[Arrival]) -> IngestOutcome:
        """Keep every arrival: decisions first, so that fewer rewards are orphans."""
        decisions: list[_Ruled] = []
        activations: list[Activation] = []
        rewards: list[Reward] = []
        refusals: list[Refusal] = []
        self._orphans = self._any_orphans()
        for arrival in arrivals:
            event = arrival.event
            if isinstance(event, Decision):
                if arrival.rule is None:
                    raise ValueError(f"decision {event.id} has no closing rule")
                decisions.append((event, arrival.rule, arrival.line))
            elif isinstance(event, Activation):
                activations.append(event)
            elif isinstance(event, Reward):
                rewards.append(event)
            elif isinstance(event, Refusal):
                refusals.append(event)
        self._keep(decisions)
        for activation in sorted(activations, key=lambda a: a.activated_at_ms):
            self._activation(activation)
        self._keep_rewards(rewards)
        self._count_refusals(refusals)
        self._write_counts()
        return IngestOutcome(counts=dict(self._counts))

    def _keep(self, decisions: Sequence[_Ruled]) -> None:
        """Insert the decisions that are new at once, and do what follows from each."""
        (last,) = self._connection.execute(
            "SELECT coalesce(max(row_id), 0) FROM decisions"
        ).fetchone()
        inserted = self._connection.executemany(
            _INSERT_DECISION, [_row(*ruled) for ruled in decisions]
        ).rowcount
        if inserted == len(decisions):
            for decision, rule, _ in decisions:
                self._added(decision, rule)
            return
        new = {
            decision_id
            for (decision_id,) in self._connection.execute(
                "SELECT id FROM decisions WHERE row_id > ?", (last,)
            )
        }
        repeated = []
        for decision, rule, _ in decisions:
            if decision.id in new:
                new.remove(decision.id)
                self._added(decision, rule)
            else:
                repeated.append(decision)
        for decision in repeated:
            self._repeated(decision)

    def _added(self, decision: Decision, rule: ClosingRule) -> None:
        """Do what follows from a new decision."""
        if decision.source == "fallback":
            self._counts[decision.number, "decisions_fallback"] += 1
        if decision.deferred:
            self._earlier_activation(decision)
        else:
            self._count_exposed(decision.number, decision.group, 1)
            self._count_unit(decision)
        if self._orphans:
            self._attach(decision, rule)

    def _any_orphans(self) -> bool:
        """Return whether a reward waits for its decision; usually none does."""
        found = self._connection.execute(
            "SELECT 1 FROM rewards WHERE attached = 0 LIMIT 1"
        ).fetchone()
        return found is not None

    def _attach(self, decision: Decision, rule: ClosingRule) -> None:
        attached = self._connection.execute(
            "UPDATE rewards SET attached = 1 WHERE decision_id = ? AND attached = 0",
            (decision.id,),
        ).rowcount
        if attached and rule.on_first_reward:
            self._ready_at_first_reward(decision.id)

    def _repeated(self, decision: Decision) -> None:
        row_id, variant, state = self._connection.execute(
            "SELECT row_id, variant, state FROM decisions WHERE id = ?", (decision.id,)
        ).fetchone()
        self._counts[decision.number, "decisions_repeated"] += 1
        if variant == decision.variant or state == AMBIGUOUS:
            return
        # What was joined can't be taken back; what is still open is left out of
        # learning and of the report.
        self._counts[decision.number, "decisions_ambiguous"] += 1
        if state != JOINED:
            self._connection.execute(
                "UPDATE decisions SET state = ? WHERE row_id = ?", (AMBIGUOUS, row_id)
            )
        if state == OPEN:
            self._count_exposed(decision.number, decision.group, -1)

    def _earlier_activation(self, decision: Decision) -> None:
        found = self._connection.execute(
            "SELECT activated_at_ms FROM activations WHERE decision_id = ?",
            (decision.id,),
        ).fetchone()
        if found:
            self._expose(decision.id, found[0])

    def _activation(self, activation: Activation) -> None:
        new = self._connection.execute(
            "INSERT INTO activations VALUES (?, ?) ON CONFLICT (decision_id)"
            " DO NOTHING",
            (activation.decision_id, activation.activated_at_ms),
        ).rowcount
        if new:
            self._expose(activation.decision_id, activation.activated_at_ms)

    def _expose(self, decision_id: str, at_ms: int) -> None:
        """Open a deferred decision, if it is known and its time has not run out."""
        found = self._connection.execute(
            "SELECT number, grp, decided_at_ms + window_ms, on_first_reward, line"
            " FROM decisions"
            " WHERE id = ? AND state = ?",
            (decision_id, DEFERRED),
        ).fetchone()
        if found is None:
            return
        number, group, last_ms, on_first_reward, line = found
        if at_ms > last_ms:
            self._counts[number, "activations_expired"] += 1
            return
        self._connection.execute(
            "UPDATE decisions SET state = ?, exposed_at_ms = ?,"
            " closes_at_ms = ? + closes_after_ms, ready_at_ms = ? + closes_after_ms"
            " WHERE id = ?",
            (OPEN, at_ms, at_ms, at_ms, decision_id),
        )
        if on_first_reward:
            self._ready_at_first_reward(decision_id)
        self._count_exposed(number, group, 1)
        self._count_unit(decode_decision(line))

    def _keep_rewards(self, rewards: Sequence[Reward]) -> None:
        """Insert the rewards at once; one by one where some are repeated."""
        known = self._known([reward.decision_id for reward in rewards])
        rows = [
            _reward_row(reward, known.get(reward.decision_id)) for reward in rewards
        ]
        self._connection.execute("SAVEPOINT rewards")
        inserted = self._connection.executemany(_INSERT_REWARD, rows).rowcount
        if inserted == len(rows):
            for reward in rewards:
                self._added_reward(reward, known.get(reward.decision_id))
        elif rows:
            self._connection.execute("ROLLBACK TO rewards")
            for reward, row in zip(rewards, rows, strict=True):
                if self._connection.execute(_INSERT_REWARD, row).rowcount:
                    self._added_reward(reward, known.get(reward.decision_id))
                else:
                    self._repeated_reward(reward)
        self._connection.execute("RELEASE rewards")
        names = {(r.number, r.metric) for r in rewards if r.metric != MAIN_METRIC}
        self._connection.executemany(
            "INSERT OR IGNORE INTO metric_names VALUES (?, ?)", sorted(names)
        )

    def _count_refusals(self, refusals: Sequence[Refusal]) -> None:
        """Count what was refused, by the group of the decision and by the field."""
        known = self._known([refusal.decision_id for refusal in refusals])
        for refusal in refusals:
            of = _place(known.get(refusal.decision_id))
            self._counts[refusal.number, f"rewards_refused_{of}"] += 1
            self._counts[refusal.number, f"refused_for_{refusal.field}"] += 1

    def _known(self, ids: Sequence[str]) -> dict[str, _Known]:
        """Return what a reward needs to know of its decision, by id."""
        found: dict[str, _Known] = {}
        for begin in range(0, len(ids), _IDS_AT_ONCE):
            some = ids[begin : begin + _IDS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            for row in self._connection.execute(_KNOWN.format(marks), some):
                found[row[0]] = _Known(*row[1:])
        return found

    def _added_reward(self, reward: Reward, known: _Known | None) -> None:
        """Do what follows from a new reward."""
        if known is not None:
            self._counts[reward.number, f"reported_{known.group}"] += 1
        if reward.clipped:
            self._counts[reward.number, f"rewards_clipped_{_place(known)}"] += 1
        if known is None:
            outcome = "rewards_orphan"
        elif known.state == JOINED:
            outcome = "rewards_late"
            self._add_latency(reward, known)
        else:
            outcome = "rewards_accepted"
            if known.on_first_reward:
                self._ready_at_first_reward(reward.decision_id)
        self._counts[reward.number, outcome] += 1

    def _add_latency(self, reward: Reward, known: _Known) -> None:
        latency_ms = reward.occurred_at_ms - known.exposed_at_ms
        # In time, behind a first reward that closed the decision: not the window's
        # fault that it does not count.
        in_window = latency_ms <= known.window_ms
        second = in_window and reward.received_at_ms <= known.closes_at_ms
        if reward.metric == MAIN_METRIC and latency_ms >= -CLOCK_SKEW_MS and not second:
            self._latencies[reward.number, bin_of(latency_ms), False] += 1

    def _repeated_reward(self, reward: Reward) -> None:
        changed = self._connection.execute(
            "UPDATE rewards SET conflicts = conflicts + 1 WHERE decision_id = ?"
            " AND metric = ? AND reward_id = ? AND value <> ?",
            (reward.decision_id, reward.metric, reward.reward_id, reward.value),
        ).rowcount
        outcome = "rewards_conflict" if changed else "rewards_duplicate"
        self._counts[reward.number, outcome] += 1

    def _ready_at_first_reward(self, decision_id: str) -> None:
        """Close an open decision with the first of its rewards that counts, if any."""
        self._connection.execute(
            "UPDATE decisions AS d SET ready_at_ms = min(closes_at_ms, coalesce("
            " (SELECT min(received_at_ms) FROM rewards r WHERE r.decision_id = d.id"
            "  AND r.metric = ? AND (r.received_at_ms < d.exposed_at_ms - ?"
            "  OR r.occurred_at_ms BETWEEN d.exposed_at_ms - ?"
            "  AND d.exposed_at_ms + d.window_ms)), closes_at_ms))"
            " WHERE id = ? AND state = ?",
            (MAIN_METRIC, CLOCK_SKEW_MS, CLOCK_SKEW_MS, decision_id, OPEN),
        )

    def _count_exposed(self, number: int, group: Group, change: int) -> None:
        self._counts[number, _EXPOSED[group]] += change

    def _count_unit(self, decision: Decision) -> None:
        unit_id = decision.unit_id
        self._units.count(decision.number, decision.revision, decision.group, unit_id)

    def _write_counts(self) -> None:
        self._counts.update(self._units.write())
        add_counts(self._connection, self._counts)
        add_latencies(self._connection, self._latencies)


def _place(known: _Known | None) -> str:
    """Return the last word of a counter: the group, if the decision is known."""
    return "orphan" if known is None else known.group


def _row(decision: Decision, rule: ClosingRule, line: bytes) -> tuple[object, ...]:
    deferred = decision.deferred
    exposed_at_ms = None if deferred else decision.decided_at_ms
    closes_at_ms = None if deferred else decision.decided_at_ms + rule.closes_after_ms
    return (
        decision.id,
        decision.number,
        decision.revision,
        decision.decided_at_ms,
        decision.group,
        decision.variant,
        DEFERRED if deferred else OPEN,
        exposed_at_ms,
        closes_at_ms,
        closes_at_ms,
        rule.closes_after_ms,
        rule.window_ms,
        rule.on_first_reward,
        line,
    )


def _reward_row(reward: Reward, known: _Known | None) -> tuple[object, ...]:
    return (
        reward.decision_id,
        reward.metric,
        reward.reward_id,
        reward.number,
        reward.value,
        reward.occurred_at_ms,
        reward.received_at_ms,
        known is not None,
        known is not None and known.state == JOINED,
    )


def add_counts(
    connection: sqlite3.Connection, counts: Counter[tuple[int, str]]
) -> None:
    """Add to the counters of the experiments, in the caller's transaction."""
    connection.executemany(
        "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (number, name)"
        " DO UPDATE SET value = value + excluded.value",
        [(number, name, value) for (number, name), value in counts.items()],
    )
