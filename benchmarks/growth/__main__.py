"""`make bench-growth`: the growth of each cost over decades.

    python -m benchmarks.growth [--only CURVE] [--rounds N] [--stores FOLDER]

Sizes alternate in rounds, and medians are compared. The unit is CPU time in one process
unless a curve says otherwise: a cost, not a wait. BENCH=full adds a log of ten million
events (about five minutes to make, 6 GB while it runs) and more rounds. `--stores`
keeps the stores for the next run. No absolute time has a goal. Writes
benchmarks/results/growth.json and growth.svg.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.growth import decisions as growth_decisions
from benchmarks.growth import learner as growth_learner
from benchmarks.growth import processes as growth_processes
from benchmarks.growth.decisions import Probes, application, deciding, reporting
from benchmarks.growth.picture import Panel, picture
from benchmarks.growth.processes import events_store
from benchmarks.speed.processes import end_on_sigterm
from benchmarks.speed.service import contexts

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).parents[1] / "results"
LOGS = (10_000, 100_000, 1_000_000)
FULL_LOGS = (*LOGS, 10_000_000)
IDLE_EXPERIMENTS = 1_000


class Curve(NamedTuple):
    """A cost by size; `limit` is the largest allowed ratio of the last to the first."""

    name: str
    title: str
    grows: str
    unit: str
    sizes: tuple[int, ...]
    probes: Callable[[Path, Sequence[int]], AbstractContextManager[Probes]]
    limit: float | None = None


@contextmanager
def _decisions_by_log(root: Path, sizes: Sequence[int]) -> "Iterator[Probes]":
    with ExitStack() as stack:
        apps = {
            size: stack.enter_context(application(events_store(root, size)))
            for size in sizes
        }
        yield {n: deciding(app, ["bench"], contexts(500)) for n, app in apps.items()}


@contextmanager
def _reports_by_log(root: Path, sizes: Sequence[int]) -> "Iterator[Probes]":
    with ExitStack() as stack:
        apps = {
            size: stack.enter_context(application(events_store(root, size)))
            for size in sizes
        }
        yield {size: reporting(app) for size, app in apps.items()}


def curves(*, full: bool) -> tuple[Curve, ...]:
    """Return all curves; `full` adds ten million events."""
    logs = FULL_LOGS if full else LOGS
    cost, events = "µs of CPU a decision", "events in the store"
    by_experiments = growth_decisions.by_experiments
    many = (1, 10, 100, 1_000)
    variants, features = (2, 5, 10, 20, 50, 100, 200, 500), (5, 10, 20, 50, 100, 200)
    one, each = "A decision; traffic for one", "A decision; traffic for each in turn"
    over_http, by_http = "The same in a gunicorn worker", growth_processes.over_http
    one_busy = partial(by_experiments, busy=1)
    by_candidates = growth_learner.by_candidates
    memory, by_memory = "A worker that serves each", growth_processes.by_experiments
    start, by_start = "From the command to ready", growth_processes.by_log
    return (
        Curve("one-busy", one, "experiments", cost, many, one_busy, 1.2),
        Curve("experiments", each, "experiments", cost, many, by_experiments, 1.2),
        Curve("http", over_http, "experiments", cost, many, by_http, 1.2),
        Curve(
            *("variants", "A decision", "variants"),
            cost,
            variants,
            growth_decisions.by_variants,
        ),
        Curve(
            *("features", "A decision", "context features"),
            cost,
            features,
            growth_decisions.by_features,
        ),
        Curve("log", "A decision", events, cost, logs, _decisions_by_log, 1.2),
        Curve("report", "A report", events, "ms of CPU", logs, _reports_by_log, 1.3),
        Curve(
            *("candidates", "Learning", "candidates that learn"),
            cost,
            (0, 1, 2, 5, 10, 20),
            by_candidates,
        ),
        Curve("start", start, events, "ms", (0, *logs), by_start, 1.5),
        Curve("memory", memory, "experiments", "MB", (1, 10, 100, 500), by_memory),
    )


def main() -> int:
    """Measure the curves, print them, write the results."""
    full = os.environ.get("BENCH") == "full"
    every = curves(full=full)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7 if full else 5)
    parser.add_argument("--stores", type=Path)
    names = [*(curve.name for curve in every), "idle"]
    parser.add_argument("--only", choices=names, action="append")
    options = parser.parse_args()
    end_on_sigterm()
    asked = options.only or names
    temporary = tempfile.TemporaryDirectory(prefix="bandit-growth-")
    keep = options.stores
    with nullcontext(keep) if keep else temporary as root:
        Path(root).mkdir(parents=True, exist_ok=True)
        found = {
            curve.name: _measured(curve, Path(root), options.rounds)
            for curve in every
            if curve.name in asked
        }
        idle = {}
        if "idle" in asked:
            idle = growth_processes.idle(Path(root), IDLE_EXPERIMENTS)
            for name, value in idle.items():
                print(f"{IDLE_EXPERIMENTS} experiments: {name}: {value:.1f}")
    _write(every, found, idle, options.rounds)
    return 0


def _measured(curve: Curve, root: Path, rounds: int) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {size: [] for size in curve.sizes}
    with curve.probes(root, curve.sizes) as probes:
        for _ in range(rounds):
            for size, probe in probes.items():
                found[size].append(probe())
    print(f"\n{curve.title}: {curve.unit} by {curve.grows}")
    for size, values in found.items():
        middle = statistics.median(values)
        print(f"{size:>12,}  {middle:10.1f}  ({min(values):.1f} to {max(values):.1f})")
    if curve.limit is not None:
        ratio = statistics.median(_ratios(found))
        print(f"  last / first {ratio:.2f} (goal: <= {curve.limit})", flush=True)
    return found


def _ratios(found: Mapping[int, Sequence[float]]) -> list[float]:
    """Return the cost of the last size over that of the first, for each round."""
    first, *_, last = found.values()
    return [high / low for low, high in zip(first, last, strict=True)]


def _write(
    every: Sequence[Curve],
    found: Mapping[str, Mapping[int, Sequence[float]]],
    idle: Mapping[str, float],
    rounds: int,
) -> None:
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "growth.json"
    record = json.loads(file.read_text()) if file.exists() else {"curves": {}}
    # A run of some curves keeps the last results of the others.
    at = datetime.now(UTC).isoformat(timespec="seconds")
    record["machine"] = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    for name, values in found.items():
        record["curves"][name] = {"at": at, "rounds": rounds, "values": dict(values)}
    if idle:
        record["idle"] = {"at": at, "experiments": IDLE_EXPERIMENTS} | dict(idle)
    file.write_text(json.dumps(record, indent=1))
    panels = [
        Panel(
            curve.title,
            curve.grows,
            curve.unit,
            {
                int(size): values
                for size, values in record["curves"][curve.name]["values"].items()
            },
        )
        for curve in every
        if curve.name in record["curves"]
    ]
    (RESULTS / "growth.svg").write_text(picture(panels))


if __name__ == "__main__":
    sys.exit(main())
