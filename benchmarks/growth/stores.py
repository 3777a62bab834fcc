"""Stores of any size for the growth curves, made quickly.

Owns two shortcuts. A log of millions is a block of BLOCK real events, processed by
decide, ingest, join and train, then copied inside SQLite under new ids with every sum
multiplied; `bandit-svc doctor` finds no fault in it. A thousand experiments with models
share one trained model, published for each.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bandit_svc.learner.loop import Learner
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.sqlite.rows.checksums import add_functions
from bandit_svc.wiring import Backends, Worker
from benchmarks.speed.service import contexts

BLOCK = 10_000
"""Events of a block: decisions, and rewards for three in ten of them."""
REWARDED_EVERY = (3, 10)
START_MS = 1_790_000_000_000
WINDOW_S = 1
_SECRET = bytes(32)
_DRAIN_S = 3_600.0
_TIME_BYTES = 6
"""At the begin of an id."""

_COPY = (
    """INSERT INTO decisions SELECT *, row_crc('decisions', row_id, id, number,
        baseline, state, at_ms, ready_at_ms, closes_after_ms, window_ms,
        on_first_reward, logged)
        FROM (SELECT row_id + :shift AS row_id, later_id(id, :copy) AS id, number,
            baseline, state, at_ms, ready_at_ms, closes_after_ms, window_ms,
            on_first_reward, logged
            FROM decisions WHERE row_id <= :last ORDER BY row_id)""",
    """INSERT INTO joined SELECT *, row_crc('joined', number, position, row_id, reward,
        counted, learnable, joined_at_ms)
        FROM (SELECT number, position + :copy * last AS position,
            row_id + :shift AS row_id, reward, counted, learnable, joined_at_ms
            FROM joined JOIN lasts USING (number) WHERE position <= last
            ORDER BY number, position)""",
    """INSERT INTO rewards SELECT *, row_crc('rewards', decision_id,
        CAST(metric AS BLOB), CAST(reward_id AS BLOB), number, value, occurred_at_ms,
        received_at_ms, attached, late, conflicts)
        FROM (SELECT later_id(decision_id, :copy) AS decision_id, metric, reward_id,
            number, value, occurred_at_ms, received_at_ms, attached, late, conflicts
            FROM rewards WHERE decision_id <= :newest ORDER BY decision_id)""",
)
_MULTIPLY = """
    UPDATE counters SET value = value * :times;
    UPDATE tallies SET n = n * :times, total = total * :times,
        total_squares = total_squares * :times;
    UPDATE history SET n = n * :times, total = total * :times,
        total_squares = total_squares * :times, rewarded = rewarded * :times;
    UPDATE latencies SET counted = counted * :times, late = late * :times;
    UPDATE unit_counts SET treatment = treatment * :times,
        baseline = baseline * :times, looked = looked * :times;
    UPDATE calibration SET n = n * :times, expected = expected * :times,
        variance = variance * :times, happened = happened * :times;
    UPDATE evaluations SET cursor = cursor * :times;
    UPDATE reward_models SET cursor = cursor * :times;
    UPDATE snapshots SET learned = learned * :times,
        spans = '[[0,' || (SELECT max(position) FROM joined
            WHERE joined.number = snapshots.number) || ']]';
    INSERT OR IGNORE INTO units (number, unit, groups, first_ms, crc)
        SELECT number, unit, 1, 1 << 62, row_crc('units', number, unit, 1, 1 << 62)
        FROM (SELECT number, random() AS unit
            FROM joined JOIN lasts USING (number) WHERE position > last
            ORDER BY number, unit LIMIT -1);
    UPDATE row_counts SET n = CASE name
        WHEN 'decisions' THEN (SELECT count(*) FROM decisions)
        WHEN 'joined' THEN (SELECT count(*) FROM joined)
        WHEN 'rewards' THEN (SELECT count(*) FROM rewards)
        ELSE (SELECT count(*) FROM units) END
        WHERE name IN ('decisions', 'joined', 'rewards', 'units')"""
_LASTS = """CREATE TEMP TABLE lasts AS
    SELECT number, max(position) AS last FROM joined GROUP BY number"""


def settings_of(folder: Path, **fields: Any) -> Settings:  # noqa: ANN401 - of a setting
    """Return the settings of a store: the defaults, but without keys."""
    return Settings(data=str(folder), dev=True, **fields)


def definition(key: str, variants: int, **fields: object) -> dict[str, Any]:
    """Return the experiment of benchmarks.speed.service in another size."""
    return {
        "key": key,
        "variants": [
            {"key": f"hero-{n}", "features": {"category": f"c{n % 3}", "price": n / 5}}
            for n in range(variants)
        ],
        "holdout": 0.0,
        "reward": {"window_seconds": WINDOW_S},
    } | fields


def create(folder: Path, definitions: Sequence[dict[str, Any]]) -> None:
    """Make a store of these experiments."""
    with closing(open_storage(folder)) as storage:
        storage.migrate()
        storage.initialise(_SECRET, START_MS)
        for one in definitions:
            made = lifecycle.convert_definition(one)
            lifecycle.create(storage, made, f"salt-{one['key']}", START_MS)


@contextmanager
def worker_of(folder: Path) -> Iterator[Worker]:
    """Open a store as a web worker does."""
    suffix = secrets.token_hex(4)
    worker = Worker(settings_of(folder, fsync="never"), START_MS, suffix)
    with closing(worker):
        yield worker


def write_events(
    folder: Path,
    keys: Sequence[str],
    decisions: int,
    drawn: Sequence[dict[str, Any]],
    every_ms: int = 1,
) -> None:
    """Append decisions over these experiments in turn, rewards for three in ten."""
    rewarded, of = REWARDED_EVERY
    with worker_of(folder) as worker:
        for n in range(decisions):
            now_ms = START_MS + n * every_ms
            turn = n // len(keys)
            context = drawn[n % len(drawn)]
            key = keys[n % len(keys)]
            request = DecisionRequest(key, unit_id=f"u-{n}", context=context)
            made = decide(worker.serving, request, now_ms, n.to_bytes(9, "big"))
            if turn % of < rewarded:
                report = RewardReport(made.decision.id, float(turn % 2))
                record_reward(worker.serving, report, now_ms)


def learn(folder: Path, now_ms: int) -> None:
    """Run the learner until it has processed the whole event log."""
    settings = settings_of(folder, publish_every_ms=0)
    with closing(Backends(settings)) as backends:
        Learner(backends, lambda: now_ms).drain(_DRAIN_S)


def trained(
    folder: Path,
    decisions: int = 2_000,
    *,
    definitions: Sequence[dict[str, Any]] = (),
    drawn: Sequence[dict[str, Any]] = (),
    busy: int = 1,
    every_ms: int = 1,
) -> None:
    """Make a store whose experiments all serve a model.

    Args:
        busy: how many experiments get decisions, in turn, and learn from them; the
            others serve the model of the first one.
        every_ms: milliseconds from one decision to the next.
    """
    definitions = definitions or [definition("bench", 5)]
    create(folder, definitions)
    if decisions:
        keys = [one["key"] for one in definitions[:busy]]
        write_events(folder, keys, decisions, drawn or contexts(499), every_ms)
        learn(folder, START_MS + 10**7)
    with closing(open_storage(folder)) as storage:
        first, *others = storage.experiments.all()
        published = storage.model_versions.latest(first.number)
        if published is not None:
            for other in others[busy - 1 :]:
                meta = msgspec.structs.replace(
                    published.meta, number=other.number, version=1, spans=()
                )
                one = msgspec.structs.replace(published, meta=meta)
                storage.model_versions.publish(one, 0)


def with_events(folder: Path, events: int) -> None:
    """Make a store of one trained experiment and this many events, in whole BLOCKs.

    Raises:
        ValueError: the number is not a multiple of BLOCK.
    """
    times, rest = divmod(events, BLOCK)
    if rest or not times:
        raise ValueError(f"events is {events}; it must be a multiple of {BLOCK}")
    rewarded, of = REWARDED_EVERY
    trained(folder, BLOCK * of // (of + rewarded))
    multiply(folder, times)


def _later_id(stored: bytes, copy: int) -> bytes:
    """Return the id of a copy; copies sort in writing order, behind the originals."""
    at_ms = int.from_bytes(stored[:_TIME_BYTES], "big") + copy * BLOCK
    return at_ms.to_bytes(_TIME_BYTES, "big") + stored[_TIME_BYTES:]


def multiply(folder: Path, times: int) -> None:
    """Copy the content of a store `times - 1` times; nothing else may use it then."""
    path = folder / "bandit.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        add_functions(connection, lambda _damage: None)
        connection.create_function("later_id", 2, _later_id, deterministic=True)
        # A store that fails is made again, so it needs no journal.
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1e6"):
            connection.execute(f"PRAGMA {setting}")
        (last,) = connection.execute("SELECT max(row_id) FROM decisions").fetchone()
        (newest,) = connection.execute("SELECT max(id) FROM decisions").fetchone()
        connection.execute(_LASTS)
        connection.execute("BEGIN")
        for copy in range(1, times):
            place = {"last": last, "newest": newest, "copy": copy}
            for statement in _COPY:
                connection.execute(statement, place | {"shift": copy * last})
        for statement in _MULTIPLY.split(";") if times > 1 else ():
            connection.execute(statement, {"times": times})
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
