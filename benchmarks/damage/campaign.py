"""Many random damages, each compared with the undamaged twin.

Owns the verdict on one damage and the seeded choice of the next. A damage is undetected
if anything that is read differs from what the twin reads, and nobody says so.
"""

import hashlib
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.damage.chain import Facts
from benchmarks.damage.log_files import Inapplicable, Kind, LogFiles
from benchmarks.damage.scenarios import Run, Scenario

_TRIES = 50
_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory


@contextmanager
def workspace() -> Iterator[Path]:
    """Yield an empty folder, in memory where there is such a file system."""
    place = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


class Verdict(NamedTuple):
    """The judgement of one damage.

    Attributes:
        note: what was damaged, where the kind's name leaves it open.
        changed: something that is read differs from the twin's.
        before, logged, after: doctor, the learner's log, doctor again said so.
        refused: a report or a look-up ended in an error.
        lost: facts that are not in the store; negative: more than there were.
        exact: the lost facts were told by their number.
        at_least: that number was told to be a least one.
        over: more facts were told to be lost than are, since they came another way.
        wrong: facts that were read with another content, or that there never were.
    """

    kind: str
    scenario: str
    seed: int
    note: str
    changed: bool
    before: bool
    logged: bool
    after: bool
    refused: bool
    lost: int
    exact: bool
    at_least: bool
    over: bool
    wrong: int
    sentences: tuple[str, ...] = ()

    @property
    def undetected(self) -> bool:
        """Return whether a difference is told by nobody."""
        return self.changed and not (
            self.before or self.logged or self.after or self.refused
        )


class Twin(NamedTuple):
    """A scenario, and what is read of it without damage."""

    scenario: Scenario
    run: Run


def twins(scenarios: list[Scenario], root: Path) -> list[Twin]:
    """Run each scenario without damage.

    Raises:
        AssertionError: a fault is named where there is none.
    """
    found = []
    for scenario in scenarios:
        run = scenario.run(root / f"twin of {scenario.name}", lambda _folder: None)
        if run.told:
            raise AssertionError(f"the undamaged {scenario.name} is faulty: {run.told}")
        found.append(Twin(scenario, run))
    return found


def campaign(
    twins: list[Twin], kinds: Mapping[str, Kind], seeds: range, root: Path
) -> Iterator[Verdict]:
    """Do one damage a seed, each kind in turn, and judge it."""
    names = list(kinds)
    for seed in seeds:
        name = names[seed % len(names)]
        yield damaged(twins, name, kinds[name], seed, root)


def damaged(twins: list[Twin], name: str, kind: Kind, seed: int, root: Path) -> Verdict:
    """Do one damage to a scenario of the seed's choice, and judge it."""
    for attempt in range(_TRIES):
        generator = random.Random(f"{seed} {attempt}")  # noqa: S311 - places
        twin = generator.choice(twins)
        folder = root / f"damaged {seed}"
        try:
            return _damaged(twin, name, kind, generator, folder)._replace(seed=seed)
        except Inapplicable:
            continue
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    raise AssertionError(f"no scenario has anything to {name}")


def _damaged(
    twin: Twin, name: str, kind: Kind, generator: random.Random, folder: Path
) -> Verdict:
    scenario = twin.scenario
    notes: list[str] = []

    def harm(data: Path) -> None:
        before = _bytes_of(data)
        files = LogFiles(data, scenario.earlier, generator, lives=scenario.lives)
        kind(files)
        notes.append(files.note)
        if _bytes_of(data) == before:
            raise Inapplicable

    outcome, told = scenario.run(folder, harm)
    there = twin.run.outcome
    lost = wrong = 0
    if outcome is not None and there is not None:
        lost = there.facts.rows - outcome.facts.rows
        wrong = _wrong(outcome.facts, there.facts)
    return Verdict(
        kind=name,
        scenario=scenario.name,
        seed=0,
        note=notes[-1],
        changed=outcome != there,
        before=bool(told.before),
        logged=bool(told.logged),
        after=bool(told.after),
        refused=bool(told.refused),
        lost=lost,
        exact=told.lost == lost,
        at_least=told.at_least,
        over=told.lost > lost,
        wrong=wrong,
        sentences=(*told.before, *told.logged, *told.after, *told.refused),
    )


def _wrong(here: Facts, there: Facts) -> int:
    """Return how many facts differ from the twin's, or are none of them."""
    changed = sum(
        there.decisions.get(decision_id) != line
        for decision_id, line in here.decisions.items()
    )
    invented = max(0, here.rows - there.rows)
    return changed + len(here.rewards - there.rewards) + invented


def _bytes_of(folder: Path) -> str:
    digest = hashlib.blake2b()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
