"""The cost of the learner by candidates, in process.

Owns a waiting log, and the processing of a copy of it through every step of a tick.
"""

import itertools
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bandit_svc.learner.loop import Learner
from bandit_svc.wiring import Backends
from benchmarks.growth.decisions import Probes
from benchmarks.growth.stores import (
    START_MS,
    create,
    definition,
    settings_of,
    write_events,
)
from benchmarks.speed.service import contexts

DECISIONS = 1_500
_RATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5)


@contextmanager
def by_candidates(root: Path, sizes: Sequence[int]) -> Iterator[Probes]:
    """Probe CPU µs per decision, from the log to a published model.

    The candidates are named ones that learn (vw with another setting each); uniform,
    the baseline and the 5 fixed variants are always evaluated.
    """
    probes: Probes = {}
    for size in sizes:
        folder = root / f"candidates-{size}"
        if not folder.exists():
            kinds = itertools.product(("squarecb", "epsilon"), _RATES)
            candidates = [
                {
                    "kind": "vw",
                    "explorer": explorer,
                    "learning_rate": rate,
                    "name": f"{explorer}-{n}",
                }
                for n, (explorer, rate) in enumerate(itertools.islice(kinds, size))
            ]
            create(folder, [definition("bench", 5, candidates=candidates)])
            write_events(folder, ["bench"], DECISIONS, contexts(500))
        probes[size] = _Probe(folder)
    yield probes


class _Probe:
    """Learns a copy of the waiting log, a new one each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self) -> float:
        copy = self._folder.with_name(self._folder.name + "-copy")
        shutil.copytree(self._folder, copy)
        try:
            settings = settings_of(copy, publish_every_ms=0)
            with closing(Backends(settings)) as backends:
                learner = Learner(backends, lambda: START_MS + 10**7)
                begun_s = time.process_time()
                learner.drain(600)
                return (time.process_time() - begun_s) / DECISIONS * 1e6
        finally:
            shutil.rmtree(copy)
