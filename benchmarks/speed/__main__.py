"""`make bench`: the speed of the service, as ratios against its alternatives.

    python -m benchmarks.speed [--rounds N] [--seconds S] [--only SCENARIO]

BENCH=full in the environment means more and longer rounds, and adds the pages of the
dashboard, an overload and other servers (--only takes them without it). Contestants
alternate in rounds on one machine; only their ratios within a round are compared with a
goal, and no absolute time is. Writes benchmarks/results/speed.json and speed.svg.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.beside import Beside
from benchmarks.growth.pages import PageGrowth
from benchmarks.growth.reports import ReportGrowth
from benchmarks.kinds.local import Local
from benchmarks.kinds.slates import Slates
from benchmarks.kinds.titles import Titles
from benchmarks.overload import Overload, Servers
from benchmarks.people import People
from benchmarks.speed.evaluation_cost import EvaluationCost
from benchmarks.speed.group_commit import GroupCommits
from benchmarks.speed.learning_cost import LearningCost
from benchmarks.speed.learning_load import LearningLoad
from benchmarks.speed.pages_open import PagesOpen
from benchmarks.speed.picture import picture
from benchmarks.speed.processes import end_on_sigterm
from benchmarks.speed.reward_to_policy import RewardToPolicy
from benchmarks.speed.rows import Figures, Outcome, Scenario, outcome
from benchmarks.speed.serving import Serving
from benchmarks.speed.table import figures_table, outcomes_table

SCENARIOS: tuple[Scenario, ...] = (
    Serving(),
    Beside(),
    GroupCommits(),
    LearningLoad(),
    LearningCost(),
    RewardToPolicy(),
    People(),
    Titles(),
    Slates(),
    Local(),
    ReportGrowth(),
    EvaluationCost(),
    PagesOpen(),
    PageGrowth(),
    Overload(),
    Servers(),
)
FULL_ONLY = frozenset(
    {Local.name, PagesOpen.name, PageGrowth.name, Overload.name, Servers.name},
)
RESULTS = Path(__file__).parents[1] / "results"


def main() -> int:
    """Run the scenarios, print their tables, write the results."""
    full = os.environ.get("BENCH") == "full"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11 if full else 7)
    parser.add_argument("--seconds", type=float, default=4.0 if full else 0.8)
    parser.add_argument("--only", choices=[scenario.name for scenario in SCENARIOS])
    options = parser.parse_args()
    end_on_sigterm()
    wanted = {s.name for s in SCENARIOS if full or s.name not in FULL_ONLY}
    if options.only is not None:
        wanted = {options.only}
    began_s = time.monotonic()
    results = {
        scenario.name: _run(scenario, options.rounds, options.seconds)
        for scenario in SCENARIOS
        if scenario.name in wanted
    }
    outcomes = [
        outcome(goal, results[scenario.name])
        for scenario in SCENARIOS
        if scenario.name in results
        for goal in scenario.goals
    ]
    print(f"\n{options.rounds} rounds of {options.seconds} s, median (min to max)\n")
    for found in results.values():
        print(figures_table(_joined(found)))
    print("\n" + outcomes_table(outcomes))
    _write(outcomes, results, vars(options))
    print(f"\ntook {time.monotonic() - began_s:.0f} s; {RESULTS}/speed.json, speed.svg")
    return 0


def _run(scenario: Scenario, rounds: int, seconds: float) -> list[Figures]:
    found = []
    with scenario.running():
        for number in range(1, rounds + 1):
            print(f"{scenario.name}: round {number} of {rounds}", flush=True)
            found.append(scenario.measure(seconds))
    return found


def _joined(rounds: Sequence[Figures]) -> dict[str, list[float]]:
    return {name: [figures[name] for figures in rounds] for name in rounds[0]}


def _write(
    outcomes: Sequence[Outcome],
    results: dict[str, list[Figures]],
    options: dict[str, Any],
) -> None:
    RESULTS.mkdir(exist_ok=True)
    record = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "options": options,
        "goals": [
            {
                **row.goal._asdict(),
                "median": row.median,
                "min": row.least,
                "max": row.most,
                "reached": row.reached,
            }
            for row in outcomes
        ],
        "rounds": results,
    }
    (RESULTS / "speed.json").write_text(json.dumps(record, indent=1))
    (RESULTS / "speed.svg").write_text(picture(outcomes))


if __name__ == "__main__":
    sys.exit(main())
