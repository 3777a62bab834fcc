"""Measure how often the uplift is ever wrong where people sign in and come back.

A section of benchmarks/truth; alone, `python -m benchmarks.truth.parts.people
[--runs N] [--cells TEXT ...]`. The service itself makes the logs, in this process:
units, links, events, decisions and rewards of the world `people` (some 20 visits of
each person, a few of far more, on one or two devices; buyers sign in more often). A
purchase names its unit and no decision, so that it is credited to the last one. The
report is looked at 10 times. `crossings` counts people whose decisions after the link
have another group than the first id had before.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.http.request_context import RequestContext
from bandit_svc.learner.loop import Learner
from bandit_svc.server.app import create_app
from bandit_svc.server.hot_routes import HOT, HotRoutes, plain_headers
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from benchmarks.truth.asked import is_asked, options
from simulators.worlds.people import PersonVisit, true_mean, visits

PEOPLE = 1_000
LOOKS = 10
HOLDOUT = 0.3
"""With it 1,000 people are the worth of the 50 units that an interval needs."""
MOST_RUNS = 100
"""A run takes seconds: the whole service plays it."""
SEED = 83
START_MS = 1_800_000_000_000
VISIT_MS = 2_000
WINDOW_MS = 3_600_000
LEARN_EVERY = 100
KEY = "hero"
_HEADERS = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json")]


class Cell(NamedTuple):
    """What differs between rows."""

    name: str
    lift: float
    more: Mapping[str, Any]


CELLS = (
    Cell("sign-in, A/A", 0.0, {}),
    Cell("features, A/A", 0.0, {"features": {"views": "count(viewed)"}}),
    Cell("sticky, A/A", 0.0, {"sticky": {"for_seconds": 2_592_000}}),
    Cell("purchases doubled", 1.0, {}),
)


class Played(NamedTuple):
    """One run: whether the interval ever missed, its width, crossings after links."""

    missed: bool
    width: float
    crossings: int
    linked: int


class Site:
    """The service of one run."""

    def __init__(self, folder: str, cell: Cell) -> None:
        self.now_ms = START_MS
        settings = Settings(data=folder, dev=True, fsync="never")
        with closing(Backends(settings)) as backends:
            backends.storage.migrate()
            backends.storage.initialise(os.urandom(SECRET_BYTES), self.now_ms)
        self.worker = Worker(settings, self.now_ms, "ab12")
        context = RequestContext(self.worker, lambda: self.now_ms, os.urandom)
        self._hot = HotRoutes(context)
        self._client = create_app(context).test_client()
        self._learner = Learner(self.worker, lambda: self.now_ms)
        definition = {
            "key": KEY,
            "variants": [{"key": "a"}, {"key": "b"}],
            "holdout": HOLDOUT,
            "policy": {"kind": "fixed", "variant": "b"},
            "baseline": {"kind": "fixed", "variant": "a"},
            "exploration_floor": 0.0,
            "reward": {"window_seconds": WINDOW_MS // 1_000, "event": "purchased"},
        }
        self.call("POST", "/v1/experiments", definition | dict(cell.more))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send to a hot route."""
        sent = plain_headers(_HEADERS)
        if sent is None:
            raise RuntimeError("the headers of the benchmark are not plain")
        reply = self._hot.answer(HOT[path.encode()], sent, json.dumps(body).encode())
        if reply.status // 100 != 2:
            raise RuntimeError(f"the service answered {reply.status}: {reply.body!r}")
        return dict(json.loads(reply.body))

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send to Flask."""
        answer = self._client.open(path, method=method, json=body)
        if answer.status_code // 100 != 2:
            raise RuntimeError(f"the service answered {answer.status_code}")
        return dict(answer.get_json())

    def learn(self) -> None:
        """Read what was appended, and learn what has matured."""
        while not self._learner.tick().idle:
            pass


def play(cell: Cell, run: int) -> Played:
    """Let people visit the site, and look at its report now and then."""
    rng = np.random.default_rng([SEED, run])
    plan = list(visits(PEOPLE, rng))
    truth = true_mean(cell.lift) - true_mean()
    look_every = max(1, len(plan) // LOOKS)
    first: dict[str, str] = {}
    kept: dict[int, str] = {}
    crossed: set[int] = set()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(folder, cell)
        missed, width = False, float("inf")
        for count, visit in enumerate(plan, 1):
            group = _visit(site, visit, cell)
            first.setdefault(visit.unit_id, group)
            if visit.signs_in:
                kept[visit.person] = first[visit.unit_id]
            elif visit.unit_id == visit.account and group != kept[visit.person]:
                crossed.add(visit.person)
            site.now_ms += VISIT_MS
            if count % LEARN_EVERY == 0:
                site.learn()
            if count % look_every == 0 or count == len(plan):
                if count == len(plan):
                    site.now_ms += WINDOW_MS + 1
                site.learn()
                found = _interval(site)
                if found is not None:
                    missed |= not found[0] <= truth <= found[1]
                    width = found[1] - found[0]
        site.worker.close()
    return Played(missed, width, len(crossed), len(kept))


def _visit(site: Site, visit: PersonVisit, cell: Cell) -> str:
    """Play one visit; return the group of its decision."""
    if visit.denies:
        denied = {"consent": "denied"}
        site.call("PUT", f"/v1/units/{visit.unit_id}", denied)
    if visit.views:
        site.post("/v1/events", {"unit_id": visit.unit_id, "event": "viewed"})
    made = site.post("/v1/decisions", {"experiment": KEY, "unit_id": visit.unit_id})
    lift = cell.lift if made["variant"] == "b" else 0.0
    if visit.buys < visit.chance(lift):
        order = f"order-{visit.person}-{site.now_ms}"
        bought = {"unit_id": visit.unit_id, "reward_id": order, "value": 1.0}
        site.post("/v1/rewards", bought | {"event": "purchased"})
    if visit.signs_in:
        links = {"links": [visit.unit_id]}
        site.call("PUT", f"/v1/units/{visit.account}", links)
        # A person's next visit is later than a tick of the learner.
        site.learn()
    return str(made["group"])


def _interval(site: Site) -> tuple[float, float] | None:
    report = site.call("GET", f"/v1/experiments/{KEY}/report")
    low, high = report["uplift"]["absolute"]["interval"]
    return None if low is None or high is None else (low, high)


def print_people(runs: int = MOST_RUNS, cells: Sequence[str] = ()) -> None:
    """Print the table."""
    runs = min(runs, MOST_RUNS)
    print(
        f"{runs:,} runs of {PEOPLE} people, some 20 visits of each, holdout "
        f"{HOLDOUT:.0%}, {LOOKS} looks, seed {SEED}\n"
    )
    print("| world | runs | ever wrong | median width | crossings after the link |")
    print("| --- | --- | --- | --- | --- |")
    for cell in CELLS:
        if not is_asked(cell.name, cells):
            continue
        played = [play(cell, run) for run in range(runs)]
        wrong = sum(one.missed for one in played) / runs
        width = float(np.median([one.width for one in played]))
        crossings = sum(one.crossings for one in played)
        linked = sum(one.linked for one in played)
        print(
            f"| {cell.name} | {runs:,} | {wrong:.3f} | {width:.3f} | {crossings} of "
            f"{linked:,} |",
            flush=True,
        )


def main() -> None:
    """Print the table of the runs and cells that are asked for."""
    asked = options(__doc__, MOST_RUNS)
    print_people(asked.runs, asked.cells)


if __name__ == "__main__":
    main()
