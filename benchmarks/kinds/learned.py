"""A service whose models have learned, and one connection that asks it.

Owns the order before a measurement: an experiment for each kind of policy, traffic that
they learn from, and no learner from then on.
"""

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.speed.processes import BANDIT_SVC, ask, running
from benchmarks.speed.service import OneService, Service

LONGEST_S = 120.0


class LearnedService(OneService):
    """A scenario over one experiment for each of `kinds`, named as its kind.

    Attributes:
        kinds: of policies.
        least: so many decisions a model must have learned before it is measured.
    """

    kinds: tuple[str, ...] = ()
    least = 0

    def definition(self, kind: str) -> dict[str, Any]:
        """Return what the experiment of a kind has beside its key."""
        raise NotImplementedError

    def teach(self, kind: str) -> None:
        """Send the decisions and rewards that a policy learns from."""
        raise NotImplementedError

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the web workers, and let the models learn."""
        with super().running():
            found = self._running
            for kind in self.kinds:
                body = {"key": kind} | self.definition(kind)
                self.ask("POST", "/v1/experiments", body)
            command = (BANDIT_SVC, "learner", "--data", str(found.folder / "data"))
            with running(command, found.folder / "learner.log"):
                for kind in self.kinds:
                    self.teach(kind)
                    self._wait_until_learned(kind)
            yield

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask the running service."""
        found = self._running
        return dict(ask(found.port, method, path, found.secret, body))

    def decide(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the decisions of a batch."""
        made = self.ask("POST", "/v1/decisions/batch", {"decisions": asked})
        return list(made["decisions"])

    def reward(self, decision_ids: list[str]) -> None:
        """Send a reward of 1 for each decision."""
        rewards = [{"decision_id": one, "value": 1} for one in decision_ids]
        self.ask("POST", "/v1/rewards/batch", {"rewards": rewards})

    def _wait_until_learned(self, kind: str) -> None:
        deadline_s = time.monotonic() + LONGEST_S
        while self._learned(kind) < self.least:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{kind} has learned too little; see learner.log")
            time.sleep(0.1)

    def _learned(self, kind: str) -> int:
        models = self.ask("GET", f"/v1/experiments/{kind}/models")["models"]
        return max((model["learned"] for model in models), default=0)


class Connection:
    """One connection, as a page's server keeps it."""

    def __init__(self, found: Service) -> None:
        self._key = found.secret
        self._http = http.client.HTTPConnection("127.0.0.1", found.port)

    def timed_ms(self, path: str, body: object) -> float:
        """Send a body; return how long the answer took."""
        sent = json.dumps(body)
        headers = {"Authorization": f"Bearer {self._key}"}
        begun_s = time.perf_counter()
        self._http.request("POST", path, sent, headers)
        answer = self._http.getresponse()
        answered = answer.read()
        took_s = time.perf_counter() - begun_s
        if answer.status >= http.HTTPStatus.BAD_REQUEST or b'"errors"' in answered:
            raise RuntimeError(f"{path} answered {answer.status}: {answered[:200]!r}")
        return took_s * 1_000

    def close(self) -> None:
        """Close the connection."""
        self._http.close()
