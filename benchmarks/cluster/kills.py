"""What is killed in a cluster under load, and when it has healed.

Owns the order of the kills and the condition of healing: every part runs, each web
node's decisions reach the store, and each experiment has a newer model.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bandit_svc.errors import BanditError
from benchmarks.cluster.cluster import Cluster
from benchmarks.cluster.ledger import Ledger

HEALED_WITHIN_S = 120.0
LOOK_EVERY_S = 0.1


class Kill(NamedTuple):
    """One part to kill; `strike` does it and returns what it killed."""

    name: str
    strike: Callable[[], str]


class Healed(NamedTuple):
    """A kill that healed.

    Attributes:
        seconds: from the kill to the condition; None where it did not come.
        next_model_s: until each experiment had a newer model.
        answered: decisions that were answered meanwhile.
    """

    name: str
    what: str
    seconds: float | None
    next_model_s: float | None
    answered: int


def kills_of(cluster: Cluster) -> list[Kill]:
    """Return one kill of each kind of process."""
    node, learner = cluster.nodes[0], cluster.learners[0]
    found = [
        Kill("web worker", lambda: _kill(node.workers()[0])),
        Kill("web master", lambda: _kill(node.master())),
        Kill("web supervisor", lambda: _kill(node.pid)),
        Kill("learner", lambda: _kill(learner.pid)),
    ]
    if cluster.servers:
        found += [
            Kill("shipper", lambda: _kill(node.shipper())),
            Kill("follower of the stream", lambda: _server(cluster, leads=False)),
            Kill("leader of the stream", lambda: _server(cluster, leads=True)),
        ]
    return [*found, Kill("PostgreSQL", lambda: _postgres(cluster))]


class Healing:
    """Looks whether a cluster has healed since now: make it before the fault.

    Attributes:
        model_s: seconds until each experiment had a newer model; None before.
        seconds: until all was well; None before.
    """

    def __init__(self, cluster: Cluster, ledger: Ledger) -> None:
        self._cluster, self._ledger = cluster, ledger
        self._before = self._versions()
        self._answered = len(ledger.decisions)
        self._stores = False
        self._since_s = time.monotonic()
        self.model_s: float | None = None
        self.seconds: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the fault."""
        return time.monotonic() - self._since_s

    @property
    def answered(self) -> int:
        """Decisions that were answered since the fault."""
        return len(self._ledger.decisions) - self._answered

    def is_done(self) -> bool:
        """Look again; return whether all is well."""
        if self.model_s is None and self._has_newer_models():
            self.model_s = self.elapsed_s
        self._stores = self._stores or self._stores_again()
        well = self.model_s is not None and self._stores and self._cluster.is_whole()
        if well and self.seconds is None:
            self.seconds = self.elapsed_s
        return well

    def _has_newer_models(self) -> bool:
        now = self._versions()
        return bool(now) and all(
            now.get(number, 0) > known for number, known in self._before.items()
        )

    def _versions(self) -> Mapping[int, int]:
        """Return the newest model of each experiment; empty where it can't be read."""
        try:
            return dict(self._cluster.store().model_versions.latest_versions())
        except BanditError:
            return {}

    def _stores_again(self) -> bool:
        """Return whether a decision that each node answered since then is stored."""
        first = [
            self._ledger.first_since(node, self._since_s)
            for node in range(len(self._cluster.nodes))
        ]
        ids = [one for one in first if one is not None]
        if len(ids) < len(first):
            return False
        try:
            facts = self._cluster.store().facts
            return all(facts.decision(one) is not None for one in ids)
        except BanditError:
            return False


def heal(
    kill: Kill, cluster: Cluster, ledger: Ledger, wait: Callable[[float], bool]
) -> Healed:
    """Kill, and wait until the cluster has healed; `wait` may end it."""
    healing = Healing(cluster, ledger)
    what = kill.strike()
    while healing.elapsed_s < HEALED_WITHIN_S:
        cluster.tend()
        if healing.is_done() or wait(LOOK_EVERY_S):
            break
    return Healed(kill.name, what, healing.seconds, healing.model_s, healing.answered)


def _kill(pid: int) -> str:
    os.kill(pid, signal.SIGKILL)
    return f"pid {pid}, kill -9"


def _server(cluster: Cluster, *, leads: bool) -> str:
    """Kill a server that leads the most streams, or the fewest."""
    counts = {server.name: len(server.leads()) for server in cluster.servers}
    name = sorted(counts, key=lambda one: counts[one], reverse=leads)[0]
    server = next(one for one in cluster.servers if one.name == name)
    pid = server.pid
    server.kill()
    return f"{name} (pid {pid}, leads {counts[name]} streams), kill -9"


def _postgres(cluster: Cluster) -> str:
    pid = cluster.postgres.pid
    cluster.postgres.kill(signal.SIGQUIT)
    return f"pid {pid}, at once and without a checkpoint"
