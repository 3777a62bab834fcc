"""A service with keys whose simulated visitors come and go.

Owns `Shop`: what an analyst's browser looks at.
"""

import json
import re
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bandit_svc.client import BanditClient, BanditClientError
from simulators.traffic import simulate
from tests.harness.process import COMMAND, plain_environment
from tests.harness.served import Served
from tests.harness.waiting import GENEROUS_S

OK, CREATED = 200, 201
SEEN_FIRST = 800
"""Decisions that the shop has made before a test looks."""


class Shop(Served):
    """A `bandit-svc serve` with keys, and visitors of `homepage-hero`."""

    mode = ()

    def __init__(self, folder: Path) -> None:
        data = folder / "data"
        made = subprocess.run(
            [COMMAND, "init", "--data", str(data)],
            capture_output=True,
            text=True,
            check=True,
            env=plain_environment(),
        ).stdout
        self.secret = _key(made, "bsk_")
        self.publishable = _key(made, "bpk_")
        super().__init__(data)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.client = BanditClient(self.url, self.secret, timeout_s=GENEROUS_S)

    def open(self) -> None:
        """Let the shop's visitors in; return when it has learned something."""
        self.wait_until_ready()
        for rounds, rate in ((SEEN_FIRST, None), (10**9, 15.0)):
            call = partial(simulate, "hero", self.url, rounds, seed=7, rate=rate)
            call = partial(call, timeout_s=GENEROUS_S)
            self._visit(partial(call, key=self.secret, window_s=1.0, stop=self._stop))
        self.wait_for(
            lambda: self._learned() >= SEEN_FIRST // 2, "visitors learned from"
        )

    def send_visitors(self, key: str) -> None:
        """Let somebody ask for decisions of an experiment, until the end."""

        def visit() -> None:
            with BanditClient(
                self.url, self.publishable, timeout_s=GENEROUS_S
            ) as client:
                number = 0
                while not self._stop.wait(0.02):
                    number += 1
                    context = {"device": ("phone", "desk")[number % 2]}
                    made = client.decide(key, f"u{number}", context, fallback="a")
                    if made.decision_id and number % 3 == 0:
                        client.reward(made.decision_id, 1.0)

        self._visit(visit)

    def has(self, key: str) -> bool:
        """Return whether there is an experiment of that key."""
        try:
            return bool(self.client.experiment(key))
        except BanditClientError:
            return False

    def look_up(self, decision_id: str) -> Any:
        """Return what is known of a decision; None where it is not known yet."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=GENEROUS_S)
        with closing(connection):
            headers = {"Authorization": f"Bearer {self.secret}"}
            connection.request("GET", f"/v1/decisions/{decision_id}", headers=headers)
            answer = connection.getresponse()
            found = json.load(answer)
        return found if answer.status == OK else None

    def erase(self, unit_id: str) -> str:
        """Ask for the erasure of a unit; return its id."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=GENEROUS_S)
        with closing(connection):
            headers = {"Authorization": f"Bearer {self.secret}"}
            connection.request("DELETE", f"/v1/units/{unit_id}", headers=headers)
            return str(json.load(connection.getresponse())["id"])

    def create_programme(self, key: str) -> None:
        """Create a programme with a holdout."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=GENEROUS_S)
        with closing(connection):
            headers = {"Authorization": f"Bearer {self.secret}"}
            body = json.dumps({"key": key, "holdout": 0.1, "explore": 0.1})
            connection.request("POST", "/v1/programmes", body, headers)
            assert connection.getresponse().status == CREATED

    def close(self) -> None:
        """Send the visitors home, and end the service."""
        self._stop.set()
        for thread in self._threads:
            thread.join(GENEROUS_S)
        self.client.close()
        assert self.stop() == 0

    def _visit(self, call: Callable[[], object]) -> None:
        thread = threading.Thread(target=call, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _learned(self) -> int:
        if not self.has("homepage-hero"):
            return 0
        return int(self.client.report("homepage-hero")["model"]["learned"])


def _key(text: str, prefix: str) -> str:
    found = re.search(rf"{prefix}\w+", text)
    assert found is not None, f"init printed no key that begins with {prefix}"
    return found[0]
