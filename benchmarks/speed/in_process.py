"""CPU time of one decision and one reward in this process, without gunicorn.

`python -m benchmarks.speed.in_process [ROUNDS]` sends plain requests to the hot routes:
default policy, 5 variants, 10 context features. It
prints the least CPU time of a round in microseconds a request, which a loaded machine
disturbs least; run it in two checkouts in turn to compare them.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from http import HTTPStatus
from typing import Any

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.http.request_context import RequestContext
from bandit_svc.learner.loop import Learner
from bandit_svc.server.app import create_app
from bandit_svc.server.hot_routes import HOT, HotRoutes, plain_headers, written
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker

START_MS = 1_800_000_000_000
REQUESTS = 1_000
ROUNDS = 7
KEY = "homepage-hero-01"
EXPERIMENT = {"key": KEY, "variants": [{"key": f"v{n}"} for n in range(5)]}
CONTEXT = {
    "device": "mobile",
    "weather": "rain",
    "country": "DE",
    "ref": "search",
    "dow": "mon",
    "os": "ios",
    "age": "18-24",
    "seg": "new",
    "temp": 12.3,
}
HEADERS = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json")]


class Application:
    """The hot routes of one worker over a new folder, and its learner."""

    def __init__(self, folder: str) -> None:
        self.now_ms = START_MS
        settings = Settings(data=folder, dev=True)
        with closing(Backends(settings)) as backends:
            backends.storage.migrate()
            backends.storage.initialise(os.urandom(SECRET_BYTES), self.now_ms)
        self.worker = Worker(settings, self.now_ms, "ab12")
        context = RequestContext(self.worker, lambda: self.now_ms, os.urandom)
        self._hot_routes = HotRoutes(context)
        self._learner = Learner(self.worker, lambda: self.now_ms)
        create_app(context).test_client().post("/v1/experiments", json=EXPERIMENT)

    def post(self, path: str, body: bytes) -> dict[str, Any]:
        """Send a body of JSON; return that of the answer."""
        sent = plain_headers(HEADERS)
        if sent is None:
            raise RuntimeError("the headers of the benchmark are not plain")
        reply = self._hot_routes.answer(HOT[path.encode()], sent, body)
        if reply.status >= HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"the service answered {reply.status}")
        answer = written(reply, sent, b"").split(b"\r\n\r\n", 1)[1]
        return dict(json.loads(answer))

    def learn(self) -> None:
        """Let every window end, learn, and load the newest model."""
        self.now_ms += 3_600_000
        while not self._learner.tick().idle:
            pass
        self.worker.catalog.refresh_models()


def decisions(first: int) -> list[bytes]:
    """Return the bodies of one round."""
    return [
        json.dumps(
            {
                "experiment": KEY,
                "unit_id": f"user-{number}",
                "context": CONTEXT | {"hour": number % 24},
            }
        ).encode()
        for number in range(first, first + REQUESTS)
    ]


def rewards(ids: Sequence[str]) -> list[bytes]:
    """Return the bodies of a reward of 1 for each decision."""
    return [json.dumps({"decision_id": i, "value": 1.0}).encode() for i in ids]


def timed(
    application: Application, path: str, bodies: Sequence[bytes]
) -> tuple[float, list[dict[str, Any]]]:
    """Return CPU microseconds a request, JSON of the answer included, and answers."""
    begun = time.thread_time()
    answers = [application.post(path, body) for body in bodies]
    return (time.thread_time() - begun) / len(bodies) * 1e6, answers


def main() -> None:
    """Print the two figures."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    deciding, rewarding = [], []
    with tempfile.TemporaryDirectory() as folder:
        application = Application(folder)
        for number in range(rounds):
            cost, made = timed(application, "/v1/decisions", decisions(number * 1000))
            deciding.append(cost)
            bodies = rewards([answer["decision_id"] for answer in made])
            cost, _ = timed(application, "/v1/rewards", bodies)
            rewarding.append(cost)
            application.learn()
        application.worker.close()
    print(f"decision {min(deciding):.1f} us, reward {min(rewarding):.1f} us of CPU")


if __name__ == "__main__":
    main()
