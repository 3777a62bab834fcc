"""The demo of the scaled form: a cluster, its visitors, and kills with an audit.

Owns the sequence and what is printed. `make demo-cluster` runs it; `make demo-cluster
CHECK=1` kills one process of each kind in turn, audits what was stored, and exits 0
or 1. `python -m benchmarks.cluster --help` lists the options.
"""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bandit_svc.client import BanditClient, BanditClientError
from benchmarks.cluster.audit import Finding, audit, is_settled
from benchmarks.cluster.cluster import FILES, Cluster, Shape, cluster_folder
from benchmarks.cluster.crowd import Crowd, Entrance, create_experiments
from benchmarks.cluster.kills import Healed, heal, kills_of
from benchmarks.cluster.ledger import Ledger
from benchmarks.cluster.part import ClusterError
from benchmarks.cluster.spread import Publications, lateness_s, quantile
from simulators import demo_view

EXPERIMENTS = 4
RATE_PER_S = 60.0
WARM_S = 10.0
QUIET_S = 20.0
"""So long nothing is killed, and it is measured how soon models are served."""
MODELS_WITHIN_S, SERVED_WITHIN_S = 8.0, 1.0
"""The goals: of a dead learner's experiments the next models, and of a model's way."""
SHOW_EVERY_S = 5.0
TEND_EVERY_S = 0.2
ANSWERS_WITHIN_S = 60.0
SETTLED_WITHIN_S = 180.0
TIMEOUT_S = 20.0


