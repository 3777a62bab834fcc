"""How many files a reader enters who follows one fact through the code.

`python -m benchmarks.trips` prints, for a decision, a reward, a tick of the learner, a
report and a page: calls, files entered, and file changes (two calls in a row in
different files), by `sys.setprofile` over one warm run of each in this process.
`--names TRIP` lists the files of one trip in order. The numbers follow from the code,
not from the machine.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from flask.testing import FlaskClient

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.http.request_context import RequestContext
from bandit_svc.learner.loop import Learner
from bandit_svc.server.app import create_app
from bandit_svc.services.report.build import build_report
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker

ROOT = Path(__file__).parents[1]
OURS = (f"{ROOT}/bandit_svc/", f"{ROOT}/policies/")
START_MS = 1_800_000_000_000
WINDOW_MS = 1_000
EXPERIMENT = {
    "key": "hero",
    "variants": [{"key": "a"}, {"key": "b"}, {"key": "c"}],
    "reward": {"window_seconds": WINDOW_MS // 1000},
}
WARM_UP = 60

Result = TypeVar("Result")


class Trip:
    """Counts the calls of one run that land in our own files."""

    def __init__(self) -> None:
        self.calls = 0
        self.path: list[str] = []

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Count a call; the profiler of `sys.setprofile`."""
        file = frame.f_code.co_filename
        if event != "call" or not file.startswith(OURS):
            return
        self.calls += 1
        name = file.removeprefix(f"{ROOT}/")
        if not self.path or self.path[-1] != name:
            self.path.append(name)

    def row(self, name: str) -> str:
        """Return the row of the table."""
        files, changes = len(set(self.path)), max(0, len(self.path) - 1)
        return f"{name:26}{self.calls:7}{files:7}{changes:9}"


class House:
    """One worker and its learner over a new folder; `now_ms` is their clock."""

    def __init__(self, folder: str) -> None:
        self.now_ms = START_MS
        settings = Settings(data=folder, dev=True, fsync="never")
        with closing(Backends(settings)) as backends:
            backends.storage.migrate()
            backends.storage.initialise(bytes(range(SECRET_BYTES)), self.now_ms)
        self.worker = Worker(settings, self.now_ms, "ab12")
        context = RequestContext(self.worker, lambda: self.now_ms, os.urandom)
        self.client: FlaskClient = create_app(context).test_client()
        self.learner = Learner(self.worker, lambda: self.now_ms)
        self.post("/v1/experiments", EXPERIMENT)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send JSON, and return the answer's."""
        answer = self.client.post(path, json=body)
        if answer.status_code >= 300:
            raise RuntimeError(answer.text)
        return dict(answer.get_json())

    def decide(self, number: int) -> str:
        """Ask for a decision; return its id."""
        context = {"device": "mobile", "hour": number % 24}
        body = {"experiment": "hero", "unit_id": f"u{number}", "context": context}
        return str(self.post("/v1/decisions", body)["decision_id"])

    def reward(self, decision_id: str) -> None:
        """Report a reward of 1."""
        self.post("/v1/rewards", {"decision_id": decision_id, "value": 1.0})

    def mature(self) -> None:
        """Let every window end, learn, and load the new model."""
        self.now_ms += 3 * WINDOW_MS
        while not self.learner.tick().idle:
            pass
        self.worker.catalog.refresh_models()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trips")
    parser.add_argument("--names", help="list the files of this trip, in order")
    asked = parser.parse_args().names
    with tempfile.TemporaryDirectory() as folder:
        trips = _walked(House(folder))
    print(f"{'trip':26}{'calls':>7}{'files':>7}{'changes':>9}")
    for name, trip in trips.items():
        print(trip.row(name))
        if name == asked:
            print("\n".join(f"    {file}" for file in trip.path))


def _walked(house: House) -> dict[str, Trip]:
    for number in range(WARM_UP):
        decision_id = house.decide(number)
        if number % 2:
            house.reward(decision_id)
    house.mature()
    trips: dict[str, Trip] = {}
    house.decide(WARM_UP)
    decision_id = _walk(trips, "decision", lambda: house.decide(WARM_UP + 1))
    house.reward(decision_id)
    decision_id = house.decide(WARM_UP + 2)
    _walk(trips, "reward", lambda: house.reward(decision_id))
    house.mature()
    for number in range(2):
        house.reward(house.decide(WARM_UP + 3 + number))
    house.now_ms += 3 * WINDOW_MS
    _walk(trips, "tick of two decisions", house.learner.tick)
    house.mature()
    storage = house.worker.storage
    experiment = storage.experiments.get("hero")
    build_report(storage, experiment, house.now_ms)
    _walk(trips, "report", lambda: build_report(storage, experiment, house.now_ms))
    house.client.get("/experiments/hero")
    _walk(trips, "page", lambda: house.client.get("/experiments/hero"))
    house.worker.close()
    return trips


def _walk(trips: dict[str, Trip], name: str, run: Callable[[], Result]) -> Result:
    trip = trips[name] = Trip()
    sys.setprofile(trip)
    try:
        return run()
    finally:
        sys.setprofile(None)


if __name__ == "__main__":
    main()
