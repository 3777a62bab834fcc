"""`make bench-damage`: random damages of data folders, and who notices.

    python -m benchmarks.damage [--damages N] [--seed S] [--only TEXT] [--processes N]

Each damage is done to a copy of a real data folder, which then goes through the whole
service: reader, ingestion, join, training, report, doctor. What is read is compared
with an undamaged twin. Exits 1 if a damage is undetected or a wrong record is taken for
good. Folders are in memory (/dev/shm) where there is any.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from benchmarks.damage.age_kinds import AGE_KINDS
from benchmarks.damage.campaign import Verdict, campaign, twins, workspace
from benchmarks.damage.log_kinds import LOG_KINDS
from benchmarks.damage.scenarios import old_scenarios, scenarios
from benchmarks.damage.store_kinds import STORE_KINDS

DAMAGES = 10_000
PROCESSES = 2
_OLD_KINDS = {n: kind for n, kind in LOG_KINDS.items() if n.endswith(": segment")}
_OF = {
    "all": (scenarios, LOG_KINDS | AGE_KINDS | STORE_KINDS),
    "log": (scenarios, LOG_KINDS | AGE_KINDS),
    "store": (scenarios, STORE_KINDS),
    "format 1": (old_scenarios, _OLD_KINDS),
}


def main() -> None:
    """Run the damages and print the table."""
    options = _options()
    begin = time.perf_counter()
    share = options.damages // options.processes + 1
    last = options.seed + options.damages
    parts = [
        range(first, min(first + share, last))
        for first in range(options.seed, last, share)
    ]
    if options.processes == 1:
        verdicts = _part(parts[0], options.only, options.of)
    else:
        with ProcessPoolExecutor(options.processes) as pool:
            found = pool.map(
                _part, parts, [options.only] * len(parts), [options.of] * len(parts)
            )
            verdicts = [verdict for of_part in found for verdict in of_part]
    _print_table(verdicts)
    bad = [v for v in verdicts if v.undetected or v.wrong]
    for verdict in bad:
        print(verdict)
    if options.inexact:
        for verdict in verdicts:
            if not verdict.exact and (verdict.over or not verdict.at_least):
                print(verdict)
    print(f"{time.perf_counter() - begin:.0f} s")
    sys.exit(bool(bad))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Damage data folders at random.")
    parser.add_argument("--damages", type=int, default=DAMAGES, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the first damage")
    parser.add_argument("--only", default="", help="kinds whose name has this text")
    parser.add_argument("--of", choices=_OF, default="all", help="what is damaged")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="at once")
    parser.add_argument(
        "--inexact", action="store_true", help="print damages of inexact counts"
    )
    return parser.parse_args()


def _part(seeds: range, only: str, of: str) -> list[Verdict]:
    make, all_kinds = _OF[of]
    kinds = {name: kind for name, kind in all_kinds.items() if only in name}
    with workspace() as root:
        return list(campaign(twins(make(root), root), kinds, seeds, root))


def _print_table(verdicts: Sequence[Verdict]) -> None:
    by_kind: defaultdict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_kind[verdict.kind].append(verdict)
    row = "{:34}{:>8}{:>9}{:>8}{:>9}{:>7}{:>8}{:>7}{:>9}{:>7}{:>12}"
    print(
        row.format(
            *("kind", "damages", "changed", "doctor", "learner", "doctor"),
            *("lost", "exact", "at least", "wrong", "undetected"),
        )
    )
    print(row.format("", "", "facts", "before", "logs", "after", *[""] * 5))
    for kind, of_kind in [*sorted(by_kind.items()), ("all", list(verdicts))]:
        print(
            row.format(
                kind,
                len(of_kind),
                sum(v.changed for v in of_kind),
                sum(v.before for v in of_kind),
                sum(v.logged for v in of_kind),
                sum(v.after for v in of_kind),
                sum(v.lost for v in of_kind),
                sum(v.exact for v in of_kind),
                sum(v.at_least and not v.exact and not v.over for v in of_kind),
                sum(v.wrong for v in of_kind),
                sum(v.undetected for v in of_kind),
            )
        )


if __name__ == "__main__":
    main()
