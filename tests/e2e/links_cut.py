"""Web, stream, store and learner apart: each link between them is cut under load.

Where this user may make network namespaces, the parts run in four of them, a link is
cut by taking its devices down, and packets are delayed and lost by wires of ours. Else
proxies of ours stand between the parts, and hold what passes. The id of the test says
which. NETWORK_SECONDS is how long each link is away; from 10 on, the cluster is whole.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.cluster.audit import audit, backends_of, is_settled, read_stored
from benchmarks.cluster.cluster import Cluster, Shape, cluster_folder
from benchmarks.cluster.crowd import Crowd, Entrance, create_experiments
from benchmarks.cluster.kills import Healing
from benchmarks.cluster.ledger import Ledger
from benchmarks.cluster.part import ClusterError
from tests.harness.network.links import Cuttable, Link
from tests.harness.network.namespaces import (
    Namespaces,
    can_make_namespaces,
    namespaces,
)
from tests.harness.network.proxies import Proxies, proxies
from tests.harness.waiting import GENEROUS_S, wait_until

pytestmark = pytest.mark.e2e

SECONDS = float(os.environ.get("NETWORK_SECONDS", "3"))
WHOLE = Shape()
SHORT = Shape(servers=1, nodes=1, learners=1)
HOW = "namespaces" if can_make_namespaces() else "proxies"
EXPERIMENTS = 2
RATE_PER_S = 60.0
LONG = SECONDS >= 10
SLOW_S, LOSS = (0.025, 0.05) if LONG else (0.005, 0.01)
"""Of each packet, each way."""


class Apart(NamedTuple):
    """A running cluster with visitors, and the links between its parts."""

    cluster: Cluster
    links: Mapping[Link, Cuttable]
    crowd: Crowd
    ledger: Ledger

    @property
    def data(self) -> Path:
        """A folder whose store the audit reads."""
        return self.cluster.nodes[0].data

    def until_healed(self, healing: Healing, what: str) -> None:
        """Wait until decisions are stored and models are published again."""
        wait_until(healing.is_done, what, output=self.logs)

    def until_answered(self, healing: Healing, what: str) -> None:
        """Wait until as many decisions are answered as come in SECONDS."""
        count = RATE_PER_S * SECONDS
        wait_until(lambda: healing.answered >= count, what, output=self.logs)

    def refuses_experiments(self) -> bool:
        """Return whether the first web node answers 503 where it needs the store."""
        node = self.cluster.nodes[0]
        try:
            create_experiments(node.url, self.cluster.key, 1)
        except ClusterError as error:
            return "503" in str(error)
        return False

    def unsettled(self) -> str:
        """Return the logs, and behind them what has not joined and who is heard."""
        settings = self.cluster.settings
        with closing(backends_of(self.data, settings)) as backends:
            stored = read_stored(backends.storage)
            marks = backends.storage.facts.marks()
        missing = self.ledger.decisions.keys() - stored.rewards.keys()
        return (
            f"{self.logs()}\n{stored.pending} decisions wait, {len(missing)} that were "
            f"answered have not joined: {sorted(missing)[:3]}; {marks}"
        )

    def logs(self) -> str:
        """Return the end of the log of each part."""
        parts = (*self.cluster.nodes, *self.cluster.learners, *self.cluster.servers)
        return "\n".join(f"{part.name}: {part.log_tail()}" for part in parts)


@pytest.fixture(params=[HOW])
def apart(request: pytest.FixtureRequest) -> Iterator[Apart]:
    """Start a cluster whose rooms are apart, with visitors; stop it after the test."""
    with ExitStack() as ends:
        network: Namespaces | Proxies
        if request.param == "namespaces":
            network = ends.enter_context(namespaces())
        else:
            network = ends.enter_context(proxies())
        folder = ends.enter_context(cluster_folder())
        shape = WHOLE if LONG else SHORT
        cluster = Cluster(folder, shape, network.places)
        ends.callback(cluster.stop)
        assert cluster.start(threading.Event().wait)
        keys = create_experiments(cluster.nodes[0].url, cluster.key, EXPERIMENTS)
        ledger = Ledger()
        addresses = [node.address for node in cluster.nodes]
        crowd = Crowd(Entrance(addresses, cluster.key, keys), RATE_PER_S, ledger)
        crowd.start()
        ends.callback(crowd.end, 0.0)
        yield Apart(cluster, network.wires, crowd, ledger)


def test_nothing_is_lost_or_doubled_by_links_that_are_away_or_bad(
    apart: Apart,
) -> None:
    for link, wire in apart.links.items():
        name = " and ".join(link)
        healing = Healing(apart.cluster, apart.ledger)
        wire.cut()
        apart.until_answered(healing, f"decisions while {name} are apart")
        if link == ("web", "store"):
            assert apart.refuses_experiments()
        healing = Healing(apart.cluster, apart.ledger)
        wire.mend()
        apart.until_healed(healing, f"{name} together again")

    for wire in apart.links.values():
        wire.spoil(SLOW_S, LOSS)
    healing = Healing(apart.cluster, apart.ledger)
    apart.until_answered(healing, "decisions over slow and lossy links")
    for wire in apart.links.values():
        wire.spoil(0.0, 0.0)

    healing = Healing(apart.cluster, apart.ledger)
    apart.until_healed(healing, "models over good links again")

    assert apart.crowd.end(GENEROUS_S)
    settings = apart.cluster.settings
    wait_until(
        lambda: is_settled(apart.data, settings, apart.ledger),
        "everything joined",
        output=apart.unsettled,
    )
    found = audit([apart.data], settings, apart.ledger)
    assert [one for one in found if not one.holds] == []
