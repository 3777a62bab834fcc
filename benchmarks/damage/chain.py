"""From a damaged data folder to everything that is read from it.

Owns the run of the real learner and doctor over a folder, and the outcome that two
runs are compared by: every fact, every row that is derived, reports and models.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.event import encode_event
from bandit_svc.errors import BanditError
from bandit_svc.learner.loop import Learner
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.managing.doctor import examine
from bandit_svc.services.report.build import build_report
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.sqlite.rows.checksums import add_functions
from bandit_svc.wiring import Backends
from benchmarks.damage.traffic import LATER_MS, settings_of

BUG = "not a sentence:"
_MOST_TICKS = 20
_MANY = 10**6
_FACTS = ("decisions", "rewards", "activations")
_OWN = frozenset({"cursors", "damages", "clock", "headlines", "jobs", "row_counts"})
"""Tables of how the learner works and what it found, not of facts."""


class Facts(NamedTuple):
    """The facts that a store holds."""

    decisions: dict[str, bytes]
    """Each decision as it is read, by its id."""
    rewards: frozenset[tuple[str, str, str, float, int]]
    """(decision id, metric, reward id, value, received at)"""
    rows: int
    """Rows of the tables of facts that fit their checksums."""


class Outcome(NamedTuple):
    """Everything that is read from a data folder."""

    facts: Facts
    derived: dict[str, list[tuple[object, ...]]]
    """The rows of every table of facts, sums and models, by table."""
    reports: list[bytes]


class Told(NamedTuple):
    """The sentences about what is wrong."""

    before: list[str]
    """By doctor, before the learner has read on."""
    logged: list[str]
    after: list[str]
    """By doctor, once the learner has read everything."""
    refused: list[str]
    """Errors of reports and look-ups."""
    lost: int
    """Facts that are lost by the damages that were kept."""
    at_least: bool
    """True where more may be lost."""

    def __bool__(self) -> bool:
        """Return whether anything was told."""
        return any(self[:4])


class _Heard(logging.Handler):
    """Keeps the warnings and errors of the service's own log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


@contextmanager
def heard() -> Iterator[list[str]]:
    """Yield the warnings that the service logs within the block."""
    handler, logger = _Heard(), logging.getLogger("bandit_svc")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


@contextmanager
def refusals_in(lines: list[str]) -> Iterator[None]:
    """Add the error that ends the block to some lines."""
    try:
        yield
    except BanditError as error:
        lines.append(error.message)
    except Exception as error:  # noqa: BLE001 - damage shows as any exception
        lines.append(f"{BUG} {type(error).__name__}: {error}")


def kept_damages(folder: Path) -> list[Damage]:
    """Return the damages that the learner has kept."""
    with closing(Backends(settings_of(folder))) as backends:
        return [kept.damage for kept in backends.storage.damages.all()]


def doctor(folder: Path) -> list[str]:
    """Return the faults that `bandit-svc doctor` names."""
    with closing(Backends(settings_of(folder))) as backends:
        return examine(backends.storage, backends.reader, LATER_MS)


def learn(folder: Path, now_ms: int = LATER_MS) -> None:
    """Run the learner until nothing is left to do."""
    with closing(Backends(settings_of(folder))) as backends:
        # A clock that stays: how much is learned at once is no matter of speed.
        learner = Learner(backends, lambda: now_ms, clock_s=lambda: 0.0)
        for _ in range(_MOST_TICKS):
            if learner.tick().idle:
                break


def outcome(folder: Path, ids: list[str]) -> Outcome:
    """Read everything from a store.

    Args:
        ids: of the decisions that were answered.
    """
    with closing(Backends(settings_of(folder))) as backends:
        storage = backends.storage
        experiments = storage.experiments.all()
        reports = [
            msgspec.json.encode(checked_json(build_report(storage, e, LATER_MS)))
            for e in experiments
        ]
        tables = _tables(folder)
        facts = _facts(storage, ids, _rows_of_facts(folder))
        return Outcome(facts, tables, reports)


def _facts(storage: Storage, ids: list[str], count: int) -> Facts:
    decisions, rewards = {}, set()
    for decision_id in ids:
        view = storage.facts.decision(decision_id)
        if view is not None:
            decisions[decision_id] = encode_event(view.decision)
            rewards |= {
                (decision_id, r.metric, r.reward_id, r.value, r.received_at_ms)
                for r in view.rewards
            }
    for experiment in storage.experiments.all():
        rewards |= {
            (o.decision_id, o.metric, o.reward_id, o.value, o.received_at_ms)
            for o in storage.facts.orphans(experiment.number, _MANY)
        }
    return Facts(decisions, frozenset(rewards), count)


def _rows_of_facts(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "bandit.db")) as connection:
        add_functions(connection, lambda _damage: None)
        counts = [
            connection.execute(f"SELECT count(*) FROM sound_{name}").fetchone()  # noqa: S608 - of the schema
            for name in _FACTS
        ]
    return sum(count for (count,) in counts)


def _tables(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(folder / "bandit.db")) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            )
            if name not in _OWN and not name.startswith(("sqlite_", "_sqlite"))
        ]
        return {
            name: connection.execute(f"SELECT * FROM [{name}]").fetchall()  # noqa: S608 - of the schema
            for name in names
        }
