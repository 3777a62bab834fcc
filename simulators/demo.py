"""The demo: a service, simulated visitors, and a live table of its reports.

Owns the sequence: start the service over a data folder, create four experiments, send
visitors, show the reports, stop everything. `make demo` runs it; `python -m
simulators.demo --help` lists the options.
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from bandit_svc.client import BanditClient, BanditClientError
from simulators import demo_view
from simulators.demo_service import COMMAND, Service, ServiceError, port_from
from simulators.summary import Summary, summary_lines
from simulators.traffic import TIMEOUT_S, ensure_experiment, simulate
from simulators.worlds.registry import world

WINDOW_S = 6.0
SHOW_EVERY_S = 2.0
ROUNDS_WITHOUT_END = 10**12
SEED = 7
# Decisions a second by world; together they leave spare CPU time on two cores.
RATES_PER_S = {"hero": 100.0, "artwork": 40.0, "null": 30.0, "shop": 60.0}
CANDIDATES = [{"kind": "linear"}]
"""The candidates of the hero experiment, which its page offers to promote."""
ENDS_WITHIN_S = 15.0


class Crowd:
    """The visitors of every world, one thread a world."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._summaries: dict[str, Summary] = {}
        self._failure: BanditClientError | None = None
        self._threads = [
            threading.Thread(target=self._visit, args=item, daemon=True)
            for item in RATES_PER_S.items()
        ]

    def start(self) -> None:
        """Start the visitors."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[Summary]:
        """Stop the visitors; return a summary of each world."""
        self._stop.set()
        deadline = time.monotonic() + ENDS_WITHIN_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [
            self._summaries[name] for name in RATES_PER_S if name in self._summaries
        ]

    def check(self) -> None:
        """Check that the visitors get answers.

        Raises:
            ServiceError: the service refused their requests, or stopped answering.
        """
        if self._failure is not None:
            raise ServiceError(f"the visitors got no answer: {self._failure}")

    def _visit(self, name: str, rate_per_s: float) -> None:
        try:
            self._summaries[name] = simulate(
                name,
                self._url,
                ROUNDS_WITHOUT_END,
                SEED,
                rate=rate_per_s,
                window_s=WINDOW_S,
                stop=self._stop,
            )
        except BanditClientError as error:
            self._failure = error


def main(
    arguments: Sequence[str] | None = None, command: Sequence[str] = COMMAND
) -> int:
    """Run the demo; return the exit status, 1 if the service failed.

    Args:
        command: starts the service; options for its folder and port follow.
    """
    options = _options(arguments)
    console = Console(highlight=False, markup=False)
    # In a log, each line stays whole.
    console.soft_wrap = not console.is_terminal
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _data_folder(options.data) as data:
            return _run(console, data, options.seconds, stop, command)
    except ServiceError as error:
        console.print(f"The demo ended: {error}")
        return 1


def _run(
    console: Console,
    data: Path,
    seconds: float | None,
    stop: threading.Event,
    command: Sequence[str],
) -> int:
    port = port_from(dict(os.environ))
    console.print(f"Starting the service over {data} ...")
    service = Service(data, port, command)
    try:
        if not service.wait_until_ready(stop.wait):
            return 0
        console.print(
            f"Dashboard: {service.url}/\n"
            f"Visitors: {sum(RATES_PER_S.values()):.0f} a second. The reward window is "
            f"{WINDOW_S:.0f} s plus 1 s of grace;\nthe first decisions are learned "
            "from and reported after that. Ctrl-C stops the demo."
        )
        _prepare(service.url)
        crowd = Crowd(service.url)
        crowd.start()
        try:
            _show(console, service, crowd, seconds, stop)
        finally:
            summaries = crowd.stop()
        for line in (text for one in summaries for text in summary_lines(one)):
            console.print(line)
    finally:
        service.stop()
        console.print("Stopped.")
    return 0


def _client(url: str) -> BanditClient:
    # No user waits for these requests, and a laptop that has just started is slow.
    return BanditClient(url, timeout_s=TIMEOUT_S)


def _prepare(url: str) -> None:
    """Create the hero experiment with a candidate that can be promoted."""
    try:
        with _client(url) as client:
            ensure_experiment(client, world("hero"), WINDOW_S, candidates=CANDIDATES)
    except BanditClientError as error:
        raise ServiceError(f"the experiment could not be created: {error}") from error


def _show(
    console: Console,
    service: Service,
    crowd: Crowd,
    seconds: float | None,
    stop: threading.Event,
) -> None:
    """Show the reports every 2 s until `stop` is set or `seconds` are over."""
    began = time.monotonic()
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    above_zero: set[str] = set()
    with live or contextlib.nullcontext(), _client(service.url) as client:
        while not stop.wait(SHOW_EVERY_S):
            service.check()
            crowd.check()
            elapsed_s = time.monotonic() - began
            reports = _reports(client)
            if live is not None:
                view = demo_view.table(reports, elapsed_s, service.url)
                live.update(view, refresh=True)
            else:
                for line in demo_view.lines(reports, elapsed_s):
                    console.print(line)
            for report in reports:
                key = str(report.get("experiment"))
                if demo_view.is_above_zero(report) and key not in above_zero:
                    above_zero.add(key)
                    console.print(f"{elapsed_s:5.0f} s  the uplift of {key} is above 0")
            if seconds is not None and elapsed_s >= seconds:
                return


def _reports(client: BanditClient) -> list[demo_view.Report]:
    """Return the reports that can be read; a busy service may answer some too late."""
    reports: list[demo_view.Report] = []
    for name in RATES_PER_S:
        with contextlib.suppress(BanditClientError):
            reports.append(client.report(world(name).key))
    return reports


@contextlib.contextmanager
def _data_folder(given: Path | None) -> Iterator[Path]:
    """Yield the given folder, or a temporary one that is removed afterwards."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(
        # A worker whose supervisor was killed may still be writing to the log.
        prefix="bandit-demo-",
        ignore_cleanup_errors=True,
    ) as folder:
        yield Path(folder)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.demo")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder that keeps all data (default: a temporary one)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        help="stop after this many seconds (default: at Ctrl-C)",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
