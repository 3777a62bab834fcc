"""The time from a matured reward until every worker decides with its model.

The real `serve` at default settings, but with a reward window of 1 s: one decision, its
reward, then requests over separate connections to all workers from the time at which
it matures. A trial ends when each connection has been answered by a newer model.
The connections are opened together, under load, so that every worker has some.
"""

import contextlib
import http.client
import json
import math
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.speed.processes import (
    BANDIT_SVC,
    ask,
    free_port,
    running,
    wait_for_port,
)
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import (
    EXPERIMENT,
    REWARD_WINDOW_S,
    contexts,
    definition,
)

CONNECTIONS = 16
TRIALS_A_SECOND = 5
QUIET_S = REWARD_WINDOW_S + 1.0
"""By then the learner has published a model of the decisions of the last trial."""
LONGEST_S = 20.0


class RewardToPolicy:
    """From a reward's maturity to its model in every worker."""

    name = "reward_to_policy"
    goals = (
        Goal(
            "matured reward to every worker's decisions, p99 of a round, s",
            "matured reward to policy, p99 s",
            None,
            "<=",
            1.0,
        ),
    )

    def __init__(self) -> None:
        self._port = 0
        self._open: list[http.client.HTTPConnection] = []

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the service with its learner."""
        with tempfile.TemporaryDirectory() as folder:
            self._port, output = free_port(), Path(folder) / "serve.log"
            command = (
                *(BANDIT_SVC, "serve", "--dev", "--data", f"{folder}/data"),
                *("--port", str(self._port), "--log-level", "warning"),
            )
            with running(command, output) as process:
                wait_for_port(process, self._port, output)
                ask(self._port, "POST", "/v1/experiments", "", definition())
                self._open = [
                    http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
                    for _ in range(CONNECTIONS)
                ]
                with ThreadPoolExecutor(CONNECTIONS) as pool:
                    list(pool.map(_decide, self._open))
                self._trial()
                yield
                for connection in self._open:
                    connection.close()

    def measure(self, seconds: float) -> Figures:
        """Run some trials; the p99 of so few is close to the largest."""
        count = max(2, math.ceil(seconds * TRIALS_A_SECOND))
        taken = sorted(self._trial() for _ in range(count))
        return {
            "matured reward to policy, median s": taken[len(taken) // 2],
            "matured reward to policy, p99 s": taken[math.ceil(0.99 * len(taken)) - 1],
        }

    def _newest(self) -> int:
        path = f"/v1/experiments/{EXPERIMENT}/models"
        models = ask(self._port, "GET", path, "")["models"]
        return max((model["version"] for model in models), default=0)

    def _trial(self) -> float:
        """Return the seconds from maturity to the last connection's newer model."""
        # The model of the last trial's decisions must be published before this one.
        time.sleep(QUIET_S)
        made = _decide(self._open[0])
        matures_s = time.monotonic() + REWARD_WINDOW_S
        reward = {"decision_id": made["decision_id"], "value": 1.0}
        ask(self._port, "POST", "/v1/rewards", "", reward)
        newest = self._newest()
        time.sleep(max(0.0, matures_s - time.monotonic()))
        for connection in self._open:
            while _decide(connection)["model_version"] <= newest:
                if time.monotonic() > matures_s + LONGEST_S:
                    raise RuntimeError("no newer model came; see serve.log")
                time.sleep(0.005)
        return time.monotonic() - matures_s


def _decide(connection: http.client.HTTPConnection) -> dict[str, Any]:
    body = {"experiment": EXPERIMENT, "context": contexts(1)[0]}
    connection.request("POST", "/v1/decisions", json.dumps(body))
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    return answer
