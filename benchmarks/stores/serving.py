"""What a store on a PostgreSQL server costs a decision, and how soon models are served.

    python -m benchmarks.stores.serving [--rounds N] [--models N]

Two web workers of this process, one over each store, answer the same decisions in
turn, as their loops do: key check, draw and log append are real, the connection is left
out. Compared are medians of the CPU time of this process, the thread that listens
included. Then models are published one after the other, as a learner does, to four
workers that look for them as ever; counted is the time until all of them serve it.
"""

import argparse
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.model_version import ModelVersion, ModelVersionMeta
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.hot_routes import HOT, HotRoutes, PlainHeaders
from bandit_svc.server.repeating import Repeating
from bandit_svc.services.managing import issue_keys, lifecycle
from bandit_svc.services.policy_inputs import policy_of
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from benchmarks.speed.service import contexts, definition
from tests.harness.stored.postgres import PostgresServer

DECISIONS: Final = 1_000
"""In each round, over each store."""
TURN: Final = 10
"""Decisions over one store, before those over the other."""
GOAL: Final = 1.02
WORKERS: Final = 4
MOST_S: Final = 1.0
NOW_MS: Final = 1_790_000_000_000
_HOT: Final = HOT[b"/v1/decisions"]


class Web:
    """A web worker of this process, over a store that it makes."""

    def __init__(self, folder: Path, store: str) -> None:
        # What the disk costs has no part in it.
        self.settings = Settings(data=str(folder), store=store, fsync="never")
        self.worker = Worker(self.settings, NOW_MS, secrets.token_hex(4))
        storage = self.worker.storage
        self.key = issue_keys.issue_key(
            storage.keys, "secret", os.urandom(issue_keys.ENTROPY_BYTES), NOW_MS
        )
        self.experiment: Experiment = lifecycle.create(
            storage, lifecycle.convert_definition(definition()), "salt", NOW_MS
        )
        context = RequestContext(self.worker, lambda: NOW_MS, os.urandom)
        self._routes = HotRoutes(context)
        self._sent = PlainHeaders(f"Bearer {self.key.text}".encode(), from_page=False)

    def decide(self, bodies: list[bytes]) -> float:
        """Answer decisions; return the CPU time of one, in microseconds."""
        begun_s = time.process_time()
        for body in bodies:
            # What the loop can't answer would wait for a thread.
            waits = not self._routes.fits_in_a_turn(_HOT, body)
            reply = self._routes.answer(_HOT, self._sent, body)
            if reply.status != 201 or waits:
                raise RuntimeError(f"{reply.status}, waits: {waits}: {reply.body!r}")
        return (time.process_time() - begun_s) / len(bodies) * 1e6


def main() -> int:
    """Measure and print both; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--models", type=int, default=200)
    asked = parser.parse_args()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = PostgresServer()
        stack.callback(server.close)
        server.start()
        ratio = _ratio(root, server, asked.rounds, stack)
        late_s = _published(root, server, asked.models, stack)
    print(f"CPU of a decision over PostgreSQL / SQLite {ratio:.3f}, goal <= {GOAL}")
    p50, p99 = (late_s[int(len(late_s) * share)] for share in (0.5, 0.99))
    print(
        f"a model is served by {WORKERS} workers after {p50:.3f} s (p50), {p99:.3f} s"
        f" (p99), goal <= {MOST_S:.0f} s"
    )
    return int(ratio > GOAL or p99 > MOST_S)


def _ratio(root: Path, server: PostgresServer, rounds: int, stack: ExitStack) -> float:
    webs = [_web(root / "sqlite", "", stack)]
    webs.append(_web(root / "postgres", server.url("serving"), stack))
    bodies = [
        json.dumps(
            {"experiment": web.experiment.key, "unit_id": f"u-{n}", "context": context}
        ).encode()
        for web in webs[:1]
        for n, context in enumerate(contexts(DECISIONS))
    ]
    for web in webs:
        # The first one of each prepares the experiment, in a thread of the service.
        web.worker.catalog.prepared(web.experiment.key)
        web.decide(bodies)
    ratios = []
    for number in range(rounds):
        spent_us = [0.0, 0.0]
        for at in range(0, len(bodies), TURN):
            # Who comes second finds the memory warm.
            for which in (0, 1) if (at // TURN + number) % 2 else (1, 0):
                spent_us[which] += webs[which].decide(bodies[at : at + TURN])
        ratios.append(spent_us[1] / spent_us[0])
    return statistics.median(ratios)


def _published(
    root: Path, server: PostgresServer, models: int, stack: ExitStack
) -> list[float]:
    """Return after how many seconds each model was served by all, in order of size."""
    first = _web(root / "first", server.url("models"), stack)
    settings = first.settings
    workers = [Worker(settings, NOW_MS, secrets.token_hex(4)) for _ in range(WORKERS)]
    key, number = first.experiment.key, first.experiment.number
    for worker in workers:
        stack.callback(worker.close)
        worker.catalog.prepared(key)
        look = worker.catalog.refresh_models
        polling = Repeating("models", look, settings.model_poll_ms, "no models")
        polling.start()
        stack.callback(polling.close)
    defined = first.experiment.definition
    state = policy_of(defined, defined.policy).dump()
    late_s = []
    for version in range(1, models + 1):
        meta = ModelVersionMeta(number, version, defined.policy, (), 0, "", NOW_MS)
        first.worker.storage.model_versions.publish(
            ModelVersion(meta, state), version - 1, drop=[version - 1]
        )
        begun_s = time.monotonic()
        while any(w.catalog.prepared(key).policy.version < version for w in workers):
            time.sleep(0.001)
        late_s.append(time.monotonic() - begun_s)
    return sorted(late_s)


def _web(folder: Path, store: str, stack: ExitStack) -> Web:
    with closing(Backends(Settings(data=str(folder), store=store))) as backends:
        backends.storage.migrate()
        backends.storage.initialise(os.urandom(SECRET_BYTES), NOW_MS)
    web = Web(folder, store)
    stack.callback(web.worker.close)
    return web


if __name__ == "__main__":
    sys.exit(main())
