"""The running service for a while: are memory, descriptors and latency flat?

Runs web workers, their processes of reports and pages, and a learner. One caller asks
for decisions at a fixed rate and rewards a share of them, another asks for a report now
and then. Exits 1 if, after the second tenth, a process holds over 5 % more memory or
more open files than in it, if the median latency of the last tenth is over 5 % above
that of the second, or if an answer was no success.

    python -m benchmarks.soak_served --seconds 900 --rate 1000
"""

import argparse
import contextlib
import http.client
import json
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bandit_svc.settings import Settings
from benchmarks.flatness import growth, memory_mib, open_files
from benchmarks.speed.processes import driven, end_on_sigterm
from benchmarks.speed.service import (
    EXPERIMENT,
    Service,
    decision_bodies,
    learning,
    service,
)

REWARD_SHARE = 0.3
CONNECTIONS = 16
REPORT_EVERY_S = 2.0
SAMPLES = 50
_KINDS: Mapping[str, str] = {
    "pages": "bandit_svc.server.page_process",
    "learner": "bandit_svc.learner",
    "web": "bandit_svc.server.gunicorn_conf",
}
"""Kinds of processes by what their command has; the first that fits."""


class Sample(NamedTuple):
    """What was measured in one part of the run.

    Attributes:
        mib: resident memory by kind of process, the sum of its processes.
        files: open descriptors, likewise.
        p50_ms: median latency of decisions in this part.
        failed: answers that were no success, or did not come.
    """

    mib: dict[str, float]
    files: dict[str, float]
    p50_ms: float
    failed: int


def main() -> int:
    """Run, print a row for each tenth, write every sample, say whether it is flat."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=900.0)
    parser.add_argument("--rate", type=float, default=1_000.0)
    options = parser.parse_args()
    end_on_sigterm()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = stack.enter_context(service(folder, Settings()))
        stack.enter_context(learning(found))
        stack.enter_context(_reader(found))
        samples = [
            _sample(found, options.seconds / SAMPLES, options.rate)
            for _ in range(SAMPLES)
        ]
    _write(samples)
    for sample in samples[SAMPLES // 10 - 1 :: SAMPLES // 10]:
        mib = ", ".join(f"{kind} {held:.1f} MiB" for kind, held in sample.mib.items())
        print(f"{mib}; files {sum(sample.files.values()):.0f}; {sample.p50_ms:.2f} ms")
    growing = list(_growing(samples))
    failed = sum(sample.failed for sample in samples)
    print(f"answers that were no success: {failed}")
    print("all is flat" if not growing else f"GROWS: {', '.join(growing)}")
    return 1 if growing or failed else 0


@contextlib.contextmanager
def _reader(found: Service) -> Iterator[None]:
    """Ask for a report now and then, until the block is left."""
    stopped = threading.Event()

    def read() -> None:
        headers = {"Authorization": f"Bearer {found.secret}"}
        while not stopped.wait(REPORT_EVERY_S):
            connection = http.client.HTTPConnection("127.0.0.1", found.port)
            path = f"/v1/experiments/{EXPERIMENT}/report"
            connection.request("GET", path, headers=headers)
            connection.getresponse().read()
            connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _sample(found: Service, seconds: float, rate: float) -> Sample:
    """Load the service for a part of the run, and look at its processes."""
    plan = found.plan("/v1/decisions", decision_bodies()) | {
        "loop": "open",
        "rate": rate,
        "connections": CONNECTIONS,
        "seconds": seconds,
        "reward_share": REWARD_SHARE,
    }
    got = driven(plan)
    mib: dict[str, float] = {}
    files: dict[str, float] = {}
    for pid, kind in _processes(found):
        with contextlib.suppress(OSError):
            mib[kind] = mib.get(kind, 0.0) + memory_mib(pid)
            files[kind] = files.get(kind, 0.0) + open_files(pid)
    return Sample(mib, files, got["p50_ms"], got["failed"] + got["lost"])


def _processes(found: Service) -> Iterator[tuple[int, str]]:
    """Yield the processes over the service's folder, with their kinds."""
    own = f"BANDIT_DATA={found.folder / 'data'}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().decode()
            kind = next((k for k, part in _KINDS.items() if part in command), None)
            if kind and own in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name), kind


def _growing(samples: list[Sample]) -> Iterator[str]:
    """Yield what is above its bound."""
    values = {"latency, ms": [sample.p50_ms for sample in samples]}
    for kind in samples[-1].mib:
        values[f"memory of {kind}, MiB"] = [s.mib.get(kind, 0.0) for s in samples]
        values[f"files of {kind}"] = [s.files.get(kind, 0.0) for s in samples]
    for what, found in values.items():
        grown = growth(found)
        print(
            f"{what}: median {grown.reference:.2f} in the second tenth, at most "
            f"{grown.reached:.2f} in a later one ({grown.ratio:.3f})"
        )
        if not grown.is_flat:
            yield what


def _write(samples: list[Sample]) -> None:
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    rows = [sample._asdict() for sample in samples]
    (folder / "soak_served.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    sys.exit(main())
