"""One batch of facts on its way into the tables, inside one transaction.

Owns the rules of repetition: what a second record of the same decision, reward or
activation does. The caller owns the transaction.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence

from bandit_svc.domain.events.decision import (
    Activation,
    Decision,
    LoggedDecision,
    Repeat,
)
from bandit_svc.domain.events.decision_id import RAW_ID_BYTES
from bandit_svc.domain.events.refusal import Refusal, Withdrawal
from bandit_svc.domain.events.reward import MAIN_METRIC, Correction, Reward
from bandit_svc.domain.events.short_form import shorten
from bandit_svc.domain.latency import bin_of
from bandit_svc.domain.limits import CLOCK_SKEW_MS
from bandit_svc.domain.people.unit_fact import UnitFact, UnitReward
from bandit_svc.domain.slots.places import shown_variants
from bandit_svc.storage.rows import Arrival, ClosingRule, IngestOutcome
from bandit_svc.storage.sqlite.corrections.kept import is_first_value, keep_corrections
from bandit_svc.storage.sqlite.local.clients import LocalClients
from bandit_svc.storage.sqlite.people.crediting import Crediting
from bandit_svc.storage.sqlite.people.exposures import Exposures
from bandit_svc.storage.sqlite.people.sticky import keep_sticky
from bandit_svc.storage.sqlite.people.unit_facts import keep_unit_facts
from bandit_svc.storage.sqlite.rows.counters import add_counts, count_refused
from bandit_svc.storage.sqlite.rows.counts import add_rows
from bandit_svc.storage.sqlite.rows.decisions import (
    LINE,
    StoredDecisions,
    shown_id,
    stored_id,
    stored_places,
)
from bandit_svc.storage.sqlite.rows.due import LastRow
from bandit_svc.storage.sqlite.rows.exposure import last_exposure_ms
from bandit_svc.storage.sqlite.rows.facts import (
    Ruled,
    decision_change,
    decision_row,
    reward_change,
    reward_row,
)
from bandit_svc.storage.sqlite.rows.known import (
    KnownDecision,
    known_decisions,
    place_of,
)
from bandit_svc.storage.sqlite.rows.orphans import any_orphans, counted_to_ms
from bandit_svc.storage.sqlite.rows.retained import Retained
from bandit_svc.storage.sqlite.rows.shared_parts import PartNumbers
from bandit_svc.storage.sqlite.rows.states import (
    AMBIGUOUS,
    APART,
    DEFERRED,
    EXPOSED,
    JOINED,
    OPEN,
    WITHDRAWN,
)
from bandit_svc.storage.sqlite.stream.withdrawn import take_back, withdraw
from bandit_svc.storage.sqlite.sums.groups import Units
from bandit_svc.storage.sqlite.sums.latencies import Latencies, add_latencies

_INSERT_DECISION = f"""INSERT INTO decisions VALUES ({", ".join("?" * 12)})
    ON CONFLICT (id) DO NOTHING"""  # noqa: S608 - marks alone
_INSERT_REWARD = f"""INSERT INTO rewards VALUES ({", ".join("?" * 11)})
    ON CONFLICT (decision_id, metric, reward_id) DO NOTHING"""  # noqa: S608 - marks

_ALONE = "decision_id = ? AND attached = 0"
_WAITING = f"SELECT received_at_ms FROM rewards WHERE {_ALONE}"  # noqa: S608 - a constant
_ATTACH = reward_change({"attached": "1"}, _ALONE)
_CONFLICT = reward_change(
    {"conflicts": "conflicts + 1"},
    "decision_id = ? AND metric = ? AND reward_id = ? AND value <> ?",
)
_SET_STATE = decision_change({"state": "?2"}, "row_id = ?1")
_EXPOSE = decision_change(
    {"state": "?2", "at_ms": "?3", "ready_at_ms": "?3 + closes_after_ms"}, "id = ?1"
)
_FIRST_REWARD = """
    min(at_ms + closes_after_ms, coalesce((SELECT min(received_at_ms)
        FROM sound_rewards r WHERE r.decision_id = decisions.id AND r.metric = ?3
        AND (r.received_at_ms < at_ms - ?4
            OR r.occurred_at_ms BETWEEN at_ms - ?4 AND at_ms + window_ms)),
        at_ms + closes_after_ms))"""
_READY_AT_FIRST = decision_change(
    {"ready_at_ms": _FIRST_REWARD}, "id = ?1 AND state = ?2"
)


class Ingesting:
    """The work of one transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        decisions: StoredDecisions,
        parts: PartNumbers,
        last_row: LastRow,
    ) -> None:
        self._connection = connection
        self._last_row = last_row
        self._decisions = decisions
        self._parts = parts
        self._counts: Counter[tuple[int, str]] = Counter()
        self._latencies: Latencies = Counter()
        self._exposures = Exposures()
        self._units = Units(connection)
        self._clients = LocalClients(connection)
        self._crediting = Crediting(connection)
        self._orphans, self._counted_to_ms = True, 0
        self._retained = Retained(connection, self._counts)

    def run(self, arrivals: Sequence[Arrival]) -> IngestOutcome:
        """Keep every arrival: decisions first, so that fewer rewards are orphans."""
        decisions: list[Ruled] = []
        activations: list[Activation] = []
        rewards: list[Reward] = []
        refusals: list[Refusal | Repeat | Withdrawal] = []
        unit_facts: list[tuple[UnitFact, bytes, int]] = []
        unit_rewards: list[UnitReward] = []
        corrections: list[Correction] = []
        self._orphans = any_orphans(self._connection)
        self._counted_to_ms = counted_to_ms(self._connection)
        for arrival in arrivals:
            event = arrival.event
            if isinstance(event, Decision):
                if arrival.rule is None:
                    raise ValueError(f"decision {event.id} has no closing rule")
                decisions.append(self._ruled(arrival, event, arrival.rule))
            elif isinstance(event, Activation):
                activations.append(event)
            elif isinstance(event, Reward):
                rewards.append(event)
            elif isinstance(event, Correction):
                corrections.append(event)
            elif isinstance(event, Refusal | Repeat | Withdrawal):
                refusals.append(event)
            elif isinstance(event, UnitReward):
                unit_rewards.append(event)
            else:
                unit_facts.append((event, arrival.logged, arrival.source))
        crediting = self._crediting
        decisions = [*self._retained.decisions(decisions)]
        crediting.decided((d, rule) for _, d, rule, _ in decisions)
        self._keep(decisions)
        keep_sticky(self._connection, [d for _, d, rule, _ in decisions if rule.sticky])
        shown = self._retained.activations(activations)
        for activation in sorted(shown, key=lambda a: a.activated_at_ms):
            self._activation(activation)
        self._keep_rewards(rewards)
        crediting.link(fact for fact, *_ in unit_facts)
        crediting.report((*(fact for fact, *_ in unit_facts), *unit_rewards))
        self._credit()
        corrections += crediting.corrections.apply()
        kept = keep_corrections(self._connection, self._decisions, corrections)
        self._counts.update(kept)
        self._counts.update(count_refused(self._connection, refusals))
        self._counts.update(withdraw(self._connection, self._decisions, refusals))
        self._write_counts()
        keep_unit_facts(self._connection, [*unit_facts, *self._exposures.facts])
        return IngestOutcome(counts=dict(self._counts))

    def _credit(self) -> None:
        """Credit rewards of units to their decisions."""
        settled = self._crediting.settle()
        self._counts.update(settled.counts)
        self._keep_rewards(settled.rewards)
        for decision_id in settled.left:
            self._ready_at_first_reward(decision_id)

    def _ruled(self, arrival: Arrival, decision: Decision, rule: ClosingRule) -> Ruled:
        """Return what a row keeps of a record, and keep the parts that it needs."""
        logged = arrival.logged
        if arrival.parts is None or not isinstance(decision, LoggedDecision):
            return Ruled(stored_id(decision.id), decision, rule, LINE + logged)
        self._parts.keep(logged, arrival.parts)
        short = shorten(logged, decision, self._parts)
        return Ruled(logged[:RAW_ID_BYTES], decision, rule, short)

    def _keep(self, decisions: Sequence[Ruled]) -> None:
        """Insert the decisions that are new at once, and do what follows from each."""
        last = self._last_row(self._connection, len(decisions))
        rows = [decision_row(at, *one) for at, one in enumerate(decisions, last + 1)]
        inserted = self._connection.executemany(_INSERT_DECISION, rows).rowcount
        add_rows(self._connection, "decisions", inserted)
        if inserted == len(decisions):
            for _, decision, rule, _ in decisions:
                self._added(decision, rule)
            return
        new = {
            shown_id(stored)
            for (stored,) in self._connection.execute(
                "SELECT id FROM decisions WHERE row_id > ? AND row_id <= ?",
                (last, last + len(decisions)),
            )
        }
        repeated = []
        for _, decision, rule, _ in decisions:
            if decision.id in new:
                new.remove(decision.id)
                self._added(decision, rule)
            else:
                repeated.append(decision)
        for decision in repeated:
            self._repeated(decision)

    def _added(self, decision: Decision, rule: ClosingRule) -> None:
        """Do what follows from a new decision."""
        number, group = decision.number, decision.group
        if decision.source == "fallback":
            self._counts[number, "decisions_fallback"] += 1
        if decision.local is not None:
            self._clients.decided(decision)
        if decision.without_consent:
            self._counts[number, f"decisions_apart_{group}"] += 1
        elif decision.deferred:
            self._earlier_activation(decision)
        else:
            # Two calls less than in the other places, for each decision.
            self._counts[number, EXPOSED[group]] += 1
            self._units.count(decision)
        if decision.counted or decision.kept_out:
            self._exposures.decided(decision, self._counts)
        if self._orphans:
            self._attach(decision, rule)

    def _attach(self, decision: Decision, rule: ClosingRule) -> None:
        """Attach to a new decision the rewards that came before it."""
        ids, ask = stored_places(decision), self._connection.execute
        received_ms = [at_ms for id_ in ids for (at_ms,) in ask(_WAITING, id_)]
        if not received_ms:
            return
        self._connection.executemany(_ATTACH, ids)
        number = decision.number
        if not decision.without_consent:
            self._counts[number, f"reported_{decision.group}"] += len(received_ms)
        # Those that waited for longer were counted as orphans.
        soon = sum(at_ms > self._counted_to_ms for at_ms in received_ms)
        if soon:
            self._counts[number, "rewards_accepted"] += soon
        if rule.on_first_reward:
            self._ready_at_first_reward(decision.id)

    def _repeated(self, decision: Decision) -> None:
        self._counts[decision.number, "decisions_repeated"] += 1
        row = self._connection.execute(
            "SELECT row_id, state, id, logged FROM sound_decisions WHERE id = ?",
            (stored_id(decision.id),),
        ).fetchone()
        if row is None:
            return
        row_id, state, *kept = row
        shown = shown_variants(self._decisions.decode(*kept))
        if shown == shown_variants(decision) or state == AMBIGUOUS:
            return
        # What was joined can't be taken back; what is still open is left out of
        # learning and of the report.
        self._counts[decision.number, "decisions_ambiguous"] += 1
        if state != JOINED:
            self._connection.execute(_SET_STATE, (row_id, AMBIGUOUS))
        if state == OPEN:
            self._counts[decision.number, EXPOSED[decision.group]] -= 1

    def _earlier_activation(self, decision: Decision) -> None:
        found = self._connection.execute(
            "SELECT activated_at_ms FROM sound_activations WHERE decision_id = ?",
            (stored_id(decision.id),),
        ).fetchone()
        if found:
            self._expose(decision.id, found[0])

    def _activation(self, activation: Activation) -> None:
        new = self._connection.execute(
            "INSERT INTO activations VALUES (?, ?, NULL) ON CONFLICT (decision_id)"
            " DO NOTHING",
            (stored_id(activation.decision_id), activation.activated_at_ms),
        ).rowcount
        if new:
            self._expose(activation.decision_id, activation.activated_at_ms)

    def _expose(self, decision_id: str, at_ms: int) -> None:
        """Open one that was deferred, in time, or withdrawn; nothing for another."""
        found = self._connection.execute(
            "SELECT state, window_ms, on_first_reward, id, logged"
            " FROM sound_decisions WHERE id = ? AND state IN (?, ?)",
            (stored_id(decision_id), DEFERRED, WITHDRAWN),
        ).fetchone()
        if found is None:
            return
        state, window_ms, on_first_reward, *kept = found
        decision = self._decisions.decode(*kept)
        if state == WITHDRAWN:
            self._counts.update(take_back(self._connection, decision))
        if not decision.deferred:
            if on_first_reward:
                self._ready_at_first_reward(decision_id)
            return
        if at_ms > last_exposure_ms(self._connection, decision, window_ms):
            self._counts[decision.number, "activations_expired"] += 1
            return
        self._connection.execute(_EXPOSE, (stored_id(decision_id), OPEN, at_ms))
        if on_first_reward:
            self._ready_at_first_reward(decision_id)
        self._counts[decision.number, EXPOSED[decision.group]] += 1
        self._units.count(decision)
        self._crediting.exposed(decision, at_ms)
        self._exposures.shown(decision, at_ms)

    def _keep_rewards(self, rewards: Sequence[Reward]) -> None:
        """Insert the rewards at once; one by one where some are repeated."""
        rewards = self._retained.rewards(rewards)
        known = known_decisions(
            self._connection, [reward.decision_id for reward in rewards]
        )
        states = {decision_id: one.state for decision_id, one in known.items()}
        rows = [reward_row(r, states.get(r.decision_id)) for r in rewards]
        self._connection.execute("SAVEPOINT rewards")
        inserted = self._connection.executemany(_INSERT_REWARD, rows).rowcount
        if inserted == len(rows):
            for one in rewards:
                self._added_reward(one, known.get(one.decision_id))
        elif rows:
            self._connection.execute("ROLLBACK TO rewards")
            inserted = 0
            for reward, row in zip(rewards, rows, strict=True):
                if self._connection.execute(_INSERT_REWARD, row).rowcount:
                    inserted += 1
                    self._added_reward(reward, known.get(reward.decision_id))
                else:
                    self._repeated_reward(reward)
        self._connection.execute("RELEASE rewards")
        add_rows(self._connection, "rewards", inserted)
        names = {(r.number, r.metric) for r in rewards if r.metric != MAIN_METRIC}
        self._connection.executemany(
            "INSERT OR IGNORE INTO metric_names VALUES (?, ?, NULL)", sorted(names)
        )

    def _added_reward(self, reward: Reward, known: KnownDecision | None) -> None:
        """Do what follows from a new reward."""
        if known is not None and not known.is_apart:
            self._counts[reward.number, f"reported_{known.group}"] += 1
        if reward.clipped:
            self._counts[reward.number, f"rewards_clipped_{place_of(known)}"] += 1
        if known is None:
            # Counted as an orphan at once if that time is over, else by count_orphans
            # or with its decision.
            if reward.received_at_ms > self._counted_to_ms:
                return
            outcome = "rewards_orphan"
        elif known.state in {JOINED, APART}:
            outcome = "rewards_late"
            self._add_latency(reward, known)
        else:
            outcome = "rewards_accepted"
            if known.on_first_reward:
                self._ready_at_first_reward(reward.decision_id)
        self._counts[reward.number, outcome] += 1

    def _add_latency(self, reward: Reward, known: KnownDecision) -> None:
        latency_ms = reward.occurred_at_ms - known.exposed_at_ms
        # In time, behind a first reward that closed it: not the window's fault.
        in_window = latency_ms <= known.window_ms
        second = in_window and reward.received_at_ms <= known.closes_at_ms
        out = second or known.is_apart
        if reward.metric == MAIN_METRIC and latency_ms >= -CLOCK_SKEW_MS and not out:
            self._latencies[reward.number, bin_of(latency_ms), False] += 1

    def _repeated_reward(self, reward: Reward) -> None:
        key = stored_id(reward.decision_id), reward.metric, reward.reward_id
        changed = self._connection.execute(_CONFLICT, (*key, reward.value)).rowcount
        conflicts = changed and not is_first_value(self._connection, reward)
        outcome = "rewards_conflict" if conflicts else "rewards_duplicate"
        self._counts[reward.number, outcome] += 1

    def _ready_at_first_reward(self, decision_id: str) -> None:
        """Close an open decision with the first of its rewards that counts, if any."""
        self._connection.execute(
            _READY_AT_FIRST,
            (stored_id(decision_id), OPEN, MAIN_METRIC, CLOCK_SKEW_MS),
        )

    def _write_counts(self) -> None:
        self._counts.update(self._units.write())
        self._counts.update(self._clients.write())
        add_counts(self._connection, self._counts)
        add_latencies(self._connection, self._latencies)
