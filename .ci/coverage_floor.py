"""Print the coverage of the last `make test`; exit 1 below the floor.

Owns the comparison of build/coverage.json, which slipcover writes, with the floor. Only
lines that ran in the processes of pytest count: what services, learners and commands
run in processes of their own is tested, and not counted.

    python .ci/coverage_floor.py 90
"""

import json
import sys
from pathlib import Path

FILE = Path(__file__).parents[1] / "build" / "coverage.json"
WORST = 10


def main(floor: float) -> int:
    """Print one line; below the floor also the files that miss most lines."""
    found = json.loads(FILE.read_text())
    covered = found["summary"]["percent_covered"]
    print(f"Coverage: {covered:.1f} % of lines; the floor is {floor:g} %.")
    if covered >= floor:
        return 0
    missing = {
        name: len(file["missing_lines"]) for name, file in found["files"].items()
    }
    for name in sorted(missing, key=missing.__getitem__, reverse=True)[:WORST]:
        print(f"{missing[name]:6} lines of {name} were not run")
    return 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
