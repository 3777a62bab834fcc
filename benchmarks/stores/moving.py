"""Moves a large store to PostgreSQL and back: are all rows and models the same?

    python -m benchmarks.stores.moving [--decisions N] [--copied]

Plays N decisions over two experiments, a unit a decision, and learns from them. With
--copied, a block of 10,000 is copied until there are N events (benchmarks.growth): that
is quicker, and its models are those of the block. Then `bandit-svc migrate-to`
goes to a server that is started for it, and back to another folder. It exits 1 if a
command does, or if a table's SHA-256 differs between the first folder and the last.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from bandit_svc.storage.sqlite.moving.snapshot import SqliteMovable
from benchmarks.growth.stores import create, definition, learn, with_events
from benchmarks.growth.stores import write_events as play
from benchmarks.speed.service import contexts
from tests.harness.stored.moves import hashes
from tests.harness.stored.postgres import postgres_server

KEYS = ("hero", "shelf")
KINDS = ("vw", "linear")
FAR_MS = 1_790_010_000_000
VARIANTS = 5


def main() -> int:
    """Make the store, move it, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--copied", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres_server() as address:
        left, back = Path(folder) / "left", Path(folder) / "back"
        begun_s = time.monotonic()
        if arguments.copied:
            with_events(left, arguments.decisions)
        else:
            _play(left, arguments.decisions)
        print(f"made {arguments.decisions:,} in {_since(begun_s)}")
        expected = hashes(SqliteMovable(left))
        parts = conninfo_to_dict(address)
        url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
        skip = ["--skip-replay"] if arguments.copied else []
        for words, store in (
            (["--data", str(left), "--store", url], ""),
            (["--data", str(left), "--store", f"sqlite://{back}"], url),
        ):
            begun_s = time.monotonic()
            if _command(["migrate-to", *words, *skip], store):
                return 1
            print(f"moved in {_since(begun_s)}")
        found = hashes(SqliteMovable(back))
    differing = [place for place, rows in expected.items() if found[place] != rows]
    rows = sum(count for count, _ in expected.values())
    print(f"{rows:,} rows of {len(expected)} tables, {len(differing)} tables differ")
    return 1 if differing else 0


def _play(folder: Path, decisions: int) -> None:
    made = [
        definition(key, VARIANTS, policy={"kind": kind})
        for key, kind in zip(KEYS, KINDS, strict=True)
    ]
    create(folder, made)
    play(folder, KEYS, decisions, contexts(499))
    learn(folder, FAR_MS)


def _command(words: list[str], store: str) -> int:
    program = "from bandit_svc.cli.main import main; main()"
    command = [sys.executable, "-c", program, *words]
    environment = {**os.environ, **({"BANDIT_STORE": store} if store else {})}
    return subprocess.run(command, env=environment, check=False).returncode


def _since(begun_s: float) -> str:
    return f"{time.monotonic() - begun_s:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
