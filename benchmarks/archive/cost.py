"""The archive against the store and against `ope`, by CPU time and memory.

    python -m benchmarks.archive.cost [--rows N] [--decisions N] [--rounds N]

Two measurements, each in rounds that alternate, of which medians are compared:

- a model learned again from the archive, and from the store, over the same decisions
  (--decisions, of contexts with ten features);
- the six estimates with errors by unit of --rows decisions of five variants, a third as
  many units, by DuckDB and by `ope` with pyarrow, each in a process of its own, whose
  memory is its peak above what it had imported.

Nothing else should run. No absolute time has a goal.
"""

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np

from bandit_svc.archive.duck import sums_of
from bandit_svc.archive.opened import parquet
from bandit_svc.archive.sufficient import CLIP, Target, estimates_of
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.learner.loop import Learner
from bandit_svc.ope.estimators.direct import direct_method
from bandit_svc.ope.estimators.doubly_robust import (
    doubly_robust,
    self_normalised_doubly_robust,
)
from bandit_svc.ope.estimators.importance import clipped_ips, ips, snips
from bandit_svc.ope.estimators.intervals import standard_error
from bandit_svc.ope.logged import LoggedData
from bandit_svc.services.archiving.archive_joined import archive_joined
from bandit_svc.services.archiving.orders import joined_order
from bandit_svc.services.learning.replay import replay
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from benchmarks.speed.service import EXPERIMENT, contexts, definition

START_MS = 1_790_000_000_000
CHUNK = 500_000
VARIANTS = 5
POLICY = (0.1, 0.1, 0.2, 0.3, 0.3)
"""The target: as a baseline, whose chances are in each row."""
REWARDED = 0.12
FAR = 1e12
"""Beyond all rewards."""
Numbers = dict[str, float]


