"""How soon a published model is served by every worker of every node.

Owns the watch of what is published, and its comparison with the versions with which
callers were answered. For a stretch in which nothing is killed.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import NamedTuple

from bandit_svc.errors import BanditError
from bandit_svc.wiring import Backends
from benchmarks.cluster.ledger import Told

LOOK_EVERY_S = 0.02
"""Between two looks at what is published: a time may be too short by so much."""
LAST_S = 2.0
"""A model of the last seconds has too few decisions behind it to be counted."""


class Published(NamedTuple):
    """A model that was first seen in the store at a moment of the monotonic clock."""

    experiment: str
    version: int
    at_s: float


class Publications(threading.Thread):
    """Watches the store from `start` to `end`.

    Attributes:
        seen: what was published meanwhile.
    """

    def __init__(self, opened: Callable[[], Backends]) -> None:
        super().__init__(name="publications", daemon=True)
        self.seen: list[Published] = []
        self._opened = opened
        self._ends = threading.Event()
        self._looks = threading.Event()

    def is_ready(self) -> bool:
        """Return whether what is published from now on is seen."""
        return self._looks.is_set()

    def run(self) -> None:
        """Note each version that is newer than the one before."""
        with closing(self._opened()) as backends:
            storage = backends.storage
            keys = {one.number: one.key for one in storage.experiments.all()}
            known = dict(storage.model_versions.latest_versions())
            self._looks.set()
            while not self._ends.wait(LOOK_EVERY_S):
                try:
                    newest = storage.model_versions.latest_versions()
                except BanditError:
                    continue
                now_s = time.monotonic()
                for number in newest.keys() & keys.keys():
                    if newest[number] > known.get(number, 0):
                        known[number] = newest[number]
                        self.seen.append(Published(keys[number], known[number], now_s))

    def end(self) -> None:
        """Stop watching."""
        self._ends.set()
        self.join()


def lateness_s(
    published: Sequence[Published], told: Iterable[Told], ended_s: float
) -> list[float]:
    """Return after how long the last worker served each model, in ascending order.

    That is when the last decision was asked for that an older version answered: 0.0
    where there was none. Callers change their connections, so that each worker is
    asked some times a second.
    """
    answers = [one for one in told if one.version is not None]
    found: list[float] = []
    for model in published:
        if model.at_s > ended_s - LAST_S:
            continue
        late = (
            answer.asked_s - model.at_s
            for answer in answers
            if answer.experiment == model.experiment
            and (answer.version or 0) < model.version
            and model.at_s < answer.asked_s <= ended_s
        )
        found.append(max(late, default=0.0))
    return sorted(found)


def quantile(ascending: Sequence[float], share: float) -> float:
    """Return the least value that is not below a share of them; 0.0 of none."""
    if not ascending:
        return 0.0
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]