class Demo:
    """One run over a started cluster."""

    def __init__(
        self, cluster: Cluster, console: Console, stop: threading.Event
    ) -> None:
        self._cluster, self._console, self._stop = cluster, console, stop
        self._ledger = Ledger()
        self._keys = [f"hero-{n}" for n in range(1, EXPERIMENTS + 1)]
        addresses = [node.address for node in cluster.nodes]
        entrance = Entrance(addresses, cluster.key, self._keys)
        self._crowd = Crowd(entrance, RATE_PER_S, self._ledger)

    def begin(self) -> None:
        """Create the experiments and start the visitors.

        Raises:
            ClusterError: an experiment could not be created.
        """
        create_experiments(self._cluster.nodes[0].url, self._cluster.key, EXPERIMENTS)
        self._crowd.start()

    def show(self) -> None:
        """Print a line an experiment each 5 s, and keep the cluster running."""
        began_s = shown_s = time.monotonic()
        while not self._stop.wait(TEND_EVERY_S):
            self._cluster.tend()
            now_s = time.monotonic()
            if now_s - shown_s < SHOW_EVERY_S:
                continue
            shown_s = now_s
            for line in demo_view.lines(self._reports(), now_s - began_s):
                self._console.print(line)

    def check(self) -> bool:
        """Kill one process of each kind; return whether everything held."""
        if not self._learns() or self._tend_for(WARM_S):
            return False
        spread = self._spread()
        healed: list[Healed] = []
        for kill in kills_of(self._cluster):
            self._console.print(f"Killing: {kill.name} ...")
            one = heal(kill, self._cluster, self._ledger, self._stop.wait)
            healed.append(one)
            self._console.print(f"    healed: {_seconds(one.seconds)}")
            if self._stop.is_set():
                return False
        self._console.print("Waiting until everything has joined ...")
        whole = self._crowd.end(ANSWERS_WITHIN_S) and self._settled()
        findings = audit(
            [node.data for node in self._cluster.nodes],
            self._cluster.settings,
            self._ledger,
        )
        self._print(healed, findings)
        self._console.print(spread)
        held = whole and all(one.holds for one in findings)
        return held and all(one.seconds is not None for one in healed)

    def end(self) -> None:
        """Stop the visitors."""
        self._crowd.end(0.0)

    def _settled(self) -> bool:
        data = self._cluster.nodes[0].data
        deadline_s = time.monotonic() + SETTLED_WITHIN_S
        while not is_settled(data, self._cluster.settings, self._ledger):
            if time.monotonic() > deadline_s or self._tend_for(1.0):
                return False
        return True

    def _tend_for(self, seconds: float) -> bool:
        """Keep the cluster running so long; return whether to stop."""
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            if self._stop.wait(TEND_EVERY_S):
                return True
            self._cluster.tend()
        return False

    def _learns(self) -> bool:
        """Wait for a model of each experiment; return False if told to stop before.

        Raises:
            ClusterError: there is none after 180 s.
        """
        versions = self._cluster.store().model_versions
        deadline_s = time.monotonic() + SETTLED_WITHIN_S
        while len(versions.latest_versions()) < EXPERIMENTS:
            if time.monotonic() > deadline_s:
                raise ClusterError(
                    f"there was no model of each experiment within "
                    f"{SETTLED_WITHIN_S:.0f} s; the end of a learner's log:\n"
                    f"{self._cluster.learners[0].log_tail()}"
                )
            if self._tend_for(TEND_EVERY_S):
                return False
        return True

    def _spread(self) -> str:
        """Return how soon published models are served while nothing is killed."""
        watch = Publications(self._cluster.opened)
        watch.start()
        self._tend_for(QUIET_S)
        watch.end()
        late_s = lateness_s(watch.seen, self._ledger.answers(), time.monotonic())
        return (
            "A published model was served by every worker of every node after "
            f"{quantile(late_s, 0.5):.2f} s (p50), "
            f"{quantile(late_s, 0.99):.2f} s (p99) of {len(late_s)} models; the goal "
            f"is {SERVED_WITHIN_S:g} s. Of a killed learner's experiments the next "
            f"models came as the table says; the goal is {MODELS_WITHIN_S:g} s."
        )

    def _reports(self) -> list[demo_view.Report]:
        found: list[demo_view.Report] = []
        url, key = self._cluster.nodes[-1].url, self._cluster.key
        with BanditClient(url, key, timeout_s=TIMEOUT_S) as client:
            for name in self._keys:
                # A report may take its time, and what died is not to wait for it.
                self._cluster.tend()
                try:
                    found.append(client.report(name))
                except BanditClientError as error:
                    self._console.print(f"no report of {name}: {error}")
        return found

    def _print(self, healed: Sequence[Healed], findings: Sequence[Finding]) -> None:
        kills = Table(
            "killed", "process", "healed", "next models", "answered meanwhile"
        )
        for one in healed:
            kills.add_row(
                one.name,
                one.what,
                _seconds(one.seconds),
                _seconds(one.next_model_s),
                str(one.answered),
            )
        found = Table("invariant", "", "counted")
        for finding in findings:
            word = "holds" if finding.holds else "FAILS"
            found.add_row(finding.name, word, finding.said)
        self._console.print(kills)
        self._console.print(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit status, 1 where something did not hold."""
    options = _options(arguments)
    console = Console(highlight=False, markup=False, width=150)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    shape = FILES if options.files else Shape()
    with cluster_folder() as folder:
        cluster = Cluster(folder, shape)
        try:
            return _run(cluster, console, stop, check=options.check)
        except ClusterError as error:
            console.print(f"The demo ended: {error}")
            return 1
        finally:
            cluster.stop()
            console.print("Stopped.")


def _run(
    cluster: Cluster, console: Console, stop: threading.Event, *, check: bool
) -> int:
    console.print(f"Starting the cluster in {cluster.folder} ...")
    if not cluster.start(stop.wait):
        # A check that was stopped has found nothing out.
        return int(check)
    for node in cluster.nodes:
        console.print(f"Dashboard of {node.name}: {node.url}/")
    console.print(
        f"The key to sign in with: {cluster.key}\n"
        f"PostgreSQL: {cluster.postgres.url()}\n"
        f"Stream: {cluster.settings.get('BANDIT_STREAM', 'files of the web node')}\n"
        f"Visitors: {RATE_PER_S:.0f} a second. Ctrl-C stops the demo."
    )
    demo = Demo(cluster, console, stop)
    demo.begin()
    try:
        if check:
            return 0 if demo.check() else 1
        demo.show()
    finally:
        demo.end()
    return 0


def _seconds(value: float | None) -> str:
    return "no" if value is None else f"{value:.1f} s"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument(
        "--check",
        action="store_true",
        help="kill one process of each kind, audit what is stored, and end",
    )
    parser.add_argument(
        "--files",
        action="store_true",
        help="one web node and one learner over its files, without a stream",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
