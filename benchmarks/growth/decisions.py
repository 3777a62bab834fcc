"""The cost of a decision by size: probes of the application in this process.

Owns the in-process measurement of decisions and reports: CPU time of whole requests,
without the key check (`--dev`), with the append to the log.
"""

import io
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bandit_svc.clock import now_ms
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.app import create_app
from bandit_svc.server.hot_routes import HOT, HotRoutes, plain_headers, written
from benchmarks.growth.stores import definition, trained, worker_of
from benchmarks.speed.service import contexts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Probes = dict[int, Callable[[], float]]
"""By size: measures once, in the unit of the curve."""
HEADERS = [(b"host", b"localhost"), (b"content-type", b"application/json")]
REQUESTS = 1_000
REPORTS = 10


class InProcess(NamedTuple):
    """Both ways to an answer in a web worker: past Flask, and Flask."""

    hot_routes: HotRoutes
    flask: "WSGIApplication"


@contextmanager
def application(folder: Path) -> Iterator[InProcess]:
    """Open a store behind the application, as a web worker does."""
    with worker_of(folder) as worker:
        context = RequestContext(worker, now_ms, os.urandom)
        yield InProcess(HotRoutes(context), create_app(context).wsgi_app)


def ask_in_process(
    app: InProcess, path: str, body: bytes = b"", method: str = "POST"
) -> bytes:
    """Send one request the way that a web worker does; return the answer's bytes.

    Raises:
        RuntimeError: the request failed.
    """
    hot = HOT.get(path.encode()) if method == "POST" else None
    if hot is None:
        return _ask_flask(app.flask, path, body, method)
    sent = plain_headers(HEADERS)
    if sent is None:
        raise RuntimeError("the headers of the benchmark are not plain")
    reply = app.hot_routes.answer(hot, sent, body)
    if reply.status >= HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"{path} answered {reply.status}: {reply.body[:500]!r}")
    return written(reply, sent, b"")


def _ask_flask(app: "WSGIApplication", path: str, body: bytes, method: str) -> bytes:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
    }
    found: list[str] = []

    def start(status: str, *_rest: object) -> Callable[[bytes], object]:
        found.append(status)
        return lambda _written: None

    answer = b"".join(app(environ, start))
    if not found[0].startswith("2"):
        raise RuntimeError(f"{path} answered {found[0]}: {answer[:500]!r}")
    return answer


def deciding(
    app: InProcess, keys: Sequence[str], drawn: Sequence[dict[str, Any]]
) -> Callable[[], float]:
    """Return a probe of decisions over these experiments in turn: CPU µs each."""
    bodies = [
        json.dumps(
            {"experiment": key, "unit_id": f"u-{n}", "context": context}
        ).encode()
        for n, (key, context) in enumerate(
            itertools.islice(
                zip(itertools.cycle(keys), itertools.cycle(drawn), strict=False),
                max(REQUESTS, len(keys)),
            )
        )
    ]
    for body in bodies:
        ask_in_process(app, "/v1/decisions", body)

    def probe() -> float:
        begun_s = time.process_time()
        for body in bodies:
            ask_in_process(app, "/v1/decisions", body)
        return (time.process_time() - begun_s) / len(bodies) * 1e6

    return probe


def reporting(app: InProcess) -> Callable[[], float]:
    """Return a probe of the report: CPU ms each."""

    def probe() -> float:
        begun_s = time.process_time()
        for _ in range(REPORTS):
            ask_in_process(app, "/v1/experiments/bench/report", method="GET")
        return (time.process_time() - begun_s) / REPORTS * 1e3

    return probe


@contextmanager
def by_experiments(
    root: Path, sizes: Sequence[int], *, busy: int | None = None
) -> Iterator[Probes]:
    """Make and probe a store of each number of experiments, all with a model.

    Args:
        busy: how many experiments get the traffic, in turn; None for all.
    """
    with ExitStack() as stack:
        probes: Probes = {}
        for size in sizes:
            folder = root / f"experiments-{size}"
            keys = [f"bench-{n}" for n in range(size)]
            if not folder.exists():
                trained(folder, definitions=[definition(key, 5) for key in keys])
            app = stack.enter_context(application(folder))
            probes[size] = deciding(app, keys[:busy], contexts(499))
        yield probes


@contextmanager
def by_variants(root: Path, sizes: Sequence[int]) -> Iterator[Probes]:
    """Probe decisions among more and more variants."""
    with ExitStack() as stack:
        probes: Probes = {}
        for size in sizes:
            folder = root / f"variants-{size}"
            if not folder.exists():
                trained(folder, 1_000, definitions=[definition("bench", size)])
            app = stack.enter_context(application(folder))
            probes[size] = deciding(app, ["bench"], contexts(500))
        yield probes


@contextmanager
def by_features(root: Path, sizes: Sequence[int]) -> Iterator[Probes]:
    """Probe decisions with wider and wider contexts."""
    with ExitStack() as stack:
        probes: Probes = {}
        for size in sizes:
            folder = root / f"features-{size}"
            drawn = wide_contexts(500, size)
            if not folder.exists():
                trained(folder, 1_000, drawn=drawn)
            app = stack.enter_context(application(folder))
            probes[size] = deciding(app, ["bench"], drawn)
        yield probes


def wide_contexts(count: int, features: int, seed: int = 1) -> list[dict[str, Any]]:
    """Draw contexts with this many features, half texts and half numbers."""
    rng = random.Random(seed)  # noqa: S311 - a payload, drawn anew with its seed
    return [
        {
            f"feature_{n}": rng.choice(("red", "green", "blue"))
            if n % 2
            else round(rng.random(), 3)
            for n in range(features)
        }
        for _ in range(count)
    ]