def main() -> None:
    """Measure, and print a line a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--decisions", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("replay", "estimates"))
    parser.add_argument("--child", choices=("duckdb", "ope"))
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.child:
        measure = by_duckdb if given.child == "duckdb" else by_ope
        sys.stdout.write(json.dumps(measure(given.folder)) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        if given.only != "estimates":
            _print("replay", replays(Path(folder), given.decisions, given.rounds))
        if given.only != "replay":
            _print("estimates", estimates(Path(folder), given.rows, given.rounds))


def _print(what: str, figures: Mapping[str, float]) -> None:
    for name, value in figures.items():
        sys.stdout.write(f"{what}: {name} {value:.4g}\n")


def replays(folder: Path, decisions: int, rounds: int) -> Numbers:
    """Return the CPU time of a replay from the archive over one from the store."""
    settings = Settings(
        data=str(folder / "data"), fsync="never", archive=f"file://{folder}/archive"
    )
    now_ms = START_MS
    with closing(Backends(settings)) as backends:
        backends.storage.migrate()
        backends.storage.initialise(bytes(32), START_MS)
        lifecycle.create(
            backends.storage,
            lifecycle.convert_definition(definition() | {"policy": {"kind": "vw"}}),
            "salt",
            START_MS,
        )
    rng = np.random.default_rng(5)
    with closing(Worker(settings, now_ms, "ab12")) as worker:
        for index, context in zip(range(decisions), contexts(decisions), strict=False):
            now_ms += 1
            request = DecisionRequest(EXPERIMENT, f"u-{index}", context)
            made = decide(worker.serving, request, now_ms, rng.bytes(9)).decision
            if rng.random() < REWARDED:
                record_reward(worker.serving, RewardReport(made.id, 1.0), now_ms)
    now_ms += DAY_MS
    with closing(Backends(settings)) as backends:
        Learner(backends, lambda: now_ms).drain(600.0)
    now_ms += DAY_MS
    took: dict[str, list[float]] = {"store": [], "archive": []}
    with closing(Backends(settings)) as backends:
        storage, ports = backends.storage, backends.archive
        if ports is None:
            raise SystemExit("the archive is not set")
        experiment = storage.experiments.get(EXPERIMENT)
        begun = time.process_time()
        archive_joined(ports, experiment, now_ms)
        writing = time.process_time() - begun
        for _ in range(rounds):
            for name, order in (
                ("store", None),
                ("archive", joined_order(ports, experiment)),
            ):
                begun = time.process_time()
                found = replay(storage, experiment, order=order)
                took[name].append((time.process_time() - begun) / found.learned * 1e6)
                if not found.matches:
                    raise SystemExit(f"the model from the {name} has other bytes")
        size = sum(file.size for file in storage.archived.files(experiment.number))
    store, archive = (statistics.median(took[name]) for name in ("store", "archive"))
    return {
        "us of CPU a decision, store": store,
        "us of CPU a decision, archive": archive,
        "archive / store": archive / store,
        "us of CPU a decision, writing": writing / decisions * 1e6,
        "bytes a decision": size / decisions,
    }


def estimates(folder: Path, rows: int, rounds: int) -> Numbers:
    """Return CPU and memory of DuckDB over those of `ope`, and how far they differ."""
    place = folder / "rows"
    place.mkdir()
    write_rows(place, rows)
    found: dict[str, list[Numbers]] = {"duckdb": [], "ope": []}
    for _ in range(rounds):
        for child, many in found.items():
            command = [
                sys.executable,
                "-m",
                "benchmarks.archive.cost",
                "--child",
                child,
            ]
            done = subprocess.run(
                [*command, "--folder", str(place)],
                check=True,
                capture_output=True,
                text=True,
            )
            many.append(json.loads(done.stdout))
    duck, ope = found["duckdb"][0], found["ope"][0]
    cpu = {
        name: statistics.median(o["cpu"] for o in many) for name, many in found.items()
    }
    memory = {name: max(o["memory"] for o in many) for name, many in found.items()}
    names = [name for name in ope if name.startswith(("value", "error"))]
    return {
        "rows": rows,
        "s of CPU, duckdb": cpu["duckdb"],
        "s of CPU, ope": cpu["ope"],
        "CPU, duckdb / ope": cpu["duckdb"] / cpu["ope"],
        "MB above imports, duckdb": memory["duckdb"],
        "MB above imports, ope": memory["ope"],
        "largest relative difference": max(
            abs(duck[name] / ope[name] - 1) for name in names
        ),
    }


def write_rows(
    place: Path, rows: int, *, offset: float = 0.0, heavy: bool = False
) -> None:
    """Write decisions as the archive has them, with the columns that are read.

    Args:
        place: the folder.
        rows: number of decisions.
        offset: added to rewards and predictions.
        heavy: rewards have an infinite variance; else they are 0 or 1.
    """
    arrow = importlib.import_module("pyarrow")
    rng = np.random.default_rng(3)
    names = np.array([f"v{index}" for index in range(VARIANTS)])
    for part, begin in enumerate(range(0, rows, CHUNK)):
        n = min(CHUNK, rows - begin)
        best = rng.integers(0, VARIANTS, n)
        pmf = np.full((n, VARIANTS), 0.124)
        pmf[np.arange(n), best] = 0.504
        other = (best + rng.integers(1, VARIANTS, n)) % VARIANTS
        chosen = np.where(rng.random(n) < pmf[np.arange(n), best], best, other)
        q = 0.05 + 0.03 * np.arange(VARIANTS) + 0.02 * rng.random((n, VARIANTS))
        reward = (rng.random(n) < q[np.arange(n), chosen]).astype(np.float64)
        if heavy:
            reward = rng.pareto(1.6, n)
        reward, q = reward + offset, q + offset
        ends = arrow.array(np.arange(n + 1) * VARIANTS, arrow.int32())
        columns = {
            "group": ["treatment"] * n,
            "shown": np.zeros(n, dtype=bool),
            "unit": rng.integers(0, max(1, rows // 3), n) * 7_919_000_000_007,
            "variant": names[chosen],
            "propensity": pmf[np.arange(n), chosen],
            "reward": reward,
            "chosen": arrow.array(chosen, arrow.int32()),
        }
        for name, values in (
            ("variants", np.tile(names, (n, 1))),
            ("pmf", pmf),
            ("baseline_pmf", np.tile(POLICY, (n, 1))),
            ("q", q),
        ):
            flat = arrow.array(np.ascontiguousarray(values).ravel())
            columns[name] = arrow.ListArray.from_arrays(ends, flat)
        path = place / f"{part:04}.parquet"
        parquet().write_table(
            arrow.table(columns), path, compression="zstd", row_group_size=20_000
        )


def by_duckdb(place: Path) -> Numbers:
    """Return estimates and errors, CPU and memory of this process by DuckDB."""
    names = [path.name for path in sorted(place.glob("*.parquet"))]
    target = ArchiveTarget(f"file://{place}")
    policies = {"baseline": Target("baseline")}
    imported = _peak_mb()
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        begun = time.process_time()
        sums = sums_of(target, names, policies, scratch)["baseline"]
        took = time.process_time() - begun
    found = {name: (one.value, one.error) for name, one in estimates_of(sums).items()}
    return _numbers(found, took, imported)


def by_ope(place: Path) -> Numbers:
    """Return the same by `ope`."""
    arrow = importlib.import_module("pyarrow")
    dataset = importlib.import_module("pyarrow.dataset")
    imported = _peak_mb()
    begun = time.process_time()
    columns = ["reward", "propensity", "chosen", "q", "baseline_pmf", "unit"]
    table = dataset.dataset(place, format="parquet").to_table(columns=columns)
    n = table.num_rows

    def lists(name: str) -> np.ndarray:
        chunks = [chunk.flatten().to_numpy() for chunk in table[name].chunks]
        return np.concatenate(chunks).reshape(n, VARIANTS)

    pmf = lists("baseline_pmf")
    chosen = table["chosen"].to_numpy().astype(np.int64)
    logged = LoggedData(
        reward=table["reward"].to_numpy(),
        propensity=table["propensity"].to_numpy(),
        target_probability=pmf[np.arange(n), chosen],
        action=chosen,
        pmf_target=pmf,
        q_hat=lists("q"),
        reward_minimum=-FAR,
        reward_maximum=FAR,
        unit=np.unique(table["unit"].to_numpy(), return_inverse=True)[1],
    )
    del arrow
    made = {
        "ips": ips(logged),
        "snips": snips(logged),
        "clipped_ips": clipped_ips(logged, CLIP),
        "dm": direct_method(logged),
        "dr": doubly_robust(logged),
        "sndr": self_normalised_doubly_robust(logged),
    }
    found = {
        name: (one.value, standard_error(one, logged.unit))
        for name, one in made.items()
    }
    return _numbers(found, time.process_time() - begun, imported)


def _peak_mb() -> float:
    # Unlike that of getrusage, it does not begin with the parent's.
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1e3


def _numbers(
    found: Mapping[str, tuple[float, float]], cpu: float, imported: float
) -> Numbers:
    made = {"cpu": cpu, "memory": _peak_mb() - imported}
    for name, (value, error) in found.items():
        made |= {f"value {name}": value, f"error {name}": error}
    return made


if __name__ == "__main__":
    main()
