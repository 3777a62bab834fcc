"""The real service under load: `bandit-svc init`, `web`, and a learner on demand.

Owns the experiment that is measured and the payload: 5 variants x 10 features. Keys,
propensities and durability are as shipped (fsync=interval). No holdout, so that every
decision asks the model.
"""

import contextlib
import itertools
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bandit_svc.settings import Settings
from benchmarks.speed.processes import (
    BANDIT_SVC,
    START_TIMEOUT_S,
    ask,
    drive,
    free_port,
    running,
    wait_for_port,
)

EXPERIMENT = "bench"
VARIANTS = 5
REWARD_WINDOW_S = 1
_COUNTRIES = ("de", "fr", "it", "es", "pl", "nl")


class Service(NamedTuple):
    """A running service with its keys."""

    port: int
    group: int
    folder: Path
    secret: str
    publishable: str

    def plan(self, path: str, bodies: Sequence[str]) -> dict[str, Any]:
        """Return the part of a driver's plan with the address and the key."""
        return {
            "port": self.port,
            "key": self.publishable,
            "path": path,
            "bodies": list(bodies),
        }


def contexts(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Draw contexts of 10 features, half of them text and half numbers."""
    rng = random.Random(seed)  # noqa: S311 - a payload, drawn anew with its seed
    return [
        {
            "device": rng.choice(("mobile", "desktop", "tablet")),
            "os": rng.choice(("ios", "android", "linux", "windows")),
            "country": rng.choice(_COUNTRIES),
            "weather": rng.choice(("rain", "sun", "snow")),
            "segment": rng.choice(("new", "loyal", "lapsed")),
            "hour": rng.randrange(24),
            "weekday": rng.randrange(7),
            "visits": rng.randrange(40),
            "temperature": round(rng.gauss(12, 8), 1),
            "basket": round(rng.expovariate(0.02), 2),
        }
        for _ in range(count)
    ]


def decision_bodies(count: int = 500) -> list[str]:
    """Return requests for decisions, one unit each."""
    return [
        json.dumps({"experiment": EXPERIMENT, "unit_id": f"u-{n}", "context": context})
        for n, context in enumerate(contexts(count))
    ]


def batch_bodies(size: int, count: int = 20) -> list[str]:
    """Return requests for batches of decisions."""
    single = itertools.cycle(decision_bodies())
    return [
        f'{{"decisions": [{", ".join(itertools.islice(single, size))}]}}'
        for _ in range(count)
    ]


@contextlib.contextmanager
def service(folder: Path, settings: Settings) -> Iterator[Service]:
    """Run the web workers over a new data folder, with one trained experiment."""
    data = folder / "data"
    made = subprocess.run(
        [BANDIT_SVC, "init", "--data", str(data)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    secret, publishable = (_key(made, prefix) for prefix in ("bsk_", "bpk_"))
    port, output = free_port(), folder / "web.log"
    command = (
        *(BANDIT_SVC, "web", "--data", str(data), "--port", str(port)),
        *("--workers", str(settings.workers), "--threads", str(settings.threads)),
        *("--log-level", "warning"),
    )
    with running(command, output) as process:
        wait_for_port(process, port, output)
        found = Service(port, process.pid, folder, secret, publishable)
        _create_experiment(found)
        _train(found)
        yield found


class OneService:
    """A scenario over one service, without a learner unless it starts one."""

    def __init__(self) -> None:
        self._service: Service | None = None
        self._bodies = decision_bodies()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the web workers."""
        with (
            tempfile.TemporaryDirectory() as folder,
            service(Path(folder), Settings()) as self._service,
        ):
            yield

    @property
    def _running(self) -> Service:
        assert self._service is not None, "only inside running()"  # noqa: S101
        return self._service


@contextlib.contextmanager
def learning(found: Service) -> Iterator[None]:
    """Run the learner; the block starts after its first model."""
    before = _model_version(found)
    command = (BANDIT_SVC, "learner", "--data", str(found.folder / "data"))
    with running(command, found.folder / "learner.log"):
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while _model_version(found) == before:
            if time.monotonic() > deadline_s:
                raise RuntimeError("the learner publishes nothing; see learner.log")
            time.sleep(0.05)
        yield


def learned_count(found: Service) -> int:
    """Return how many joined decisions the newest model has learned from."""
    models = ask(
        found.port, "GET", f"/v1/experiments/{EXPERIMENT}/models", found.secret
    )
    return max((model["learned"] for model in models["models"]), default=0)


def definition() -> dict[str, Any]:
    """Return the experiment that is measured."""
    return {
        "key": EXPERIMENT,
        "variants": [
            {
                "key": f"hero-{n}",
                "features": {"category": f"c{n % 3}", "price": n / 5},
                "payload": {"img": f"/images/{n}.jpg"},
            }
            for n in range(VARIANTS)
        ],
        "holdout": 0.0,
        "reward": {"window_seconds": REWARD_WINDOW_S},
    }


def _create_experiment(found: Service) -> None:
    ask(found.port, "POST", "/v1/experiments", found.secret, definition())


def _train(found: Service) -> None:
    """Train a model on every feature, so that no weight is missing."""
    traffic = {"loop": "closed", "connections": 8, "seconds": 1.0, "reward_share": 0.3}
    drive(found.plan("/v1/decisions", decision_bodies()) | traffic)
    time.sleep(REWARD_WINDOW_S)
    with learning(found):
        pass


def _model_version(found: Service) -> int:
    models = ask(
        found.port, "GET", f"/v1/experiments/{EXPERIMENT}/models", found.secret
    )
    return max((model["version"] for model in models["models"]), default=0)


def _key(text: str, prefix: str) -> str:
    return next(word for word in text.split() if word.startswith(prefix))
