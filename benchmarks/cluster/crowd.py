"""Visitors of a cluster, as a load balancer would send them to its web nodes.

Owns the order of requests: decisions at a rate, rewards that are sent until they are
taken. A request that gets no answer is sent to the next node, under its request_id
where it has one; without one it is given up, since it may have been decided.
"""

import heapq
import http.client
import itertools
import json
import math
import random
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bandit_svc.client import BanditClient, BanditClientError
from benchmarks.cluster.ledger import Ledger, Told
from benchmarks.cluster.part import ClusterError
from simulators.environment import Json
from simulators.worlds.registry import world

WORLD = world("hero")
WINDOW_S, GRACE_S = 4.0, 2.0
ANSWER_WITHIN_S = 5.0
CREATED_WITHIN_S = 20.0
AGAIN_AFTER_S, AGAIN_AFTER_AT_MOST_S = 0.3, 3.0
REPEATABLE_SHARE = 0.5
RECONNECTING_SHARE = 0.2
"""Of requests, those on a connection of their own, by which another worker is met."""
VISITORS = 4
"""Threads a node; each waits for its answer before it asks again."""
CREATED, ACCEPTED, SERVER_ERROR = 201, 202, 500
TOO_MANY = 429


def create_experiments(url: str, key: str, count: int) -> list[str]:
    """Create the experiments of a cluster through one of its nodes; return their keys.

    Raises:
        ClusterError: one could not be created.
    """
    names = [f"hero-{number}" for number in range(1, count + 1)]
    try:
        with BanditClient(url, key, timeout_s=CREATED_WITHIN_S) as client:
            for name in names:
                client.create_experiment(_experiment(name))
    except BanditClientError as error:
        raise ClusterError(f"no experiment could be created: {error}") from error
    return names


def _experiment(name: str) -> Json:
    body = WORLD.experiment() | {"key": name, "holdout": 0.2}
    body["reward"] |= {"window_seconds": WINDOW_S, "grace_seconds": GRACE_S}
    return body


class _Question(NamedTuple):
    body: Json
    node: int
    tries: int = 0

    @property
    def request_id(self) -> str | None:
        return self.body.get("request_id")


class _Report(NamedTuple):
    decision_id: str
    value: float
    tries: int = 0


class Entrance(NamedTuple):
    """How visitors reach the service.

    Attributes:
        addresses: host and port of each node.
        key: the secret key.
        experiments: the keys of those that they are in.
    """

    addresses: Sequence[tuple[str, int]]
    key: str
    experiments: Sequence[str]


