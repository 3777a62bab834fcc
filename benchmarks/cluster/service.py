"""The parts of a cluster that are bandit_svc's own: web nodes and learners.

Owns their commands and settings, and which processes a web node consists of.
"""

import contextlib
import http.client
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.cluster.part import ClusterError, Command, Part, Place, plain
from benchmarks.cluster.processes import children_of, command_of, descendants_of

PROGRAM = str(Path(sys.executable).with_name("bandit-svc"))
WORKERS = 2
PSEUDONYMS = "pseudonym.key"
_READY_WITHIN_S = 2.0
_OK = 200


class WebNode(Part):
    """Gunicorn's master, its workers and the shipper, over a folder of their own."""

    def __init__(
        self, data: Path, place: Place, port: int, settings: Mapping[str, str]
    ) -> None:
        self.data, self.address = data, (place.host, port)
        self.url = f"http://{place.host}:{port}"
        words = [PROGRAM, "web", "--data", str(data), "--host", place.host]
        words += ["--port", str(port), "--workers", str(WORKERS)]
        named = {"BANDIT_NODE": data.name, **settings}
        super().__init__(data.name, place, Command(words, named), _log_of(data))

    def is_ready(self) -> bool:
        """Return whether it can make a decision durable, with all its workers."""
        connection = http.client.HTTPConnection(*self.address, timeout=_READY_WITHIN_S)
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/readyz")
                answered = connection.getresponse().status == _OK
            except (OSError, http.client.HTTPException):
                return False
        return answered and len(self.workers()) >= WORKERS

    def workers(self) -> list[int]:
        """Return the ids of the processes that answer requests."""
        return [pid for pid in children_of(self.master()) if _is_gunicorn(pid)]

    def master(self) -> int:
        """Return the id of the process that keeps the workers running."""
        below = [self.pid, *descendants_of(self.pid)]
        return next(filter(_is_gunicorn, below), 0)

    def shipper(self) -> int:
        """Return the id of the process that sends the outbox; 0 where there is none."""
        below = descendants_of(self.pid)
        return next((pid for pid in below if "shipper" in command_of(pid)), 0)


class LearnerNode(Part):
    """One learner; without a stream it shares the data folder of the web node."""

    def __init__(
        self, name: str, data: Path, place: Place, settings: Mapping[str, str]
    ) -> None:
        words = [PROGRAM, "learner", "--data", str(data)]
        variables = {"BANDIT_NODE": data.name, "BANDIT_LEARNER_NICE": "0", **settings}
        log = data.with_name(f"{name}.log")
        super().__init__(name, place, Command(words, variables), log)


def make_store(folders: Sequence[Path], settings: Mapping[str, str]) -> str:
    """Make the store; return its secret key.

    Args:
        folders: of every node and learner; each gets the key of the pseudonyms.

    Raises:
        ClusterError: `bandit-svc init` failed.
    """
    first, *others = folders
    done = subprocess.run(
        [PROGRAM, "init", "--data", str(first)],
        env={**plain(), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterError(f"the store could not be made: {done.stderr}")
    for folder in others:
        folder.mkdir(mode=0o700)
        shutil.copy2(first / PSEUDONYMS, folder / PSEUDONYMS)
    rows = (line.split() for line in done.stdout.splitlines())
    return next(row[1] for row in rows if row[:1] == ["secret"])


def _log_of(data: Path) -> Path:
    return data.with_suffix(".log")


def _is_gunicorn(pid: int) -> bool:
    return "gunicorn" in command_of(pid)
