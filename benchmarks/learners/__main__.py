"""Learners that share a stream: fair shares under kills, deaths, and what it costs.

    python -m benchmarks.learners drill [--experiments N] [--learners N] [--rounds N]
    python -m benchmarks.learners death [--kills N]
    python -m benchmarks.learners cost [--decisions N] [--rounds N]

`drill` starts learners one after the other, kills, stops and ends them in turn while
decisions come, and audits the store. `death` measures how long the experiments of a
killed learner wait for a model. `cost` compares the CPU time of two learners with that
of one, and that of one with two scorers. Servers are started for it, on this machine.
"""

import argparse
import statistics
import time

from benchmarks.learners import cost as costs
from benchmarks.learners.death import GOAL_S, deaths
from benchmarks.learners.drill import Size, drilled
from benchmarks.learners.engines import servers
from benchmarks.speed.processes import end_on_sigterm

WAYS = {"one": 1, "two": 2, "one and two scorers": 1}


def main() -> int:
    """Measure, and print; 1 where something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learners")
    parser.add_argument("what", choices=("drill", "death", "cost"))
    parser.add_argument("--experiments", type=int, default=Size().experiments)
    parser.add_argument("--learners", type=int, default=Size().learners)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--decisions", type=int, default=30_000)
    asked = parser.parse_args()
    end_on_sigterm()
    return {"drill": _drill, "death": _death, "cost": _cost}[asked.what](asked)


def _say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)


def _drill(asked: argparse.Namespace) -> int:
    size = Size(asked.experiments, asked.learners, rounds=asked.rounds)
    with servers() as started:
        found = drilled(started, size, _say)
    for event, took_s in found.unfair_s.items():
        p50_s = statistics.median(took_s)
        _say(f"fair shares after {event}: p50 {p50_s:.1f} s, max {max(took_s):.1f} s")
    _say(f"{found.made} decisions, {found.joined} joined")
    _say(f"{found.audit}")
    _say("holds" if found.holds else "FAILS")
    return 0 if found.holds else 1


def _death(asked: argparse.Namespace) -> int:
    with servers() as started:
        found = deaths(started, asked.kills, _say)
    for name in ("taken_s", "first_s", "last_s"):
        values = [getattr(one, name) for one in found]
        _say(f"{name}: p50 {statistics.median(values):.2f}, max {max(values):.2f}")
    worst_s = max(one.last_s for one in found)
    _say(f"{len(found)} kills, goal {GOAL_S:.0f} s, longest {worst_s:.2f} s")
    return 0 if worst_s <= GOAL_S else 1


def _cost(asked: argparse.Namespace) -> int:
    found: dict[str, list[costs.Cost]] = {way: [] for way in WAYS}
    with servers() as started:
        for at in range(asked.rounds):
            for number, (way, count) in enumerate(WAYS.items()):
                names = tuple(f"learner-{n}" for n in range(1, count + 1))
                scorers = 2 if "scorers" in way else 0
                schema = f"cost{at}{number}"
                one = costs.cost(started, schema, names, asked.decisions, scorers)
                found[way].append(one)
                _say(f"{way}: {one.learners:.1f} and backends {one.backends:.1f} us")
    ratios = {
        way: statistics.median(
            mine.learners / alone.learners
            for mine, alone in zip(those, found["one"], strict=True)
        )
        for way, those in found.items()
    }
    for way, ratio in ratios.items():
        _say(f"{way}: CPU a decision / that of one learner {ratio:.3f}")
    return 0 if ratios["two"] <= costs.GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
