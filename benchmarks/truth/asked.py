"""Choose runs and cells of the tables by options of the command line.

Owns the two options, and what it means that a cell was asked for.
"""

import argparse
from collections.abc import Sequence


class Asked(argparse.Namespace):
    """The options.

    Attributes:
        runs: of each cell.
        cells: parts of the names of cells to run; none for all.
    """

    runs: int
    cells: list[str]


def options(description: str | None, runs: int) -> Asked:
    """Read the options; `runs` is the number of runs where none is given."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runs", type=int, default=runs, help="runs of each cell")
    parser.add_argument(
        "--cells", nargs="*", default=[], help="parts of the names of cells to run"
    )
    return parser.parse_args(namespace=Asked())


def is_asked(name: str, cells: Sequence[str]) -> bool:
    """Return true if a name holds one of the texts, or there are none."""
    return not cells or any(part in name for part in cells)
