"""`python -m benchmarks.growth.size`: bytes a decision, in the log and in the store.

Owns the measurement of the space goal: 5 variants, 10 features, both groups' pmfs, a
unit, a reward for one decision in three. The decisions are made here, so that the shape
is the goal's; they pass the real writer, ingest and join. Prints one line a figure.
"""

import argparse
import gzip
import random
import tempfile
from contextlib import closing
from pathlib import Path

from bandit_svc.domain.events.codec import FactDecoder, encode_reward
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.events.decision_id import SECRET_BYTES, DecisionIds
from bandit_svc.domain.events.reward import Reward
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.kept import BLOCK_BYTES
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import ingest
from bandit_svc.services.learning.join import join
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.interface import Storage
from benchmarks.growth.stores import START_MS, create, settings_of

DECISIONS = 50_000
VARIANTS = tuple(f"v{n}" for n in range(5))
BASELINE = (1.0, 0.0, 0.0, 0.0, 0.0)
HOLDOUT = 0.1
KEY = "checkout-banner1"
WINDOW_S = 1_800
REWARDED_EVERY = 3
EVERY_MS = 10
_CHOICES = {
    "device": ("mobile", "desktop", "tablet"),
    "weather": ("rain", "sun", "snow"),
    "country": ("DE", "FR", "US", "PL"),
    "ref": ("search", "mail", "direct"),
    "dow": ("mon", "sat", "sun"),
    "os": ("ios", "android"),
    "age": ("18-24", "25-34"),
    "seg": ("new", "old"),
}


def main() -> None:
    """Make the decisions, store them, print the bytes a decision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=DECISIONS)
    decisions = parser.parse_args().decisions
    with tempfile.TemporaryDirectory(prefix="bandit-size-") as name:
        folder = Path(name)
        log, closed = _write(folder, decisions)
        print(f"log, live    {log / decisions:7.1f} bytes a decision")
        print(f"log, closed  {closed / decisions:7.1f} bytes a decision")
        with closing(open_storage(folder)) as storage:
            empty = _store_bytes(folder)
            _learn(storage, folder)
            if storage.joins.last_position(1) != decisions:
                raise RuntimeError("not every decision was joined")
        stored = _store_bytes(folder) - empty
    print(f"store        {stored / decisions:7.1f} bytes a decision")
    print(f"closed log and store {(closed + stored) / decisions:7.1f} bytes a decision")


def _write(folder: Path, decisions: int) -> tuple[int, int]:
    """Write a log; return its bytes, and those of it compressed in blocks."""
    variants = [{"key": key} for key in VARIANTS]
    reward = {"window_seconds": WINDOW_S}
    create(folder, [{"key": KEY, "variants": variants, "reward": reward}])
    generator = random.Random(3)  # noqa: S311 - sizes, with their seed
    ids, encoder = DecisionIds(bytes(SECRET_BYTES)), DecisionEncoder()
    settings = settings_of(folder)
    writer = FileWriter(
        folder / "log",
        now_ms=START_MS,
        suffix="ab12",
        fsync="never",
        fsync_interval_ms=settings.fsync_interval_ms,
        max_segment_bytes=settings.segment_bytes,
    )
    for n in range(decisions):
        decision = _decision(generator, ids, START_MS + n * EVERY_MS)
        writer.append(encoder.encode(decision, VARIANTS))
        if n % REWARDED_EVERY == 0:
            at_ms = decision.decided_at_ms + generator.randrange(600_000)
            reward_of = Reward(decision.id, 1, 1.0, "", at_ms, at_ms)
            writer.append(encode_reward(reward_of))
    writer.close()
    segments = sorted((folder / "log").rglob("*.seg"))
    blocks = [
        data[begin : begin + BLOCK_BYTES]
        for data in (segment.read_bytes() for segment in segments)
        for begin in range(0, len(data), BLOCK_BYTES)
    ]
    closed = sum(len(gzip.compress(block)) for block in blocks)
    return sum(segment.stat().st_size for segment in segments), closed


def _decision(generator: random.Random, ids: DecisionIds, at_ms: int) -> Decision:
    scores = [generator.expovariate(1) for _ in VARIANTS]
    served = tuple(score / sum(scores) for score in scores)
    treated = generator.random() >= HOLDOUT
    pmf = served if treated else BASELINE
    (chosen,) = generator.choices(range(len(VARIANTS)), pmf)
    drawn = {name: generator.choice(values) for name, values in _CHOICES.items()}
    return Decision(
        id=ids.issue(1, at_ms, generator.randbytes(9), deferred=False),
        experiment=KEY,
        number=1,
        revision=1,
        decided_at_ms=at_ms,
        group="treatment" if treated else "baseline",
        context=drawn
        | {
            "hour": generator.randrange(24),
            "temp": round(generator.random() * 30, 1),
        },
        variants=VARIANTS,
        pmf=pmf,
        chosen=chosen,
        propensity=pmf[chosen],
        model_version=412,
        unit_id=f"user-{generator.randrange(10**6)}",
        group_chance=1 - HOLDOUT if treated else HOLDOUT,
        treatment_pmf=served,
        baseline_pmf=BASELINE,
    )


def _learn(storage: Storage, folder: Path) -> None:
    """Move the log into the store, and join every decision of it."""
    definitions = Definitions(storage.experiments)
    reader = FileReader(folder / "log")
    decoder = FactDecoder(DecisionIds(bytes(SECRET_BYTES)))
    ingest(storage.facts, reader, decoder, definitions, START_MS)
    late_ms = START_MS + 10**10
    join(storage.joins, definitions, late_ms, late_ms)


def _store_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("bandit.db*"))


if __name__ == "__main__":
    main()
