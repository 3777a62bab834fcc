"""What a stream costs a decision over HTTP, and what waiting for it costs.

    python -m benchmarks.stores.stream [--rounds N] [--seconds S]

Three machines of one web worker, each with a schema of its own on one PostgreSQL
server, answer decisions of 64 connections in turn: one without a stream, one that sends
its log to JetStream (`BANDIT_ACK=local`), one whose answers wait for it (`stream`).
Compared are medians, of each round's ratio: the CPU time of the web worker alone and
with the process that sends, a decision; and the answers a second.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.speed.processes import (
    BANDIT_SVC,
    ask,
    drive,
    end_on_sigterm,
    free_port,
    running,
    wait_for_port,
)
from benchmarks.speed.service import EXPERIMENT, decision_bodies, definition
from tests.harness.nats.servers import nats_server
from tests.harness.process import children_of, command_of
from tests.harness.stored.postgres import PostgresServer

CONNECTIONS: Final = 64
MOST_CPU: Final = 1.02
LEAST_RATE: Final = 0.75
_FORMS: Final = ("files", "local", "stream")


class Round(NamedTuple):
    """What one machine did in one round."""

    worker_us: float
    """CPU of all its processes but the one that sends, a decision."""
    sender_us: float
    rate: float


class Machine(NamedTuple):
    """A running machine."""

    port: int
    pid: int
    key: str

    def measure(self, seconds: float) -> Round:
        """Let it answer for a while."""
        before_s, sent_before_s = self._spent_s()
        done = drive(
            {
                "port": self.port,
                "key": self.key,
                "path": "/v1/decisions",
                "bodies": decision_bodies(),
                "loop": "closed",
                "connections": CONNECTIONS,
                "seconds": seconds,
            }
        )
        after_s, sent_after_s = self._spent_s()
        worker_s, sender_s = after_s - before_s, sent_after_s - sent_before_s
        # Connections are opened under load, which is spent on decisions too.
        each_us = 1e6 / (done["decisions_per_s"] * (done["took_s"] + done["warm_up_s"]))
        return Round(worker_s * each_us, sender_s * each_us, done["decisions_per_s"])

    def _spent_s(self) -> tuple[float, float]:
        """Return the CPU time so far: of the web processes, and of the sending one."""
        web_s = sender_s = 0.0
        below = [self.pid]
        while below:
            pid = below.pop()
            below += children_of(pid)
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            spent_s = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
            if "bandit_svc.shipper" in command_of(pid):
                sender_s += spent_s
            else:
                web_s += spent_s
        return web_s, sender_s


def main() -> int:
    """Measure and print; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=4.0)
    asked = parser.parse_args()
    end_on_sigterm()
    found: dict[str, list[Round]] = {form: [] for form in _FORMS}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = PostgresServer()
        stack.callback(store.close)
        store.start()
        stream = stack.enter_context(nats_server()).address
        machines = {
            form: stack.enter_context(_machine(root / form, form, store, stream))
            for form in _FORMS
        }
        for number in range(asked.rounds):
            for form in _FORMS[:: 1 if number % 2 else -1]:
                found[form].append(machines[form].measure(asked.seconds))
    return _told(found)


def _told(found: dict[str, list[Round]]) -> int:
    """Print what was found; return 1 if a goal is missed."""
    for form, measured in found.items():
        worker_us, sender_us, per_s = map(
            statistics.median, zip(*measured, strict=True)
        )
        print(
            f"{form}: {worker_us:.1f} us of CPU a decision, {sender_us:.1f} us to send "
            f"it, {per_s:.0f} decisions/s"
        )
    rounds = list(zip(*(found[form] for form in _FORMS), strict=True))
    alone = statistics.median(b.worker_us / a.worker_us for a, b, _ in rounds)
    both = statistics.median(
        (b.worker_us + b.sender_us) / a.worker_us for a, b, _ in rounds
    )
    rate = statistics.median(c.rate / b.rate for _, b, c in rounds)
    print(f"CPU of the worker, local / files {alone:.3f}, goal <= {MOST_CPU}")
    print(f"with the process that sends {both:.3f}")
    print(f"answers a second, stream / local {rate:.2f}, goal >= {LEAST_RATE}")
    return int(alone > MOST_CPU or rate < LEAST_RATE)


@contextmanager
def _machine(
    data: Path, form: str, store: PostgresServer, stream: str
) -> Iterator[Machine]:
    environment = {"BANDIT_STORE": store.url(form)}
    if form != "files":
        environment["BANDIT_STREAM"] = f"{stream}/{form}?partitions=4"
        environment["BANDIT_ACK"] = form
    port, output = free_port(), data.with_suffix(".log")
    key = _initialised(data, environment)
    command = (BANDIT_SVC, "web", "--data", str(data), "--port", str(port))
    with running((*command, "--workers", "1"), output, environment) as process:
        wait_for_port(process, port, output)
        made: Any = ask(port, "POST", "/v1/experiments", key, definition())
        if made["key"] != EXPERIMENT:
            raise RuntimeError(f"the experiment was not made: {made}")
        yield Machine(port, process.pid, key)


def _initialised(data: Path, environment: dict[str, str]) -> str:
    """Make the store of a machine; return its secret key."""
    said = subprocess.run(
        [BANDIT_SVC, "init", "--data", str(data)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return next(word for word in said.split() if word.startswith("bsk_"))


if __name__ == "__main__":
    sys.exit(main())
