"""Where the time of one warm decision goes: its functions by their own time.

Owns the profile: a store with a model is made in a temporary folder, opened behind the
application as a web worker opens it, and asked for decisions in this process: key
check, draw and log append are the real ones, HTTP and gunicorn are left out. A profiler
slows each call, so the plain CPU time of a decision is measured first, without it.

    python -m benchmarks.profile_decision --decisions 5000 --rows 25 --policy vw
"""

import argparse
import cProfile
import json
import sys
import tempfile
import time
from pathlib import Path
from types import CodeType

from benchmarks.growth.decisions import application, ask_in_process
from benchmarks.growth.stores import definition, trained
from benchmarks.speed.service import contexts

WARM_UP = 500
ROOT = Path(__file__).parents[1]


def main() -> int:
    """Print the CPU time of a decision, then the table of functions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=25, help="functions to print")
    parser.add_argument("--policy", help="kind of policy; the default one if unset")
    options = parser.parse_args()
    own = {"policy": {"kind": options.policy}} if options.policy else {}
    bodies = [
        json.dumps(
            {"experiment": "bench", "unit_id": f"u-{n}", "context": context}
        ).encode()
        for n, context in enumerate(contexts(options.decisions))
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        trained(store, definitions=[definition("bench", 5, **own)])
        with application(store) as app:
            for body in bodies[:WARM_UP]:
                ask_in_process(app, "/v1/decisions", body)
            begun_s = time.process_time()
            for body in bodies:
                ask_in_process(app, "/v1/decisions", body)
            each_us = (time.process_time() - begun_s) / len(bodies) * 1e6
            profile = cProfile.Profile()
            profile.enable()
            for body in bodies:
                ask_in_process(app, "/v1/decisions", body)
            profile.disable()
    print(f"{each_us:.1f} µs of CPU a decision, without the profiler\n")
    print_table(profile, len(bodies), options.rows)
    return 0


def print_table(profile: cProfile.Profile, decisions: int, rows: int) -> None:
    """Print the functions that take most time of their own, per decision."""
    found = sorted(profile.getstats(), key=lambda one: one.inlinetime, reverse=True)
    whole_s = sum(one.inlinetime for one in found)
    print(f"{'own µs':>8} {'share':>6} {'calls':>7}  function")
    for one in found[:rows]:
        own_us = one.inlinetime / decisions * 1e6
        share, calls = one.inlinetime / whole_s, one.callcount / decisions
        print(f"{own_us:8.2f} {share:6.1%} {calls:7.2f}  {name_of(one.code)}")


def name_of(code: CodeType | str) -> str:
    """Return file, line and name of a Python function; the words of a built-in one."""
    if isinstance(code, str):
        return code
    place = code.co_filename.removeprefix(f"{ROOT}/").split("site-packages/")[-1]
    return f"{place}:{code.co_firstlineno} {code.co_qualname}"


if __name__ == "__main__":
    sys.exit(main())