class Visitor(threading.Thread):
    """Asks one node, and another one where it gets no answer.

    Args:
        number: its own, from which follows the node that it asks first.
    """

    def __init__(
        self,
        entrance: Entrance,
        number: int,
        rate_per_s: float,
        ledger: Ledger,
    ) -> None:
        super().__init__(name=f"visitor-{number}", daemon=True)
        self._entrance = entrance
        self._home = number % len(entrance.addresses)
        self._interval_s = 1.0 / rate_per_s
        self._ledger = ledger
        self._random = random.Random(number)  # noqa: S311 - a seeded load
        self._numpy = np.random.default_rng(number)
        self._run = f"{time.time_ns():x}-{number}"
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Question | _Report]] = []
        self._connections: dict[int, http.client.HTTPConnection] = {}
        self._ends = threading.Event()
        self._given_up = threading.Event()

    def run(self) -> None:
        """Ask and report until told to end and nothing waits for its answer."""
        try:
            self._ask_and_report()
        finally:
            for connection in self._connections.values():
                connection.close()

    def _ask_and_report(self) -> None:
        next_s = time.monotonic()
        while not self._given_up.is_set():
            now_s = time.monotonic()
            due_s = self._due[0][0] if self._due else math.inf
            if self._ends.is_set():
                if not self._due:
                    return
                next_s = math.inf
            # What is due first is first, or repetitions would leave no time to ask.
            if min(due_s, next_s) > now_s:
                waiting = self._given_up if self._ends.is_set() else self._ends
                waiting.wait(min(due_s, next_s) - now_s)
            elif due_s <= next_s:
                self._send(heapq.heappop(self._due)[2])
            else:
                next_s = max(next_s + self._interval_s, now_s - 1.0)
                self._send(self._next_question())

    def end(self) -> None:
        """Ask nothing new; what waits for an answer is still sent."""
        self._ends.set()

    def give_up(self) -> None:
        """Send nothing more."""
        self._ends.set()
        self._given_up.set()

    def _next_question(self) -> _Question:
        at = next(self._order)
        body: Json = {
            "experiment": self._random.choice(self._entrance.experiments),
            "unit_id": f"u{self._random.randrange(10**9)}",
            "context": WORLD.draw_context(self._numpy, at),
        }
        if self._random.random() < REPEATABLE_SHARE:
            body["request_id"] = f"{self._run}-{at}"
        return _Question(body, self._home)

    def _send(self, item: _Question | _Report) -> None:
        if isinstance(item, _Question):
            self._ask(item)
        else:
            self._report(item)

    def _ask(self, question: _Question) -> None:
        asked_s = time.monotonic()
        status, answer = self._post(question.node, "/v1/decisions", question.body)
        if status == CREATED:
            self._note(question, answer, asked_s)
            return
        if 0 < status < SERVER_ERROR and status != TOO_MANY:
            self._ledger.refuse(f"decision: {status} {answer.get('detail')}")
            return
        repeats = question.request_id is not None
        self._ledger.failed(repeats=repeats)
        if repeats:
            again = question._replace(
                node=self._next(question), tries=question.tries + 1
            )
            self._later(_pause_s(question.tries), again)

    def _next(self, question: _Question) -> int:
        return (question.node + 1) % len(self._entrance.addresses)

    def _note(self, question: _Question, answer: Json, asked_s: float) -> None:
        decision_id, key = answer["decision_id"], question.body["experiment"]
        learned = answer.get("group") == "treatment" and question.tries == 0
        version = answer["model_version"] if learned else None
        told = Told(key, question.node, time.monotonic(), asked_s, version)
        self._ledger.decided(decision_id, told, question.request_id)
        context = question.body["context"]
        chance = WORLD.expected_reward(context, answer["variant"], 0)
        if self._random.random() < chance:
            self._later(self._random.uniform(0.05, 1.0), _Report(decision_id, 1.0))

    def _report(self, report: _Report) -> None:
        node = self._random.randrange(len(self._entrance.addresses))
        body = {"decision_id": report.decision_id, "value": report.value}
        status, answer = self._post(node, "/v1/rewards", body)
        if status == ACCEPTED:
            self._ledger.rewarded(report.decision_id, report.value)
        elif 0 < status < SERVER_ERROR and status != TOO_MANY:
            self._ledger.refuse(f"reward: {status} {answer.get('detail')}")
        else:
            self._ledger.failed(repeats=True)
            again = report._replace(tries=report.tries + 1)
            self._later(_pause_s(report.tries), again)

    def _later(self, seconds: float, item: _Question | _Report) -> None:
        at_s = time.monotonic() + seconds
        heapq.heappush(self._due, (at_s, next(self._order), item))

    def _post(self, node: int, path: str, body: Json) -> tuple[int, Json]:
        """Return status and body of the answer; status 0 where none came."""
        connection = self._connections.pop(node, None)
        if connection is not None and self._random.random() < RECONNECTING_SHARE:
            connection.close()
            connection = None
        if connection is None:
            host, port = self._entrance.addresses[node]
            connection = http.client.HTTPConnection(host, port, timeout=ANSWER_WITHIN_S)
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._entrance.key}",
        }
        try:
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            answer: Json = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            return 0, {}
        self._connections[node] = connection
        return response.status, answer


def _pause_s(tries: int) -> float:
    """Return the pause before the next try, which doubles up to a limit."""
    return min(AGAIN_AFTER_S * 2.0**tries, AGAIN_AFTER_AT_MOST_S)


class Crowd:
    """The visitors of every node."""

    def __init__(self, entrance: Entrance, rate_per_s: float, ledger: Ledger) -> None:
        homes = [*range(len(entrance.addresses))] * VISITORS
        share = rate_per_s / len(homes)
        self._visitors = [
            Visitor(entrance, at, share, ledger) for at in range(len(homes))
        ]

    def start(self) -> None:
        """Start the visitors."""
        for visitor in self._visitors:
            visitor.start()

    def end(self, within_s: float) -> bool:
        """Ask nothing new; return whether all that was sent has its answer."""
        for visitor in self._visitors:
            visitor.end()
        deadline_s = time.monotonic() + within_s
        for visitor in self._visitors:
            visitor.join(max(0.0, deadline_s - time.monotonic()))
        left = [visitor for visitor in self._visitors if visitor.is_alive()]
        for visitor in left:
            visitor.give_up()
        for visitor in left:
            visitor.join(ANSWER_WITHIN_S)
        return not left
