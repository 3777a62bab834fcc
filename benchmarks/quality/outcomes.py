"""Outcomes of the quality benchmark, and the tables that are made of them.

Owns the file that they are kept in, a line each, so that a run goes on where one was
stopped, and the tables as Markdown: docs/policies.md holds them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

YARDSTICKS = ("best-fixed", "uniform")
"""Rows that no contestant made; the oracle is 1 by definition."""


class Outcome(msgspec.Struct, frozen=True):
    """The result of one contestant in one world with one seed.

    Attributes:
        horizons: numbers of rounds; the last one is the length of the run.
        shares: mean expected reward of so many first rounds, as a share of the
            oracle's.
        ms: CPU milliseconds a round.
    """

    world: str
    seed: int
    contestant: str
    horizons: tuple[int, ...]
    shares: tuple[float, ...]
    ms: float = 0.0

    @property
    def run(self) -> tuple[str, int, str, tuple[int, ...]]:
        """The run that it is of."""
        return self.world, self.seed, self.contestant, self.horizons


class Kept:
    """The outcomes of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_bytes().splitlines() if path.exists() else []
        self.outcomes = [msgspec.json.decode(line, type=Outcome) for line in lines]

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Keep outcomes, in the file too."""
        found = list(outcomes)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            for one in found:
                file.write(msgspec.json.encode(one) + b"\n")
        self.outcomes += found


class Tables:
    """The tables of outcomes that have the same horizons."""

    def __init__(
        self, outcomes: Sequence[Outcome], worlds: Sequence[str], names: Sequence[str]
    ) -> None:
        self._worlds = worlds
        self._names = [*names, *YARDSTICKS]
        self._shares: dict[tuple[str, str], dict[int, tuple[float, ...]]] = {}
        for one in outcomes:
            mine = self._shares.setdefault((one.world, one.contestant), {})
            mine[one.seed] = one.shares
        self._common = [
            world
            for world in worlds
            if all((world, name) in self._shares for name in self._names)
        ]

    def of_worlds(self, horizon: int) -> list[str]:
        """Return a row a world and a column a contestant, at the place of a horizon."""
        lines = _head("world", self._names)
        for world in self._worlds:
            cells = [self._cell([world], name, horizon) for name in self._names]
            lines.append(_row(world, cells))
        groups = [("mean", self._worlds)]
        if 0 < len(self._common) < len(self._worlds):
            words = f"mean of the {len(self._common)} that all ran"
            groups.append((words, self._common))
        for words, worlds in groups:
            cells = [self._cell(worlds, name, horizon) for name in self._names]
            lines.append(_row(f"**{words}**", cells))
        return lines

    def over_rounds(self, horizons: Sequence[int]) -> list[str]:
        """Return a row a contestant and a column a horizon: means over the worlds."""
        lines = _head("share of the oracle in the first", [f"{n:,}" for n in horizons])
        for name in self._names:
            places = range(len(horizons))
            cells = [self._cell(self._common, name, place) for place in places]
            lines.append(_row(name, cells))
        return lines

    def _cell(self, worlds: Sequence[str], name: str, place: int) -> str:
        """Return a mean over worlds and seeds, with its standard error over seeds."""
        found = [self._shares.get((world, name), {}) for world in worlds]
        if not worlds or not all(found):
            return "-"
        means = [np.mean([shares[place] for shares in one.values()]) for one in found]
        # Worlds are drawn apart, so that their errors are independent.
        variances = [
            np.var([shares[place] for shares in one.values()], ddof=1) / len(one)
            for one in found
            if len(one) > 1
        ]
        mean = _short(float(np.mean(means)))
        if len(variances) < len(found):
            return mean
        return f"{mean} ± {_short(float(np.sqrt(np.sum(variances)) / len(found)))}"


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0") if share < 1 else f"{share:.3f}"


def _head(first: str, columns: Sequence[str]) -> list[str]:
    return [_row(first, columns), _row("---", ["---"] * len(columns))]


def _row(first: str, cells: Iterable[str]) -> str:
    return f"| {' | '.join([first, *cells])} |"
