"""Writes of several learners at once, each for shards of its own.

Owns which writes are side by side: those that touch the rows of one shard's experiments
alone; see fence.beside_others. An ingest does so where it has nothing but decisions,
activations, rewards and refusals, and where nothing waits that any batch settles, such
as rewards of units, or a correction that came before its reward.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, cast

import psycopg

from bandit_svc.domain.events.decision import Activation, Decision, Repeat
from bandit_svc.domain.events.refusal import Refusal, Withdrawal
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.stream.progress import NO_PROGRESS, Progress
from bandit_svc.storage.archive.below import Reached
from bandit_svc.storage.joined.facts import NO_DAMAGES
from bandit_svc.storage.joined.joins import NO_SUMS
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.postgres.rows.decisions import OPEN_ROWS
from bandit_svc.storage.postgres.sharing.fence import beside_others
from bandit_svc.storage.postgres.soundness import CHECK
from bandit_svc.storage.rows import (
    Arrival,
    ClosedDecision,
    Cursors,
    EvaluationChanges,
    FoundDamages,
    IngestOutcome,
    JoinSums,
    UpliftSums,
)
from bandit_svc.storage.sqlite.database import Database as EmbeddedDatabase
from bandit_svc.storage.sqlite.evaluations import SqliteEvaluations
from bandit_svc.storage.sqlite.facts import SqliteFacts
from bandit_svc.storage.sqlite.joins import SqliteJoins
from bandit_svc.storage.sqlite.people.credit_tables import REDRIVE
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions
from bandit_svc.storage.sqlite.rows.just_joined import JustJoined

_OF_EXPERIMENTS: Final = (Activation, Decision, Refusal, Repeat, Reward, Withdrawal)
_WAITS: Final = """
    SELECT EXISTS (SELECT 1 FROM creditable) OR EXISTS (SELECT 1 FROM unit_rewards)
        OR EXISTS (SELECT 1 FROM corrections WHERE first_value IS NULL)
        OR EXISTS (SELECT 1 FROM meta WHERE name = %s)"""

_STATES_OF_UNITS: Final = """
    SELECT number, unit, state FROM unit_states
    JOIN unnest(%s::bigint[], %s::bigint[]) AS asked(number, unit)
    USING (number, unit)"""


class PostgresFacts(SqliteFacts):
    """See storage.joined.facts.Facts."""

    def __init__(
        self, database: Database, decisions: StoredDecisions, reached: Reached
    ) -> None:
        # It takes the statements of the embedded one.
        embedded = cast("EmbeddedDatabase", database)
        super().__init__(embedded, decisions, reached, CHECK, OPEN_ROWS)
        self._server = database

    def ingest(
        self,
        arrivals: Sequence[Arrival],
        cursors: Cursors,
        found: FoundDamages = NO_DAMAGES,
        progress: Progress = NO_PROGRESS,
    ) -> IngestOutcome:
        """See the interface."""
        ingest = super().ingest
        if found.damages or not all(map(_is_of_experiment, arrivals)):
            return ingest(arrivals, cursors, found, progress)
        return beside_others(
            self._server,
            lambda: ingest(arrivals, cursors, found, progress),
            _nothing_waits,
        )


class PostgresJoins(SqliteJoins):
    """See storage.joined.joins.Joins."""

    def __init__(
        self,
        database: Database,
        decisions: StoredDecisions,
        just_joined: JustJoined,
        reached: Reached,
    ) -> None:
        # It takes the statements of the embedded one.
        embedded = cast("EmbeddedDatabase", database)
        super().__init__(embedded, decisions, just_joined, reached, OPEN_ROWS)
        self._server = database

    def set_aside(self, row_ids: Sequence[int]) -> None:
        """See the interface."""
        aside = super().set_aside
        beside_others(self._server, lambda: aside(row_ids))

    def close(
        self,
        closed: Sequence[ClosedDecision],
        now_ms: int,
        sums: JoinSums = NO_SUMS,
    ) -> None:
        """See the interface."""
        close = super().close
        beside_others(self._server, lambda: close(closed, now_ms, sums))

    def states_of_units(
        self, units: Mapping[int, Collection[int]]
    ) -> Mapping[int, Mapping[int, bytes]]:
        """See the interface."""
        numbers = [number for number, some in units.items() for _ in some]
        asked = [unit for some in units.values() for unit in some]
        found: dict[int, dict[int, bytes]] = {number: {} for number in units}
        with self._server.read() as connection:
            for number, unit, state in connection.plain.execute(
                _STATES_OF_UNITS, (numbers, asked)
            ):
                found[number][unit] = state
        return found

    def save_uplift(self, number: int, sums: UpliftSums) -> None:
        """See the interface."""
        save = super().save_uplift
        beside_others(self._server, lambda: save(number, sums))


class PostgresEvaluations(SqliteEvaluations):
    """See storage.joined.evaluations.Evaluations."""

    def __init__(self, database: Database) -> None:
        # It takes the statements of the embedded one.
        super().__init__(cast("EmbeddedDatabase", database))
        self._server = database

    def save(self, number: int, changes: EvaluationChanges) -> None:
        """See the interface."""
        save = super().save
        beside_others(self._server, lambda: save(number, changes))


def _is_of_experiment(arrival: Arrival) -> bool:
    """Return whether a fact touches rows of its experiment alone."""
    if isinstance(arrival.event, Decision):
        rule = arrival.rule
        return not arrival.event.counted and (rule is None or rule.credit is None)
    return isinstance(arrival.event, _OF_EXPERIMENTS)


def _nothing_waits(plain: "psycopg.Connection[tuple[object, ...]]") -> bool:
    return plain.execute(_WAITS, (REDRIVE,)).fetchone() == (False,)
